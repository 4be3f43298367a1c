"""What a trained checkpoint says of where it comes from: it travels into every model's card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from speechsearch.learning.card import ORIGIN, origin_of
from speechsearch.learning.training.corpus import Corpus
from speechsearch.learning.training.recipe import Recipe, Speech

README = "README.md"


def provenance(recipe: Recipe, corpus: Corpus, start: Path, steps: int) -> str:
    """README.md of the checkpoint: the recipe's data and licences, then the start's own origin."""
    optimiser = recipe.optimiser
    taught = f", with {_name(recipe.teacher)} as its teacher" if recipe.teacher else ""
    lines = [
        f"# {Path(recipe.out).name}",
        "",
        ORIGIN,
        "",
        f"Trained on from {_name(recipe.start)}{taught}: {steps} steps of "
        f"{optimiser.batch_s:g} s of sound by `speechsearch train`, recipe {recipe.fingerprint}.",
        "",
        "| table | condition | minutes | recordings | licences |",
        "| --- | --- | --- | --- | --- |",
        *(
            _row(part, corpus, number, licences)
            for number, (part, licences) in enumerate(
                zip(recipe.speech, corpus.licences, strict=True)
            )
        ),
    ]
    former = start / README
    if former.exists():
        lines += ["", f"### What it began as: {_name(recipe.start)}", ""]
        lines += [origin_of(former.read_text(encoding="utf-8"))]
    return "\n".join(lines) + "\n"


def _row(part: Speech, corpus: Corpus, number: int, licences: Sequence[str]) -> str:
    condition = ", ".join(f"{name} {wanted}" for name, wanted in part.where.items())
    count = sum(one.part == number for one in corpus.utterances)
    return (
        f"| {_name(part.table)} | {condition} | {corpus.minutes(number):.1f} | {count} "
        f"| {'; '.join(licences)} |"
    )


def _name(path: str) -> str:
    """Without the folders of the machine."""
    return f"`{Path(path).name}`"
