"""Two stretches of speech with silence between, of which is known whether they are one sentence.

- pause: a sentence at a pause of its own that outlasts the usual hangover, as it was recorded
- stretched: a sentence at a shorter pause of its own, lengthened by the recording's noise floor
- word: a sentence at a word boundary, as the decode found it, with noise floor put in
- two: two recordings of different sentences by one speaker, the noise floors of both between them
- noise after, noise before: a sentence and a noise that the detector takes for speech
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from speechsearch.audio.player import noise_floor
from speechsearch.types import SAMPLE_RATE_HZ, Audio, Word, ms_to_samples, samples_to_ms
from speechsearch.vad.endpointer import (
    Endpointer,
    EndpointerOptions,
    Pause,
    Resume,
    SpeechEnd,
    SpeechStart,
)
from speechsearch.wire.server_session import PRE_ROLL_SAMPLES

GAPS_MS = (300, 400, 500, 600, 700, 800, 900, 1000, 1100, 1200, 1300, 1400)
"""Put in in turn"""
LEAST_PART_MS = 250
"""Neither part of a sentence is shorter"""
NEVER_MS = 60_000
MOST_SAMPLES = 28 * SAMPLE_RATE_HZ
"""Of two sentences together: a little less than what is heard as one"""


@dataclass(frozen=True, eq=False)
class Recording:
    """A row of a table, and where its detector hears speech."""

    samples: Audio
    transcript: str
    speaker: str
    table: str
    spans: tuple[tuple[int, int], ...]
    """First and last sample of the speech between two pauses"""


@dataclass(frozen=True, eq=False)
class Pair:
    """``samples`` begin with the first part's pre-roll and end with the second's post-roll."""

    kind: str
    speaker: str
    table: str
    samples: Audio
    first_end: int
    """End of the first part's speech"""
    onset: int
    """Of the second part's speech"""
    second_end: int
    """End of its speech"""

    @property
    def truth(self) -> str:
        """What the parts are: one sentence, two queries, or a sentence and noise."""
        return self.kind.split()[0] if self.kind.startswith(("two", "noise")) else "one"

    @property
    def gap_ms(self) -> float:
        """The silence between."""
        return samples_to_ms(self.onset - self.first_end)


def speech_spans(probabilities: Sequence[float], size: int) -> tuple[tuple[int, int], ...]:
    """Speech between pauses, as the endpointer tells them apart; nothing ends but with the sound.

    Bursts too short to begin an utterance by themselves are left out.
    """
    options = EndpointerOptions(hangover_ms=NEVER_MS, max_utterance_ms=3 * NEVER_MS)
    endpointer, spans, start = Endpointer(options), list[tuple[int, int]](), 0
    events = [
        event
        for place, p in enumerate(probabilities)
        for event in endpointer.step(p, place * size, (place + 1) * size)
    ]
    for event in events + endpointer.flush(len(probabilities) * size):
        match event:
            case SpeechStart():
                start = event.onset_sample
            case Resume(sample):
                start = sample
            case Pause(sample):
                spans.append((start, sample))
            case SpeechEnd(end_sample) if not spans or end_sample > spans[-1][1]:
                spans.append((start, end_sample))
    least = ms_to_samples(options.min_speech_ms)
    return tuple((a, b) for a, b in spans if b - a >= least)


def pauses(said: Recording, usual_ms: float) -> Iterator[Pair]:
    """The sentence at each of its own pauses that outlasts the usual hangover."""
    for place, (before, after) in enumerate(pairwise(said.spans)):
        if samples_to_ms(after[0] - before[1]) < usual_ms:
            continue
        end = _end_of_turn(said.spans[place + 1 :], usual_ms)
        yield _pair("pause", said, (before[1], after[0], end), noise=0)


def stretched(said: Recording, usual_ms: float, gap_ms: float) -> Iterator[Pair]:
    """The sentence at its longest shorter pause, made ``gap_ms`` long."""
    inner = [
        (after[0] - before[1], place)
        for place, (before, after) in enumerate(pairwise(said.spans))
        if samples_to_ms(after[0] - before[1]) < usual_ms
    ]
    if inner:
        length, place = max(inner)
        after = said.spans[place + 1 :]
        cut = said.spans[place][1], after[0][0], _end_of_turn(after, usual_ms)
        yield _pair("stretched", said, cut, noise=ms_to_samples(gap_ms) - length)


def at_word(
    said: Recording, words: Sequence[Word], gap_ms: float, random: np.random.Generator
) -> Iterator[Pair]:
    """The sentence at one of its word boundaries, ``gap_ms`` of noise floor there."""
    middles = [
        round((before.end_s + after.start_s) / 2 * SAMPLE_RATE_HZ)
        for before, after in pairwise(words)
    ]
    least, start, end = ms_to_samples(LEAST_PART_MS), said.spans[0][0], said.spans[-1][1]
    edges = [cut for cut in middles if start + least <= cut <= end - least]
    if edges:
        cut = edges[int(random.integers(len(edges)))]
        yield _pair("word", said, (cut, cut, end), noise=ms_to_samples(gap_ms))


def twos(recordings: Sequence[Recording], count: int, seed: int) -> Iterator[Pair]:
    """Two sentences of one speaker, gaps in turn."""
    random, own = np.random.default_rng(seed), defaultdict[str, list[Recording]](list)
    for recording in recordings:
        own[recording.speaker].append(recording)
    speakers = sorted(s for s, said in own.items() if len({r.transcript for r in said}) > 1)
    made = 0
    while speakers and made < count:
        said = own[speakers[int(random.integers(len(speakers)))]]
        first, second = (said[int(i)] for i in random.choice(len(said), 2, replace=False))
        pair = _two(first, second, ms_to_samples(GAPS_MS[made % len(GAPS_MS)]))
        if first.transcript != second.transcript and len(pair.samples) <= MOST_SAMPLES:
            yield pair
            made += 1


def with_noise(said: Recording, noise: Audio, gap_ms: float) -> Iterator[Pair]:
    """The sentence with a noise as loud as itself or softer, after it and before it."""
    start, end = said.spans[0][0], said.spans[-1][1]
    roll = said.samples[max(0, start - PRE_ROLL_SAMPLES) : start]
    speech = said.samples[start:end]
    louder = np.sqrt(np.mean(np.square(noise)) / np.mean(np.square(speech)))
    burst = noise / np.float32(max(1.0, louder))
    gap = noise_floor(said.samples, ms_to_samples(gap_ms))
    tail = noise_floor(said.samples, ms_to_samples(EndpointerOptions().post_roll_ms))
    for kind, parts in (("noise after", (speech, burst)), ("noise before", (burst, speech))):
        line = np.concatenate([roll, parts[0], gap, parts[1], tail])
        cut = len(roll) + len(parts[0])
        yield Pair(kind, said.speaker, said.table, line, cut, cut + len(gap), len(line) - len(tail))


def _two(first: Recording, second: Recording, gap: int) -> Pair:
    begin = max(0, first.spans[0][0] - PRE_ROLL_SAMPLES)
    end, onset = first.spans[-1][1], second.spans[0][0]
    until = second.spans[-1][1] + ms_to_samples(EndpointerOptions().post_roll_ms)
    silence = noise_floor(first.samples, gap // 2), noise_floor(second.samples, gap - gap // 2)
    line = np.concatenate([first.samples[begin:end], *silence, second.samples[onset:until]])
    second_end = end - begin + gap + second.spans[-1][1] - onset
    return Pair("two", first.speaker, first.table, line, end - begin, end - begin + gap, second_end)


def _pair(kind: str, said: Recording, cut: tuple[int, int, int], noise: int) -> Pair:
    """A recording cut at (end of the first part, onset and end of the second)."""
    first_end, onset, second_end = cut
    begin = max(0, said.spans[0][0] - PRE_ROLL_SAMPLES)
    until = second_end + ms_to_samples(EndpointerOptions().post_roll_ms)
    middle = (first_end + onset) // 2
    line = np.concatenate(
        [said.samples[begin:middle], noise_floor(said.samples, noise), said.samples[middle:until]]
    )
    shift = noise - begin
    return Pair(
        kind, said.speaker, said.table, line,
        first_end - begin, onset + shift, second_end + shift,
    )  # fmt: skip


def _end_of_turn(spans: Sequence[tuple[int, int]], usual_ms: float) -> int:
    """Where the utterance that begins with these ends: at its first pause that is long enough."""
    for before, after in pairwise(spans):
        if samples_to_ms(after[0] - before[1]) >= usual_ms:
            return before[1]
    return spans[-1][1]
