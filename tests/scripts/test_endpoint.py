import numpy as np
import pytest
from endpoint_curve import Outcome, outcome_of, rates
from endpoint_fit import regression
from endpoint_memory import Memory, digest
from endpoint_pairs import Recording, pauses, speech_spans, stretched, twos, with_noise
from endpoint_repair import APART, JOINED, Verdict, cell, is_fitted, wilson
from endpoint_simulation import Track, Turn, simulate
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.turns import Allowance
from speechsearch.types import Hypothesis, Result
from speechsearch.vad.endpointer import EndpointerOptions, SpeechStart

FRAME = 512
MS = 16


class Patient:
    """Allows every pause the same."""

    def __init__(self, hangover_ms):
        self.hangover_ms = hangover_ms
        self.resumed_ms = []

    def pause(self, start, sample):
        return Allowance(self.hangover_ms, "usual")

    def resume(self, pause_ms):
        self.resumed_ms.append(pause_ms)

    def end(self, start, end, tier):
        return Turn(0, start, end.end_sample, end.decided_sample, tier, heard(""))


def heard(text, continues=None):
    hypotheses = (Hypothesis(text, 0.9),) if text else ()
    return Result(1, hypotheses, (), {}, "model@1", continues=continues)


def track(*runs):
    """Speech and silence in turn, in frames."""
    frames = [float(place % 2 == 0) for place, run in enumerate(runs) for _ in range(run)]
    return Track(np.zeros(len(frames) * FRAME, np.float32), tuple(frames), FRAME)


def turn(number, start_s, decided_s, text="x", continues=None):
    start, decided = round(start_s * 16_000), round(decided_s * 16_000)
    return Turn(number, SpeechStart(start, start), decided, decided, "", heard(text, continues))


def recording(speaker="s", text="t", spans=((1600, 16_000), (20_800, 32_000))):
    random = np.random.default_rng(0)
    samples = random.normal(0, 0.1, 48_000).astype(np.float32)
    return Recording(samples, text, speaker, "table", spans)


@pytest.mark.parametrize(("hangover_ms", "turns"), [(200, 2), (400, 1)])
def test_a_pause_longer_than_allowed_ends_an_utterance_where_the_hangover_does(hangover_ms, turns):
    listener = Patient(hangover_ms)
    found = simulate(track(20, 10, 20, 40), EndpointerOptions(), listener)
    assert len(found) == turns
    assert found[-1].decided_sample == 50 * FRAME + hangover_ms * MS
    assert found[-1].tier == "usual"
    assert listener.resumed_ms == ([320.0] if turns == 1 else [])


def test_an_answer_cut_early_is_unrepaired_unless_a_later_one_takes_it_in():
    cut, rest = turn(1, 0.0, 1.0), turn(2, 1.2, 2.3)
    assert outcome_of([cut, rest], 2.0) == Outcome(True, True, pytest.approx(300), "")
    joined = turn(2, 1.2, 2.3, continues=1)
    assert outcome_of([cut, joined], 2.0) == Outcome(True, False, pytest.approx(300), "")
    silent = turn(1, 0.0, 1.0, text="")
    assert not outcome_of([silent, rest], 2.0).unrepaired
    assert outcome_of([cut], 2.0) == Outcome(True, True, None)


def test_rates_count_what_came_and_leave_out_delays_that_are_not_there():
    found = rates([Outcome(True, False, 300.0, "usual"), Outcome(True, True, None)])
    assert (found["early_cutoff_rate"], found["unrepaired_rate"]) == (1.0, 0.5)
    assert (found["no_endpoint"], found["t1_t0_ms"]["p99"]) == (1, 300.0)


def test_speech_spans_leave_short_bursts_and_short_pauses_out():
    frames = track(20, 2, 10, 10, 1, 10, 20, 40).probabilities
    spans = speech_spans(frames, FRAME)
    assert spans == ((0, 32 * FRAME), (53 * FRAME, 73 * FRAME))


def test_a_sentence_is_cut_at_the_pause_it_has_or_at_a_longer_one_of_its_own_noise():
    (pair,) = pauses(recording(), 288)
    assert (pair.gap_ms, pair.truth) == (300.0, "one")
    (longer,) = stretched(recording(), 400, 900)
    assert longer.gap_ms == pytest.approx(900)
    assert len(longer.samples) - len(pair.samples) == 600 * MS


def test_two_sentences_are_of_one_speaker_and_differ():
    said = [recording(s, t) for s, t in (("a", "x"), ("a", "y"), ("b", "x"), ("b", "x"))]
    found = list(twos(said, 5, seed=0))
    assert {pair.speaker for pair in found} == {"a"}
    assert [pair.gap_ms for pair in found] == [300, 400, 500, 600, 700]


def test_noise_is_never_louder_than_the_sentence_beside_it():
    noise = np.full(8000, 0.9, np.float32)
    after, before = with_noise(recording(), noise, 500)
    assert after.truth == before.truth == "noise"
    assert np.abs(after.samples[after.onset : after.second_end]).max() < 0.2
    assert before.gap_ms == after.gap_ms == 500


def test_a_cell_counts_what_is_right_by_the_truth():
    (one,) = pauses(recording(), 288)
    found = cell([Verdict(one, JOINED, True), Verdict(one, APART, False)])
    assert (found["n"], found["right"], found[JOINED], found[APART]) == (2, 0.5, 1, 1)


@given(st.integers(1, 2000), st.floats(0, 1))
def test_an_interval_holds_its_share(n, share):
    right = round(n * share)
    low, high = wilson(right, n)
    assert 0 <= low <= round(right / n, 4) <= high <= 1


def test_half_of_the_speakers_are_fitted_on():
    fitted = [is_fitted(f"speaker {number}") for number in range(400)]
    assert 150 < sum(fitted) < 250
    assert is_fitted("orders 0") != is_fitted("orders 1")
    assert is_fitted("one/place/a.wav") == is_fitted("another/a.wav")


def test_the_regression_finds_the_weights_that_made_the_chances():
    random = np.random.default_rng(0)
    rows = np.column_stack([np.ones(20_000), random.normal(size=20_000)])
    chances = 1 / (1 + np.exp(-(rows @ [-1.0, 2.0])))
    found = regression(rows, (random.random(20_000) < chances).astype(float), np.ones(20_000))
    assert found == pytest.approx([-1.0, 2.0], abs=0.1)


def test_what_was_made_once_is_remembered_by_the_next_run(tmp_path):
    memory = Memory(tmp_path / "cache")
    assert memory.recall("kind", digest(b"a"), lambda: 1) == 1
    memory.save()
    assert Memory(tmp_path / "cache").recall("kind", digest(b"a"), lambda: 2) == 1
    assert Memory(None).recall("kind", digest(b"a"), lambda: 2) == 2
