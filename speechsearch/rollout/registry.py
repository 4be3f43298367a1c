"""The versions at hand, in a folder.

    DIR/v-0123456789ab/manifest.json   parts, sha256, lineage: written once, never changed
                       card.md         what it is for, what was measured, by whom
    DIR/stages.json                    the stage of every version, replaced as a whole

A version is written aside and renamed into place; so is ``stages.json``, so that whoever dies, at
whatever moment, leaves at most one champion. A version without a stage there is ``registered``.
"""

from __future__ import annotations

import fcntl
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from speechsearch.durable import replace_file, sync, sync_tree
from speechsearch.errors import IllegalTransition, VersionError
from speechsearch.rollout.version import NEXT, PipelineVersion, Stage

MANIFEST = "manifest.json"
CARD = "card.md"
STAGES = "stages.json"
LOCK = ".lock"
_ASIDE = ".aside-"


class Registry:
    """Versions and their stages; several processes may use one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def register(self, version: PipelineVersion, card: str) -> str:
        """Write a version down, return its id; raises VersionError where it is there already."""
        version.check()
        if version.lineage.parent:
            self.get(version.lineage.parent)
        with self._locked():
            target = self.root / version.id
            if target.exists():
                raise VersionError(
                    f"{version.id} is registered already",
                    hint="Versions of the same parts are one: roll that one out",
                )
            self._sweep()
            aside = self.root / f"{_ASIDE}{secrets.token_hex(4)}"
            aside.mkdir()
            (aside / CARD).write_bytes(card.encode())
            (aside / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(version)))
            sync_tree(aside)
            aside.rename(target)
            sync(self.root)
        return version.id

    def get(self, identity: str) -> PipelineVersion:
        """The version of that id; raises VersionError where it is missing or damaged."""
        path = self.root / identity / MANIFEST
        if Path(identity).name != identity or not path.is_file():
            raise VersionError(
                f"there is no version {identity!r}",
                hint=f"There are: {', '.join(self.ids()) or 'none'}",
            )
        try:
            version = msgspec.json.decode(path.read_bytes(), type=PipelineVersion)
        except (OSError, msgspec.DecodeError) as error:
            raise VersionError(
                f"{path} cannot be read: {error}", hint="Register it anew"
            ) from error
        version.check()
        if version.id != identity:
            raise VersionError(
                f"{path} is the manifest of {version.id}", hint="Remove the folder, register anew"
            )
        return version

    def card(self, identity: str) -> str:
        """What is written about a version."""
        self.get(identity)
        return (self.root / identity / CARD).read_text()

    def ids(self) -> list[str]:
        """Every version, sorted."""
        return sorted(path.parent.name for path in self.root.glob(f"v-*/{MANIFEST}"))

    def stages(self) -> dict[str, Stage]:
        """The stage of every version; raises VersionError where the file is damaged."""
        path = self.root / STAGES
        try:
            kept = msgspec.json.decode(path.read_bytes(), type=dict[str, Stage])
        except FileNotFoundError:
            kept = {}
        except (OSError, msgspec.DecodeError) as error:
            raise VersionError(
                f"{path} cannot be read: {error}",
                hint="Remove it and say which version is champion: all others start anew",
            ) from error
        return {identity: kept.get(identity, Stage.REGISTERED) for identity in self.ids()}

    @property
    def champion(self) -> str | None:
        """Who answers by default, if anybody does."""
        stages = self.stages()
        return next((one for one, stage in stages.items() if stage is Stage.CHAMPION), None)

    def move(self, moves: Mapping[str, Stage]) -> None:
        """Change stages, all at once or none; raises IllegalTransition, VersionError."""
        with self._locked():
            stages = self.stages()
            for identity, stage in moves.items():
                self.get(identity)
                _check_move(identity, stages[identity], stage)
            after = {**stages, **moves}
            champions = [one for one, stage in after.items() if stage is Stage.CHAMPION]
            if len(champions) > 1:
                raise IllegalTransition(
                    f"{' and '.join(champions)} would both be champion",
                    hint="Retire the one in the same move",
                )
            for identity, stage in moves.items():
                first = stages[identity] is Stage.REGISTERED and stage is Stage.CHAMPION
                if first and Stage.CHAMPION in stages.values():
                    raise IllegalTransition(
                        f"{identity} may not become champion unjudged",
                        hint="Start a rollout of it",
                    )
            replace_file(self.root / STAGES, msgspec.json.format(msgspec.json.encode(after)))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _sweep(self) -> None:
        """Remove what a writer that died had begun."""
        for path in self.root.glob(f"*{_ASIDE}*"):
            path.unlink() if path.is_file() else shutil.rmtree(path)


def _check_move(identity: str, before: Stage, after: Stage) -> None:
    if after not in NEXT[before]:
        raise IllegalTransition(
            f"{identity} is {before} and cannot become {after}",
            hint=f"It can become {', '.join(sorted(NEXT[before]))}",
        )
