"""How well the model hears tables that it does not learn from ([torch] extra)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from transformers import PreTrainedModel

from speechsearch.asr.checkpoint import Checkpoint
from speechsearch.asr.ctc import greedy
from speechsearch.asr.normalisation import normalise
from speechsearch.asr.parts import log_softmax
from speechsearch.asr.wer import Errors, count_errors
from speechsearch.audio.player import read_audio
from speechsearch.learning.table import Recording, draw, read_table
from speechsearch.learning.training.corpus import meeting
from speechsearch.learning.training.examples import Sounds
from speechsearch.learning.training.objective import logits_of
from speechsearch.learning.training.recipe import Watch
from speechsearch.learning.training.spectator import Sample, Watched
from speechsearch.types import SAMPLE_RATE_HZ, Audio

Listen = Callable[[Audio], str]


def rows_of(watch: Watch, seed: int) -> list[Recording]:
    """The recordings with a transcript, at most as many as wanted."""
    rows = meeting(read_table(Path(watch.table)), watch.where)
    return draw([row for row in rows if row.transcript], watch.most, seed)


def hear(name: str, rows: Sequence[Recording], listen: Listen, samples: int) -> Watched:
    """Greedy text of all; recordings too long for one piece are cut into several."""
    total = Errors()
    shown: list[Sample] = []
    for number, row in enumerate(rows):
        heard = listen(read_audio(row.path))
        total += count_errors(row.transcript, heard)
        if number % max(1, len(rows) // max(1, samples)) == 0 and len(shown) < samples:
            shown.append(Sample(row.transcript, heard))
    return Watched(name, len(rows), total, tuple(shown))


def listener(
    model: PreTrainedModel, checkpoint: Checkpoint, device: str, longest_s: float = 29.0
) -> Listen:
    """Float32 [samples] -> greedy text, with the model as it is now."""
    longest = round(longest_s * SAMPLE_RATE_HZ)
    timing = checkpoint.timing

    def piece(samples: Audio) -> str:
        frames = timing.frames(len(samples))
        if not frames:
            return ""
        ready = normalise(samples) if checkpoint.normalise else samples
        sounds = Sounds(torch.from_numpy(ready)[None], torch.tensor([frames])).to(device)
        with torch.inference_mode():
            logits = logits_of(model, sounds, masked=False, reduced=False)[0]
        log_probs = log_softmax(logits.cpu().numpy())
        return greedy(log_probs, checkpoint.vocabulary, timing).text

    def listen(samples: Audio) -> str:
        cuts = range(0, len(samples), longest)
        return " ".join(filter(None, (piece(samples[cut : cut + longest]) for cut in cuts)))

    return listen
