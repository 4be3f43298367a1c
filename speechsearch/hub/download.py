"""Fetching files of one commit: what is there already is not asked for again, what comes is hashed.

``huggingface_hub`` itself throws away what an interrupted download got (since its version 1), and
does not compare hashes; so requests go through its session and the bytes are kept here.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from speechsearch.errors import HubError
from speechsearch.hub.repository import Plan, RemoteFile, Repository, endpoint, explained

PART = ".part"
MOST_TRIES = 4
"""In a row without a byte"""
_RETRY_S = 1.0

Progress = Callable[[int], None]
"""Told how many bytes more there are"""


def fetch(
    repository: Repository,
    plan: Plan,
    into: Path,
    progress: Progress = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Path:
    """Bring the planned files into the folder ``into``, which is returned.

    What an earlier call left there is gone on with. Raises ``HubError`` where the hub cannot be
    reached or refuses, where the disk is too full, and for a file of another hash, which is thrown
    away.
    """
    into.mkdir(parents=True, exist_ok=True)
    missing = plan.bytes - sum(_there(into / file.name) for file in plan.files)
    free = shutil.disk_usage(into).free
    if missing > free:
        raise HubError(
            f"{missing / 1e6:.0f} MB are to be fetched and {into} has {free / 1e6:.0f} MB left",
            hint="Make room, or set XDG_CACHE_HOME and XDG_DATA_HOME to a larger disk",
        )
    for file in plan.files:
        target = into / file.name
        progress(_there(target))
        if not target.exists():
            _fetch(repository, file, target, progress, sleep)
    return into


def digest_of(path: Path, kind: str) -> str:
    """Hexadecimal hash of a file: sha256, or git's sha1 of it as a blob where ``kind`` is that."""
    with path.open("rb") as file:
        if len(kind) != 40:
            return hashlib.file_digest(file, "sha256").hexdigest()
        blob = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
        while chunk := file.read(1 << 20):
            blob.update(chunk)
        return blob.hexdigest()


def _there(target: Path) -> int:
    part = target.with_name(target.name + PART)
    return sum(path.stat().st_size for path in (target, part) if path.exists())


def _fetch(
    repository: Repository,
    file: RemoteFile,
    target: Path,
    progress: Progress,
    sleep: Callable[[float], None],
) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + PART)
    file = _described(repository, file)
    with _alone(part) as writing:
        tries = 0
        while writing.tell() < file.bytes or not file.bytes:
            before = writing.tell()
            try:
                with explained(repository.name, repository.revision):
                    _append(repository, file, writing, progress)
                break
            except HubError as error:
                tries = tries + 1 if writing.tell() == before else 1
                if tries == MOST_TRIES or not _may_pass(error):
                    raise
                sleep(_RETRY_S * tries)
    found = digest_of(part, file.digest)
    if found != file.digest:
        part.unlink()
        raise HubError(
            f"{file.name} of {repository.name} is not what the hub says: its hash is "
            f"{found[:12]}…, should be {file.digest[:12]}…; it is thrown away",
            hint="Pull again; if it stays so, distrust the mirror or proxy",
        )
    part.rename(target)


def _described(repository: Repository, file: RemoteFile) -> RemoteFile:
    """With size and hash; asked for where the listing lacks them, as those of some mirrors do."""
    if file.digest:
        return file
    from huggingface_hub import get_hf_file_metadata

    with explained(repository.name, repository.revision):
        about = get_hf_file_metadata(_url(repository, file))
    if not about.etag or about.size is None:
        raise HubError(
            f"{endpoint()} does not say the hash of {file.name}, so it could not be believed",
            hint="Use another mirror",
        )
    return RemoteFile(file.name, about.size, about.etag)


def _url(repository: Repository, file: RemoteFile) -> str:
    from huggingface_hub import hf_hub_url

    return hf_hub_url(repository.name, file.name, revision=repository.revision, endpoint=endpoint())


def _append(
    repository: Repository, file: RemoteFile, writing: IO[bytes], progress: Progress
) -> None:
    """Go on from where ``writing`` ends; from the start where the server knows no ranges."""
    from huggingface_hub import get_session
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

    start = writing.tell()
    headers: dict[str, Any] = {**build_hf_headers(), "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    with get_session().stream(
        "GET", _url(repository, file), headers=headers, follow_redirects=True
    ) as answer:
        hf_raise_for_status(answer)
        if start and answer.status_code != 206:
            progress(-start)
            writing.seek(0)
            writing.truncate()
        for chunk in answer.iter_bytes():
            writing.write(chunk)
            progress(len(chunk))
            if file.bytes and writing.tell() > file.bytes:
                raise ValueError(f"{file.name} is longer than {file.bytes} bytes")


def _may_pass(error: HubError) -> bool:
    """Whether trying again may help: the line broke, or the hub is busy."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    cause = error.__cause__
    if isinstance(cause, HfHubHTTPError):
        return cause.response.status_code in (408, 429, 500, 502, 503, 504)
    return isinstance(cause, httpx2.TransportError)


@contextmanager
def _alone(part: Path) -> Iterator[IO[bytes]]:
    """The file opened at its end, for one process at a time."""
    with part.open("ab") as writing:
        try:
            fcntl.flock(writing, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise HubError(
                f"Another process fetches {part.stem} already", hint="Wait until it is done"
            ) from error
        yield writing
