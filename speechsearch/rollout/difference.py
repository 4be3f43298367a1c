"""What differs between two versions, part by part: for people who have to decide."""

from __future__ import annotations

from typing import Any

import msgspec

from speechsearch.rollout.version import Part, PipelineVersion

CONTENT = "content"
"""What differs where no setting does: a model or an index of the same name holds something else"""
SHA256_DIGITS = 12


class Difference(msgspec.Struct, frozen=True):
    """One setting, or the content, of a part."""

    setting: str
    """``section.name``, or ``CONTENT`` with the first digits of both sha256"""
    champion: Any
    challenger: Any


class PartPair(msgspec.Struct, frozen=True):
    """The same part of both versions."""

    part: str
    champion: str
    challenger: str
    """Their names; empty where there is no such version"""
    differs: list[Difference]


def part_pairs(champion: PipelineVersion, challenger: PipelineVersion | None) -> list[PartPair]:
    """Every part along the data path."""
    others = challenger.parts if challenger else {}
    return [
        PartPair(
            name,
            part.name,
            others[name].name if name in others else "",
            _differences(part, others[name]) if name in others else [],
        )
        for name, part in champion.parts.items()
    ]


def _differences(champion: Part, challenger: Part) -> list[Difference]:
    if champion.sha256 == challenger.sha256:
        return []
    ours, theirs = _flat(champion), _flat(challenger)
    names = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    settings = [Difference(name, ours.get(name), theirs.get(name)) for name in names]
    hashes = (one.sha256[:SHA256_DIGITS] for one in (champion, challenger))
    return settings or [Difference(CONTENT, *hashes)]


def _flat(part: Part) -> dict[str, Any]:
    return {
        f"{section}.{name}": value
        for section, values in part.settings.items()
        for name, value in values.items()
    }
