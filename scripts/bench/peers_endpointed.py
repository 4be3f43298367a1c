"""A recogniser without VAD or endpoints of its own, behind the product's."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from peers_live import Said

from speechsearch.clock import monotonic_s
from speechsearch.types import SAMPLE_RATE_HZ, Audio, Chunk, ms_to_samples
from speechsearch.vad.endpointer import Pause, Resume, SpeechEnd, SpeechStart
from speechsearch.vad.segmenter import Segmenter


class Endpointed:
    """Decodes what the segmenter cuts, one utterance at a time.

    With ``speculate`` the decode starts at each pause and is thrown away where speech resumes, so
    that it runs inside the hangover; without, it starts at the endpoint, with the post-roll.
    """

    def __init__(
        self,
        decode: Callable[[Audio], str],
        segmenter: Callable[[], Segmenter],
        post_roll_ms: float,
        *,
        speculate: bool,
        set_up: str = "",
    ) -> None:
        self.set_up = set_up
        self._decode = decode
        self._make_segmenter = segmenter
        self._post_roll_samples = ms_to_samples(post_roll_ms)
        self._speculate = speculate
        self._pool = ThreadPoolExecutor(1)  # in order: an answer waits for what was begun before

    def begin(self, say: Callable[[Said], None]) -> None:
        """A new recording."""
        self._say = say
        self._segmenter = self._make_segmenter()
        self._pieces: list[Audio] = []
        self._start_sample = 0
        self._guess: Future[str] | None = None
        self._answers: list[Future[None]] = []

    def hear(self, samples: Audio) -> None:
        """Cut; decodes run beside it."""
        for event in self._segmenter.feed(samples):
            if isinstance(event, Chunk):
                self._pieces.append(event.samples)
            elif isinstance(event, SpeechStart):
                self._pieces, self._start_sample = [], event.start_sample
            elif isinstance(event, Pause) and self._speculate:
                self._guess = self._pool.submit(self._decode, np.concatenate(self._pieces))
            elif isinstance(event, Resume):
                self._discard()
            elif isinstance(event, SpeechEnd):
                self._end_utterance(event)

    def idle(self) -> bool:
        """Nothing open, nothing under way."""
        return not self._segmenter.in_utterance and all(a.done() for a in self._answers)

    def end(self) -> None:
        """Wait for the answers; raises what a decode raised."""
        self._discard()
        for answer in self._answers:
            answer.result()

    def _end_utterance(self, event: SpeechEnd) -> None:
        t1_s = monotonic_s()
        guess = self._guess
        if guess is None:
            length = event.end_sample + self._post_roll_samples - self._start_sample
            guess = self._pool.submit(self._decode, np.concatenate(self._pieces)[:length])
        start_s, self._guess = self._start_sample / SAMPLE_RATE_HZ, None
        self._answers.append(self._pool.submit(self._answer, guess, start_s, t1_s))

    def _answer(self, guess: Future[str], start_s: float, t1_s: float) -> None:
        self._say(Said(guess.result(), start_s, t1_s))

    def _discard(self) -> None:
        """A decode that runs already cannot be stopped; it goes on and costs what it costs."""
        if self._guess is not None:
            self._guess.cancel()
            self._guess = None
