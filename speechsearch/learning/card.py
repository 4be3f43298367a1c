"""A model's card: what it is, where it comes from, how well it hears whom, what it is not for.

Mitchell et al. 2019, "Model Cards for Model Reporting". Pure: what was measured goes in, Markdown
comes out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from speechsearch.asr.folder import GateResult, Manifest
from speechsearch.types import SAMPLE_RATE_HZ

ORIGIN = "## Origin, data and licences"
FORMER_ORIGIN = "## The checkpoint's own card"
"""What cards were titled before"""
MUST_NOT = """## What it must not be used for

Not to show its text as a transcript one may rely on: it spells by ear. It is for finding titles by
their sound. Not for languages other than {language}. Not for telling who speaks, how old or how
well somebody is; not for any decision about a person; not to listen to people who do not know of
it. Groups are not heard alike: the table says who is heard worse, and noise and rooms hurt.
"""

Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Group:
    """Recordings that have something in common, measured."""

    table: str
    name: str
    figures: Figures
    """As ``measures.figures`` makes them"""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the card states."""

    groups: Sequence[Group]
    resamples: int
    speed: str
    """Sentence on how long hearing takes"""
    command: str
    """What makes these figures again"""


def card(manifest: Manifest, config: Mapping[str, Any], measured: Measured, origin: str) -> str:
    """README.md of a model folder; ``origin`` travels on, notices of licences with it."""
    parts = [
        f"# {manifest.name}",
        _what(manifest),
        "## Architecture\n\n" + architecture(config),
        _files(manifest),
        MUST_NOT.format(language=manifest.language or "the one it was trained in"),
        _measured(measured),
        _gates(manifest.word_error_rate),
        f"{measured.speed}\n\n```\n{measured.command}\n```",
        f"{ORIGIN}\n\n{origin.strip()}",
    ]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def architecture(config: Mapping[str, Any]) -> str:
    """One paragraph of a configuration of transformers."""
    kind = (config.get("architectures") or ["a CTC model"])[0]
    convolutions = zip(
        config.get("conv_kernel", ()), config.get("conv_stride", ()), config.get("conv_dim", ()),
        strict=False,
    )  # fmt: skip
    layers = "; ".join(f"{k} wide, step {s}, {c} channels" for k, s, c in convolutions)
    positions = "a positional convolution" + (
        " and fixed sinusoidal positions" if kind.startswith("Positioned") else ""
    )
    return (
        f"`{kind}`: convolutions over raw audio ({layers}; {config.get('feat_extract_norm')} "
        f"norm), {config.get('num_hidden_layers')} transformer layers of "
        f"{config.get('hidden_size')} with {config.get('num_attention_heads')} heads and "
        f"{positions}, one linear layer to {config.get('vocab_size')} letters (CTC)."
    )


def origin_of(readme: str) -> str:
    """What a checkpoint's README says of where it comes from, to travel on."""
    for title in (ORIGIN, FORMER_ORIGIN):
        _, found, rest = readme.partition(f"{title}\n")
        if found:
            return rest.strip()
    body = readme.partition("---\n---\n")[2] or readme
    return body.replace("\n# ", "\n### ").replace("# ", "### ", 1).strip()


def _what(manifest: Manifest) -> str:
    most_s = manifest.max_samples / SAMPLE_RATE_HZ
    return (
        f"Speech ({manifest.language or 'language not stated'}) to letters, "
        f"{manifest.parameters / 1e6:.1f} M parameters, version {manifest.version}, licence "
        f"{manifest.license or 'not stated'}. Input: 16 kHz "
        f"mono; a frame every {manifest.frame_stride_samples / 16:g} ms hears "
        f"{manifest.receptive_field_samples / 16:g} ms; at most {most_s:.0f} s in one piece, "
        "longer audio is heard in overlapping pieces."
    )


def _files(manifest: Manifest) -> str:
    graphs = " and ".join(f"`{name}`" for name in manifest.graphs)
    return (
        f"- {graphs}: what the base install runs ({manifest.precision}).\n"
        "- `model.safetensors`: the weights, read by `speechsearch.asr.positioned.load_torch`, "
        "which refuses any\n  missing or unexpected one. Loading a positioned model as the stock "
        "class drops its table of\n  positions and gives garbage with a mere warning.\n"
        "- `manifest.json`: sha256 and size of each file, frames, licence, error rates."
    )


def _measured(measured: Measured) -> str:
    lines = [
        "## Measured",
        "",
        "Greedy text, no language model; nothing was trained on these recordings. Intervals: 95 %, "
        f"{measured.resamples}\nbootstrap resamples over speakers; none for a single speaker.",
        "",
        "| table | recordings of | n | speakers | word error rate | character error rate |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {group.table} | {group.name} | {group.figures['n']} | {group.figures['speakers']} "
        f"| {_rate(group.figures, 'wer')} | {_rate(group.figures, 'cer')} |"
        for group in measured.groups
    ]
    return "\n".join(lines)


def _rate(figures: Figures, name: str) -> str:
    value, interval = figures[name], figures[f"{name}_95"]
    if value is None:
        return ""
    span = f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
    return f"{value:.3f}{span}"


def _gates(gates: Sequence[GateResult]) -> str:
    if not gates:
        return ""
    lines = [
        "Float32 against what is shipped:",
        "",
        "| table | n | word error rate | shipped | character error rate | shipped |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {gate.table} | {gate.utterances} | {gate.wer_float32:.4f} | {gate.wer_shipped:.4f} "
        f"| {gate.cer_float32:.4f} | {gate.cer_shipped:.4f} |"
        for gate in gates
    ]
    return "\n".join(lines)
