"""Recorded traffic is heard as the server hears an upload."""

import asyncio

import pytest

from speechsearch.asr.second_ear import chosen_second_ear, open_second_ear
from speechsearch.audio.player import read_audio
from speechsearch.config import load_settings
from speechsearch.monitoring.metrics import Metrics
from speechsearch.replay.hearing import hear
from speechsearch.server.answers import Answers
from speechsearch.server.assemble import load
from speechsearch.server.conversation import RecordedConversation
from speechsearch.server.hearing import Answer, Hearing
from speechsearch.vad.build import build_detector
from speechsearch.vad.segmenter import Segmenter
from speechsearch.wire import messages as m


@pytest.fixture(scope="module")
def settings():
    return load_settings(asr={"threads": 1})


PLAIN = m.Hello(protocol=m.PROTOCOL, partials=False)


@pytest.fixture(scope="module")
def pipeline(settings):
    return load(settings, Metrics("model")).pipeline


def by_the_server(samples, pipeline, settings):
    """Texts of the answers that stay."""

    async def listen():
        metrics = Metrics("model")
        answers = Answers(pipeline, metrics, settings.server)
        detector = build_detector(settings.detector.engine, settings.models_dir)
        hearing = Hearing(
            [samples], Segmenter(detector, settings.vad),
            lambda say: RecordedConversation(answers, metrics, say, hello=PLAIN),
        )  # fmt: skip
        try:
            return [one.message async for one in hearing.answers() if isinstance(one, Answer)]
        finally:
            await hearing.close()
            answers.close()

    finals = [one for one in asyncio.run(listen()) if isinstance(one, m.Final)]
    replaced = {one.continues for one in finals}
    return [one.text for one in finals if one.utterance not in replaced and one.text]


def test_it_says_what_the_server_says_of_the_same_recordings(fixtures, pipeline, settings):
    for recording in fixtures.queries[:4]:
        samples = read_audio(recording.path)
        passed = hear(samples, pipeline, settings)
        texts = [part.result.text for part in passed.parts if part.result.text]
        assert texts == by_the_server(samples, pipeline, settings)


def test_a_second_ear_has_the_last_word(fixtures, pipeline, settings, tmp_path):
    if chosen_second_ear("auto") == "off":
        pytest.skip("no second ear is installed")
    ear = open_second_ear(chosen_second_ear("auto"), tmp_path)
    samples = read_audio(fixtures.queries[0].path)
    alone, both = hear(samples, pipeline, settings), hear(samples, pipeline, settings, ear)
    assert [part.result.ear for part in both.parts] == [ear.name]
    assert [part.result.hits for part in both.parts] == [part.result.hits for part in alone.parts]


def test_speech_is_a_part_of_what_was_captured(fixtures, pipeline, settings):
    samples = read_audio(fixtures.queries[0].path)
    passed = hear(samples, pipeline, settings)
    assert 0 < passed.speech_samples <= len(samples)
    assert len(passed.parts[0].log_probs) > 10


def test_of_silence_there_is_nothing(fixtures, pipeline, settings):
    samples = read_audio(fixtures.queries[0].path)[:16_000] * 0
    passed = hear(samples, pipeline, settings)
    assert (passed.speech_samples, list(passed.parts)) == (0, [])
