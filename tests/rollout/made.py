"""Versions made up for tests."""

from speechsearch.rollout.version import Lineage, Part, PipelineVersion, settings_part


def version(model="a", parent=""):
    return PipelineVersion(
        vad=settings_part("silero", {"vad": {"hangover_ms": 500}}),
        model=Part(f"model-{model}", settings_part("", {"asr": {"model": model}}).sha256),
        decoder=settings_part("beam", {"asr": {"decoder": "beam"}}),
        index=settings_part("books", {}),
        ranking=settings_part("sound", {"search": {"limit": 10}}),
        lineage=Lineage(data="train.tsv", recipe="scripts/make_model", parent=parent),
    )
