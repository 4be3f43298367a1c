from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from speechsearch.asr.model import FrameTiming, Vocabulary

timings = st.builds(
    lambda stride, beyond: FrameTiming(stride, stride + beyond),
    st.integers(1, 500),
    st.integers(0, 2000),
)


@given(timings, st.integers(1, 5000))
def test_the_least_audio_for_n_frames_gives_n_and_one_sample_less_gives_fewer(timing, frames):
    samples = timing.samples(frames)
    assert timing.frames(samples) == frames
    assert timing.frames(samples - 1) == frames - 1


@given(timings, st.integers(0, 1000))
def test_frames_begin_one_stride_apart_and_never_before_the_audio(timing, frame):
    apart_s = timing.start_s(frame + 1) - timing.start_s(frame)
    assert abs(apart_s - timing.stride_samples / 16000) < 1e-9
    assert timing.start_s(frame) >= 0


def test_columns_without_a_letter_have_no_id():
    vocabulary = Vocabulary(("|", "", "x"), 1, 0, frozenset({1}))
    assert vocabulary.ids == {"|": 0, "x": 2}
    assert vocabulary.word_delimiter == "|"
