from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.asr.plausible import Fit, Judgement
from speechsearch.asr.second_ear import Reheard
from speechsearch.asr.settled import AS_A_WHOLE, Part, Settling, SettlingOptions, judge_parts
from speechsearch.types import Hypothesis, Word

LEAST_MS, LEAST_REST_MS = 3000, 1000
OPTIONS = SettlingOptions(LEAST_MS, LEAST_REST_MS)
LEAST, LEAST_REST = LEAST_MS * 16, LEAST_REST_MS * 16

GROWTH = st.lists(st.integers(1, 6 * 16_000), min_size=1, max_size=12)


def follow(start, grown):
    """The parts at each pause of one utterance, and all that was asked to be heard."""
    settling, asked, end, plans = Settling(OPTIONS), [], start, []

    def hear(first, last):
        asked.append((first, last))
        return (first, last)

    for samples in grown:
        end += samples
        plans.append((end, settling.pause(start, end, hear)))
    return plans, asked


@given(st.integers(0, 10**7), GROWTH)
def test_as_a_whole_nothing_settles(start, grown):
    settling, end = Settling(AS_A_WHOLE), start
    for samples in grown:
        end += samples
        (part,) = settling.pause(start, end, lambda *sound: sound)
        assert part.heard == (start, end)
        assert not settling.settles(part)


@given(st.integers(0, 10**7), GROWTH)
def test_the_parts_cover_the_sound_without_gap_or_overlap(start, grown):
    plans, _ = follow(start, grown)
    for end, parts in plans:
        assert parts[0].start_sample == start
        assert parts[-1].end_sample == end
        for before, after in pairwise(parts):
            assert before.end_sample == after.start_sample


@given(st.integers(0, 10**7), GROWTH)
def test_each_pause_asks_for_one_piece_and_its_part_has_what_came_of_that(start, grown):
    plans, asked = follow(start, grown)
    assert len(asked) == len(grown)
    for (_, parts), new in zip(plans, asked, strict=True):
        assert parts[-1].heard == new
        assert all(part.heard == (part.start_sample, part.end_sample) for part in parts)


@given(st.integers(0, 10**7), GROWTH)
def test_settled_parts_are_long_enough_and_the_rest_is_unless_it_is_all(start, grown):
    for _, parts in follow(start, grown)[0]:
        assert all(part.samples >= LEAST for part in parts[:-1])
        assert len(parts) == 1 or parts[-1].samples >= LEAST_REST


@given(st.integers(0, 10**7), GROWTH)
def test_what_is_left_for_the_end_is_bounded_by_the_pauses_not_by_the_utterance(start, grown):
    for place, (_, parts) in enumerate(follow(start, grown)[0]):
        assert parts[-1].samples < LEAST + LEAST_REST + 2 * max(grown[: place + 1])


@given(
    st.lists(st.tuples(st.sampled_from([0, 40_000, 90_000]), st.integers(1, 80_000)), max_size=20)
)
def test_utterances_that_begin_elsewhere_never_share_parts(pauses):
    settling, ends = Settling(OPTIONS), {}
    for start, samples in pauses:
        end = max(ends.get(start, start), max(ends.values(), default=0)) + samples
        ends[start] = end
        parts = settling.pause(start, end, lambda first, last: (first, last))
        assert parts[0].start_sample == start
        assert parts[-1].end_sample == end


def test_a_pause_told_twice_is_heard_twice_and_settles_nothing():
    settling = Settling(OPTIONS)
    for _ in range(2):
        parts = settling.pause(0, LEAST, lambda first, last: (first, last))
        assert [(p.start_sample, p.end_sample) for p in parts] == [(0, LEAST)]


def test_a_short_part_is_heard_again_with_what_follows():
    settling = Settling(OPTIONS)
    settling.pause(0, LEAST - 1, lambda *_: None)
    parts = settling.pause(0, 3 * LEAST, lambda *_: None)
    assert [(p.start_sample, p.end_sample) for p in parts] == [(0, 3 * LEAST)]


def test_a_word_at_the_end_is_heard_with_the_part_before_it():
    settling = Settling(OPTIONS)
    settling.pause(0, LEAST, lambda *_: None)
    settling.pause(0, 2 * LEAST, lambda *_: None)
    parts = settling.pause(0, 2 * LEAST + LEAST_REST - 1, lambda *_: None)
    assert [p.end_sample for p in parts] == [LEAST, 2 * LEAST + LEAST_REST - 1]


@dataclass
class Stride:
    stride_samples: int = 320


class Believing:
    """Believes all but ``not this``; a word a second, timed from the offset."""

    def __init__(self):
        self.seen = []

    def judge(self, heard, log_probs, offset_s=0.0):
        self.seen.append((len(log_probs), offset_s))
        text = heard[0].text
        if text == "not this":
            return Judgement(None, "misfit")
        said = text.split()
        words = tuple(Word(w, offset_s + k, offset_s + k + 1, 0.5) for k, w in enumerate(said))
        return Judgement(Fit(Hypothesis(text, 0.5, words), 1.0, 2.0, len(text)), "fits")


def judged(*texts, judge=None):
    ends = np.cumsum([0, *[16_000 * (k + 1) for k in range(len(texts))]])
    parts = [
        Part(int(a) + 800, int(b) + 800, (Reheard(text),))
        for a, b, text in zip(ends, ends[1:], texts, strict=False)
    ]
    frames = np.zeros((int(ends[-1]) // 320 - 1, 5), np.float32)
    return judge_parts(judge or Believing(), parts, frames, Stride())


def test_the_parts_texts_are_one_text_whose_words_keep_their_times():
    fit = judged("one two", "three").fit
    assert fit.hypothesis.text == "one two three"
    assert [word.start_s for word in fit.hypothesis.words] == pytest.approx([0.05, 1.05, 1.05])
    assert (fit.worst_word_nats, fit.letters) == (2.0, 12)


def test_each_part_is_held_against_its_own_frames_and_the_last_against_all_that_are_left():
    judge = Believing()
    judged("one", "two", "three", judge=judge)
    assert judge.seen == [(50, 0.05), (100, 1.05), (149, 3.05)]


def test_one_part_that_the_sound_does_not_say_spoils_all():
    assert judged("one", "not this", "three") == Judgement(None, "misfit")


def test_a_full_stop_before_a_small_letter_was_none():
    assert (
        judged("There's iron.", "in our blood.").fit.hypothesis.text == "There's iron in our blood."
    )
    assert (
        judged("There's iron.", "In our blood.").fit.hypothesis.text
        == "There's iron. In our blood."
    )
    assert judged("iron,", "they say").fit.hypothesis.text == "iron, they say"
