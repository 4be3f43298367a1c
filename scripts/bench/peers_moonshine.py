"""moonshine-voice: tiny-en in its own streaming transcriber, with its own VAD and segments.

Sound goes in as its MicTranscriber does it: a thread of its own hands on all that waits. The
transcriber looks at it every ``update_interval``; by its default of 0.5 s the end of speech is
seen late; much below it, decoding the unfinished line over and over takes the time that its end
needs, and CPU. Of 0.03 to 0.5 s, tried on 12 orders and 12 sentences on a machine shared with
others, 0.2 s had the lowest p95 of the finals on the orders each time, and is within the noise of
the best on the sentences.
"""

from __future__ import annotations

from collections.abc import Callable

from peers_live import Said

from speechsearch.clock import monotonic_s
from speechsearch.types import SAMPLE_RATE_HZ, Audio

UPDATE_S = 0.2


class Moonshine:
    """Each completed line is an utterance."""

    def __init__(self) -> None:
        from moonshine_voice import ModelArch, Transcriber, get_model_path

        options = {
            "transcription_interval": UPDATE_S,
            "identify_speakers": "false",
            "return_audio_data": "false",
        }
        self.set_up = f"own VAD and segments, looked at every {UPDATE_S:.1f} s"
        self._transcriber = Transcriber(
            get_model_path("tiny-en"), ModelArch.TINY, UPDATE_S, options=options
        )
        self._transcriber.transcribe_without_streaming([0.0] * SAMPLE_RATE_HZ)

    def begin(self, say: Callable[[Said], None]) -> None:
        """A new recording."""
        self._say = say
        self._lines: list = []
        self._open: set[int] = set()
        self._stream = self._transcriber.create_stream(UPDATE_S)
        self._stream.add_listener(self._listen)
        self._stream.start()

    def hear(self, samples: Audio) -> None:
        """Hand it on; say the lines that this completed."""
        self._stream.add_audio(samples, SAMPLE_RATE_HZ)
        now_s = monotonic_s()
        for line in self._lines:
            t1_s = now_s - line.last_transcription_latency_ms / 1000
            self._say(Said(line.text, line.start_time, t1_s))
        self._lines.clear()

    def idle(self) -> bool:
        """No line is open."""
        return not self._open

    def end(self) -> None:
        """Lines still open get no text."""
        self._stream.close()

    def _listen(self, event: object) -> None:
        from moonshine_voice.transcriber import LineCompleted, TranscriptEvent

        if isinstance(event, LineCompleted):
            self._open.discard(event.line.line_id)
            self._lines.append(event.line)
        elif isinstance(event, TranscriptEvent) and not event.line.is_complete:
            self._open.add(event.line.line_id)
