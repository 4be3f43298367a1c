import numpy as np
import pytest

from speechsearch.asr.folder import find_model
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.audio.player import read_audio
from speechsearch.clock import Deadline
from speechsearch.config import default_models_dir
from speechsearch.errors import ConfigError, DeadlineExceeded
from speechsearch.pipeline import Pipeline, PipelineOptions
from speechsearch.search.catalogue import demo_catalogue, read_catalogue
from speechsearch.search.embedded import EmbeddedIndex, build_index
from speechsearch.search.ranking import Ranker
from speechsearch.types import Decoder, SearchMode, Utterance

FAR = Deadline(at_s=1e18)


class Watching:
    def __init__(self):
        self.stages, self.results = [], []

    def stage(self, name, ms):
        assert ms >= 0
        self.stages.append(name)

    def answered(self, utterance, result):
        self.results.append((utterance.number, result))


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    model = OnnxAcousticModel.load(find_model("w2v2-starter", [default_models_dir()]), 1)
    folder = tmp_path_factory.mktemp("index") / "books"
    build_index(read_catalogue(demo_catalogue()).entries, folder)
    letters = model.info.vocabulary
    vocabulary = {**letters.ids, " ": letters.delimiter_id}
    return model, Ranker(EmbeddedIndex.open(folder), vocabulary)


@pytest.fixture
def watched(parts):
    watching = Watching()
    return Pipeline(*parts, observer=watching), watching


def test_an_utterance_becomes_a_result_and_every_stage_is_seen(watched, fixtures):
    pipeline, watching = watched
    spoken = fixtures.queries[0]
    sound = read_audio(spoken.path)
    result = pipeline.answer(Utterance(5, sound, 32_000), 32_000 + len(sound), FAR)
    assert result.hits[0].id == spoken.item
    assert result.hypotheses[0].words[0].start_s > 2.0
    assert watching.stages == ["decode", "hypothesis", "search"]
    assert watching.results == [(5, result)]
    assert result.timings_ms.keys() == {"decode", "hypothesis", "search"}


def test_what_comes_long_after_the_end_of_speech_is_not_decoded(watched, fixtures):
    pipeline, _ = watched
    first, second = (read_audio(one.path) for one in fixtures.queries[:2])
    both = np.concatenate([first, second])
    cut = pipeline.answer(Utterance(1, both, 0), len(first), FAR)
    assert cut.text.startswith("prid")
    assert cut.hypotheses[0].words[-1].end_s < len(first) / 16_000 + 0.2


def test_silence_and_no_sound_at_all_have_no_hypothesis_and_say_why(watched):
    pipeline, _ = watched
    for length in (0, 100, 16_000):
        result = pipeline.answer(Utterance(1, np.zeros(length, np.float32), 0), length, FAR)
        assert (result.hypotheses, result.hits) == ((), ())
        assert result.why_nothing


def test_an_answer_that_nobody_waits_for_any_more_is_not_made(watched):
    pipeline, watching = watched
    with pytest.raises(DeadlineExceeded) as caught:
        pipeline.answer(Utterance(7, np.zeros(9, np.float32), 0), 9, Deadline(at_s=-1e18))
    assert caught.value.utterance == 7
    assert watching.stages == []


def test_search_by_text_finds_what_the_same_words_typed_would_find(parts, fixtures):
    pipeline = Pipeline(*parts, options=PipelineOptions(search=SearchMode.TEXT))
    sound = read_audio(fixtures.queries[13].path)
    result = pipeline.answer(Utterance(1, sound, 0), len(sound), FAR)
    typed, _ = pipeline.search(result.text, 10)
    assert list(result.hits) == typed
    assert {hit.why for hit in result.hits} == {"text"}


@pytest.mark.parametrize("options", [{"decoder": Decoder.BEAM}, {"second_pass": "tiny.en"}])
def test_what_this_version_has_not_is_said_instead_of_left_out(options):
    with pytest.raises(ConfigError, match="this version has no"):
        PipelineOptions(**options)
