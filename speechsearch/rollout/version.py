"""A version of the pipeline: all that decides an answer, named by its content."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Any

import msgspec

from speechsearch.errors import VersionError

SCHEMA = 1
_HEXADECIMAL = frozenset("0123456789abcdef")


class Stage(StrEnum):
    """How far a version has come."""

    REGISTERED = "registered"
    SHADOW = "shadow"
    """Hears what the champion hears; nobody sees its answers"""
    CANARY = "canary"
    """Answers a share of the sessions"""
    CHAMPION = "champion"
    """Answers; there is one at most"""
    RETIRED = "retired"
    """Was champion until a better one came"""
    ROLLED_BACK = "rolled_back"
    """Was thrown out"""


NEXT: dict[Stage, frozenset[Stage]] = {
    Stage.REGISTERED: frozenset({Stage.SHADOW, Stage.CHAMPION}),
    Stage.SHADOW: frozenset({Stage.CANARY, Stage.CHAMPION, Stage.ROLLED_BACK}),
    Stage.CANARY: frozenset({Stage.CHAMPION, Stage.ROLLED_BACK}),
    Stage.CHAMPION: frozenset({Stage.RETIRED, Stage.ROLLED_BACK}),
    Stage.RETIRED: frozenset({Stage.SHADOW, Stage.CHAMPION}),
    Stage.ROLLED_BACK: frozenset({Stage.SHADOW}),
}
"""What may follow; from ``registered`` straight to ``champion`` only where there is none yet, from
``shadow`` where a plan says to switch at once"""


Sections = dict[str, dict[str, Any]]
"""Settings by section and name"""


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One thing a version is made of: settings or a folder, and the sha256 of what it holds."""

    name: str
    sha256: str
    settings: Sections = {}
    """What makes a server load it"""


class Lineage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a version comes from."""

    data: str = ""
    """What it was trained or tuned on"""
    recipe: str = ""
    """The command or settings it was made with"""
    parent: str = ""
    """The version it was made from"""


class PipelineVersion(msgspec.Struct, frozen=True, kw_only=True):
    """The tuple that is rolled out as one, so that any part of it can be: also its manifest."""

    schema: int = SCHEMA
    vad: Part
    model: Part
    decoder: Part
    index: Part
    ranking: Part
    lineage: Lineage = Lineage()

    @property
    def parts(self) -> dict[str, Part]:
        """By name, along the data path."""
        return {
            "vad": self.vad,
            "model": self.model,
            "decoder": self.decoder,
            "index": self.index,
            "ranking": self.ranking,
        }

    @property
    def settings(self) -> Sections:
        """Those of all parts."""
        sections: Sections = {}
        for part in self.parts.values():
            for name, values in part.settings.items():
                sections[name] = {**sections.get(name, {}), **values}
        return sections

    @property
    def sha256(self) -> str:
        """Hexadecimal, of the parts' sha256 in a row: two versions that answer alike are one."""
        hashes = "\n".join(f"{name} {part.sha256}" for name, part in self.parts.items())
        return hashlib.sha256(hashes.encode()).hexdigest()

    @property
    def id(self) -> str:
        """Its name in the registry, in the state and in metrics."""
        return f"v-{self.sha256[:12]}"

    def check(self) -> None:
        """Raise VersionError unless every part has a name and a sha256."""
        if self.schema != SCHEMA:
            raise VersionError(
                f"a manifest of schema {self.schema}, this release reads {SCHEMA}",
                hint="Register the version anew",
            )
        for name, part in self.parts.items():
            if not part.name or len(part.sha256) != 64 or not _HEXADECIMAL.issuperset(part.sha256):
                raise VersionError(
                    f"the part {name} of a version needs a name and 64 hexadecimal digits of "
                    f"sha256, not {part.name!r} and {part.sha256!r}",
                    hint="speechsearch.rollout.version.settings_part makes one of settings",
                )


def settings_part(name: str, settings: Sections) -> Part:
    """A part that is nothing but settings (VAD, decoder, ranking), in whatever order given."""
    canonical = msgspec.json.encode(settings, order="sorted")
    return Part(name, hashlib.sha256(canonical).hexdigest(), settings)
