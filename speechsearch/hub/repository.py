"""What a repository of the hub holds, at one commit: files with size and hash, licence, language.

All requests go through ``huggingface_hub``, so that its settings hold: ``HF_ENDPOINT`` (a mirror),
``HF_TOKEN``, ``HF_HUB_OFFLINE``, ``HTTPS_PROXY`` and the rest.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from speechsearch.asr.checkpoint import CHECKPOINT_FILES, PICKLE_FILE, WEIGHTS_FILE
from speechsearch.asr.ready import ready_files
from speechsearch.errors import HubError

if TYPE_CHECKING:
    from speechsearch.asr.agreement import Precision

# Xet's own transfer is not resumed by another process, plain requests are. Before the import.
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")

LOOK_UP_TIMEOUT_S = 20.0
CARD_FILES = ("README.md", "LICENSE", "LICENSE.txt")
NOT_STATED = "not stated"
_BY_HAND = (
    "Without the hub: copy the repository's files (config.json, vocab.json, "
    "preprocessor_config.json, tokenizer_config.json, and model.safetensors or onnx/model.onnx) "
    "into a folder and run speechsearch models add FOLDER. A mirror is named by HF_ENDPOINT, a "
    "proxy by HTTPS_PROXY"
)


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a repository."""

    name: str
    bytes: int
    digest: str
    """Hexadecimal: sha256 of what is in LFS (64 digits), else git's sha1 (40 digits); empty where
    a mirror's listing does not say"""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at one commit."""

    name: str
    """``owner/name``"""
    revision: str
    """The commit, 40 hexadecimal digits"""
    license: str
    language: str
    files: tuple[RemoteFile, ...]

    @property
    def address(self) -> str:
        """Where a person can look at it."""
        return f"{endpoint()}/{self.name}/tree/{self.revision}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to fetch, and what is done with it."""

    files: tuple[RemoteFile, ...]
    converts: bool
    """Whether torch makes the graphs; else they are taken as they are"""

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(file.bytes for file in self.files)

    @property
    def description(self) -> Plan:
        """The few small files that say whether the rest is worth fetching."""
        small = tuple(file for file in self.files if file.name in CHECKPOINT_FILES)
        return Plan(small, self.converts)


def endpoint() -> str:
    """The hub, or the mirror that ``HF_ENDPOINT`` names."""
    from huggingface_hub import constants

    return constants.ENDPOINT


def look_up(name: str, revision: str | None = None) -> Repository:
    """Ask the hub what ``owner/name`` is at a branch, tag or commit.

    Raises ``HubError`` where there is none, it may not be read, or the hub cannot be reached.
    """
    from huggingface_hub import HfApi

    with explained(name, revision):
        info = HfApi(endpoint=endpoint()).model_info(
            name, revision=revision, files_metadata=True, timeout=LOOK_UP_TIMEOUT_S
        )
        if not info.sha:
            raise ValueError("it names no commit")
    card = vars(info.card_data) if info.card_data else {}
    return Repository(
        name=name,
        revision=info.sha,
        license=stated(card, "license_name", "license"),
        language=stated(card, "language"),
        files=tuple(_file(one) for one in info.siblings or () if _inside(one.rfilename)),
    )


def plan(repository: Repository, precision: Precision, *, torch_here: bool) -> Plan:
    """The files to fetch: weights where torch can convert them, else graphs that are ready.

    Raises ``HubError`` where the repository holds nothing of use to this installation.
    """
    files = {file.name: file for file in repository.files}
    if "config.json" not in files:
        raise HubError(
            f"{repository.name} has no config.json: it holds no model of transformers",
            hint="Name a CTC model, such as facebook/wav2vec2-base-960h",
        )
    weights = [name for name in (WEIGHTS_FILE, PICKLE_FILE) if name in files][:1]
    converts = bool(weights and torch_here)
    graphs = weights if converts else ready_files(tuple(files), precision)
    if not graphs:
        raise HubError(
            f"{repository.name} has no graph that is ready (onnx/model.onnx)"
            + (", and converting its weights needs torch" if weights else ", nor weights"),
            hint="pip install 'speechsearch[torch]', or take a repository with an onnx folder, "
            "such as one of onnx-community or Xenova",
        )
    wanted = (*CHECKPOINT_FILES, *CARD_FILES, *graphs)
    return Plan(tuple(files[name] for name in wanted if name in files), converts)


def stated(card: dict[str, Any], *fields: str) -> str:
    """The first field of a model card that says something."""
    for field in fields:
        said = card.get(field)
        if isinstance(said, list):
            said = ", ".join(map(str, said))
        if said:
            return str(said)
    return NOT_STATED


@contextmanager
def explained(name: str, revision: str | None = None) -> Iterator[None]:
    """Turn the hub client's errors about a repository into ``HubError`` with what to do."""
    import httpx2
    from huggingface_hub import errors

    where = f"{name} at {revision}" if revision else name
    try:
        yield
    except errors.HFValidationError as error:
        raise HubError(f"{name!r} names no repository", hint="It looks like owner/name") from error
    except errors.GatedRepoError as error:
        raise HubError(
            f"{name} is given only to those who accept its conditions",
            hint=f"Accept them at {endpoint()}/{name}, then set HF_TOKEN to your token",
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise HubError(
            f"{endpoint()} has no repository {name}, or it is private",
            hint="Check the spelling; for a private one set HF_TOKEN to a token that may read it",
        ) from error
    except (errors.RevisionNotFoundError, errors.EntryNotFoundError) as error:
        raise HubError(
            f"{endpoint()} has no {where}", hint="Name a branch, tag or commit of the repository"
        ) from error
    except errors.OfflineModeIsEnabled as error:
        raise HubError(
            "HF_HUB_OFFLINE is set, so nothing is fetched", hint=f"Unset it. {_BY_HAND}"
        ) from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        private = "Check the spelling; if it is private, set HF_TOKEN to a token that may read it"
        raise HubError(
            f"{endpoint()} answers {status} for {where}",
            hint=private if status in (401, 403) else "Try again later",
        ) from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise HubError(
            f"{endpoint()} cannot be reached for {where}: {error or type(error).__name__}",
            hint=_BY_HAND,
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise HubError(
            f"{endpoint()} does not answer as a hub does about {where}: {error}",
            hint="Check HF_ENDPOINT and the proxy",
        ) from error


def _inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def _file(sibling: Any) -> RemoteFile:
    lfs = sibling.lfs
    digest = lfs.sha256 if lfs else sibling.blob_id
    return RemoteFile(sibling.rfilename, (lfs.size if lfs else sibling.size) or 0, digest or "")
