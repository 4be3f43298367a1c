import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsearch.types import Chunk
from speechsearch.vad.endpointer import EndpointerOptions, Pause, SpeechEnd, SpeechStart
from speechsearch.vad.segmenter import Segmenter

OPTIONS = EndpointerOptions(
    min_speech_ms=64, pause_ms=64, hangover_ms=128, max_utterance_ms=1000, pre_roll_ms=96,
    post_roll_ms=64, rejoin_ms=160,
)  # fmt: skip


class LoudIsSpeech:
    name = "loud"
    frame_samples = 512

    def speech_probability(self, frame):
        return float(np.abs(frame).max() > 0.5)

    def reset(self):
        pass


def segment(sound, block_sizes):
    segmenter, events, start = Segmenter(LoudIsSpeech(), OPTIONS), [], 0
    sizes = iter(block_sizes)
    while start < len(sound):
        size = next(sizes, 320)
        events += segmenter.feed(sound[start : start + size])
        start += size
    return [*events, *segmenter.flush()]


def utterances(events):
    """(start, end, sound) of each utterance; sound must be gapless."""
    found, parts, start = [], [], 0
    for event in events:
        if isinstance(event, SpeechStart):
            parts, start = [], event.start_sample
        elif isinstance(event, Chunk):
            assert event.start_sample == start + sum(map(len, parts))
            parts.append(event.samples)
        elif isinstance(event, SpeechEnd):
            found.append((start, event, np.concatenate(parts)))
    return found


def spoken(*spans, length=40_000):
    """A ramp that names each sample's position, loud inside the spans."""
    sound = np.linspace(0, 0.4, length, dtype=np.float32)
    for start, end in spans:
        sound[start:end] += 0.55
    return sound


def test_an_utterance_holds_all_its_sound_from_the_pre_roll_to_the_decision():
    sound = spoken((8192, 16384))
    (start, end, heard), *more = utterances(segment(sound, []))
    assert not more
    assert start == 8192 - 1536
    assert end.end_sample == 16384
    assert np.array_equal(heard, sound[start : end.decided_sample])


def test_speech_at_the_very_first_sample_is_not_clipped():
    sound = spoken((0, 8192))
    (start, _, heard), *_ = utterances(segment(sound, []))
    assert start == 0
    assert np.array_equal(heard[:8192], sound[:8192])


def test_sound_still_pending_at_the_end_is_not_lost():
    sound = spoken((4096, 8900), length=8900)
    ((_, end, heard),) = utterances(segment(sound, []))
    assert end.reason == "flush"
    assert heard[-1] == sound[-1]


def test_silence_sends_nothing():
    assert segment(spoken(), []) == []


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 30)), max_size=5),
    st.lists(st.integers(1, 2000), max_size=60),
)
def test_how_the_sound_is_cut_into_blocks_changes_nothing(spans, sizes):
    sound = spoken(*((512 * first, 512 * (first + n)) for first, n in spans))
    whole, cut = utterances(segment(sound, [])), utterances(segment(sound, sizes))
    assert [(start, end) for start, end, _ in whole] == [(start, end) for start, end, _ in cut]
    for (start, end, heard), (_, _, again) in zip(whole, cut, strict=True):
        assert np.array_equal(heard, sound[start : end.decided_sample])
        assert np.array_equal(heard, again)


def test_what_was_heard_by_the_time_of_a_pause_comes_before_it():
    events = segment(spoken((8192, 16384)), [])
    place = next(n for n, event in enumerate(events) if isinstance(event, Pause))
    heard = [event for event in events[:place] if isinstance(event, Chunk)]
    assert heard[-1].end_sample == 16384 + 1024


def test_a_shortened_hangover_ends_between_frames_with_all_its_sound():
    segmenter, sound, events = Segmenter(LoudIsSpeech(), OPTIONS), spoken((8192, 16384)), []
    for start in range(0, len(sound), 320):
        for event in segmenter.feed(sound[start : start + 320]):
            events.append(event)
            if isinstance(event, Pause):
                events += segmenter.shorten(event.sample, 100)
    ((start, end, heard),) = utterances(events)
    assert end == SpeechEnd(16384, 16384 + 1600, "silence")
    assert np.array_equal(heard, sound[start : end.decided_sample])


def test_speech_after_an_endpoint_that_was_advised_late_begins_behind_the_sound_handed_out():
    segmenter, sound = Segmenter(LoudIsSpeech(), OPTIONS), spoken((8192, 16384), (19456, 28000))
    heard = [*segmenter.feed(sound[: 16384 + 1900]), *segmenter.shorten(16384, 70)]
    assert isinstance(heard[-1], SpeechEnd)
    told = max(e.start_sample + len(e.samples) for e in heard if isinstance(e, Chunk))
    assert told > heard[-1].decided_sample
    later = list(segmenter.feed(sound[16384 + 1900 :]))
    starts = [e.start_sample for e in later if isinstance(e, SpeechStart)]
    assert starts == [told]
    assert min(e.start_sample for e in later if isinstance(e, Chunk)) == told


def test_a_hangover_shortened_too_late_ends_at_once():
    segmenter, sound, events = Segmenter(LoudIsSpeech(), OPTIONS), spoken((8192, 16384)), []
    events += segmenter.feed(sound[: 16384 + 1900])
    assert not isinstance(events[-1], SpeechEnd)
    events += segmenter.shorten(16384, 70)
    ((_, end, _),) = utterances(events)
    assert end.decided_sample == 16384 + 1120
