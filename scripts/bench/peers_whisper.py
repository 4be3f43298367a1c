"""faster-whisper: Whisper's encoder and decoder on CTranslate2, behind the product's endpoints.

It has no streaming of its own. Settings: int8 and as many threads as the product's server (its
README's set-up for a CPU), greedy, English, no timestamps and no fallback temperatures, which cost
time. Tried with tiny.en on 10 sentences of ``speech.tsv``: a decode at the pause is as accurate as
one at the endpoint (WER 0.26 and 0.27), so it starts there. A beam of 5, the library's default, is
more accurate (0.23) and was left out for its slower answers: this setting favours speed over words.
"""

from __future__ import annotations

from dataclasses import replace

from peers_endpointed import Endpointed
from peers_weights import whisper_folder

from speechsearch.client.voices import detector_of
from speechsearch.config import Settings
from speechsearch.types import SAMPLE_RATE_HZ, Audio
from speechsearch.vad.segmenter import Segmenter


def whisper(name: str, settings: Settings, threads: int, *, speculate: bool) -> Endpointed:
    """A recogniser with the model ``tiny.en`` or ``base``, loaded and warm."""
    import numpy as np
    from faster_whisper import WhisperModel

    model = WhisperModel(
        str(whisper_folder(name)), device="cpu", compute_type="int8", cpu_threads=threads
    )

    def decode(sound: Audio) -> str:
        segments, _ = model.transcribe(
            sound, language="en", beam_size=1, temperature=0.0, without_timestamps=True,
            condition_on_previous_text=False,
        )  # fmt: skip
        return " ".join(segment.text.strip() for segment in segments)

    endpointing = replace(settings.vad, hangover_ms=settings.turns.usual_ms)
    decode(np.random.default_rng(0).normal(0, 1e-3, SAMPLE_RATE_HZ).astype(np.float32))
    return Endpointed(
        decode,
        lambda: Segmenter(detector_of(settings), endpointing),
        endpointing.post_roll_ms,
        speculate=speculate,
        set_up=(
            f"int8, {threads} threads, greedy; the product's VAD, "
            f"hangover {endpointing.hangover_ms:.0f} ms; decode starts at the "
            + ("pause" if speculate else "endpoint")
        ),
    )
