import numpy as np
import pytest

from speechsearch.audio.player import read_audio
from speechsearch.config import default_models_dir
from speechsearch.errors import ConfigError, ModelError
from speechsearch.vad.build import build_detector
from speechsearch.vad.silero import MODEL_FILE, MODEL_FOLDER, SileroDetector
from speechsearch.vad.webrtc import WebrtcDetector


def speech_share(detector, sound):
    size = detector.frame_samples
    frames = [sound[n : n + size] for n in range(0, len(sound) - size, size)]
    return float(np.mean([detector.speech_probability(frame) >= 0.5 for frame in frames]))


@pytest.fixture(params=["silero", "webrtc"])
def detector(request):
    return build_detector(request.param, default_models_dir())


def test_a_spoken_fixture_is_mostly_speech_and_silence_is_not(detector, fixtures):
    spoken = fixtures.queries[0]
    sound = read_audio(spoken.path)[: round(spoken.t0_s * 16_000)]
    assert speech_share(detector, sound) > 0.4
    detector.reset()
    assert speech_share(detector, np.zeros(32_000, np.float32)) == 0


def test_after_reset_the_same_sound_is_heard_the_same(detector, fixtures):
    sound = read_audio(fixtures.queries[0].path)[:16_000]
    size = detector.frame_samples
    first = [detector.speech_probability(sound[n : n + size]) for n in range(0, 9_000, size)]
    detector.reset()
    again = [detector.speech_probability(sound[n : n + size]) for n in range(0, 9_000, size)]
    assert first == again


def test_an_aggressiveness_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match="0, 1, 2 or 3"):
        WebrtcDetector(4)


def test_a_missing_silero_model_says_where_it_should_be(tmp_path):
    with pytest.raises(ModelError, match="silero"):
        SileroDetector(tmp_path)


def test_a_damaged_silero_model_is_refused(tmp_path):
    damaged = tmp_path / MODEL_FOLDER / MODEL_FILE
    damaged.parent.mkdir()
    damaged.write_bytes(b"not the model")
    with pytest.raises(ModelError, match="damaged"):
        SileroDetector(tmp_path)
