import numpy as np
import pytest

from speechsearch.asr.beam import BeamDecoder
from speechsearch.asr.folder import find_model
from speechsearch.asr.gate import Gate, GateOptions
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.audio.player import read_audio
from speechsearch.config import default_models_dir
from speechsearch.errors import ConfigError
from speechsearch.pipeline import Finder, Pipeline, PipelineOptions, Spoken
from speechsearch.search.catalogue import demo_catalogue, read_catalogue
from speechsearch.search.embedded import EmbeddedIndex, build_index
from speechsearch.search.ranking import Ranker
from speechsearch.types import Decoder, SearchMode, Utterance


class Watching:
    def __init__(self):
        self.stages = []

    def stage(self, name, ms):
        assert ms >= 0
        self.stages.append(name)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    model = OnnxAcousticModel.load(find_model("w2v2-starter", [default_models_dir()]), 1)
    folder = tmp_path_factory.mktemp("index") / "books"
    build_index(read_catalogue(demo_catalogue()).entries, folder)
    letters = model.info.vocabulary
    vocabulary = {**letters.ids, " ": letters.delimiter_id}
    return model, Finder(Ranker(EmbeddedIndex.open(folder), vocabulary))


@pytest.fixture
def watched(parts):
    watching = Watching()
    return Pipeline(*parts, observer=watching), watching


def spoken(sound, start_sample=0, number=1, **more):
    utterance = Utterance(number, sound, start_sample)
    return Spoken(utterance, utterance.end_sample, **more)


def test_an_utterance_becomes_a_result_and_every_stage_is_seen(watched, fixtures):
    pipeline, watching = watched
    wanted = fixtures.queries[0]
    result = pipeline.answer(spoken(read_audio(wanted.path), 32_000, 5)).result
    assert (result.utterance, result.hits[0].id) == (5, wanted.item)
    assert result.hypotheses[0].words[0].start_s > 2.0
    assert watching.stages == ["decode", "hypothesis", "search", "hypothesis"]
    assert result.timings_ms.keys() == {"decode", "hypothesis", "search"}


def test_what_comes_long_after_the_end_of_speech_is_not_decoded(watched, fixtures):
    pipeline, _ = watched
    first, second = (read_audio(one.path) for one in fixtures.queries[:2])
    both = Utterance(1, np.concatenate([first, second]), 0)
    cut = pipeline.answer(Spoken(both, len(first))).result
    assert cut.text.startswith("prid")
    assert cut.hypotheses[0].words[-1].end_s < len(first) / 16_000 + 0.2


def test_silence_and_no_sound_at_all_have_no_hypothesis_and_say_why(watched):
    pipeline, _ = watched
    for length in (0, 100, 16_000):
        result = pipeline.answer(spoken(np.zeros(length, np.float32))).result
        assert (result.hypotheses, result.hits) == ((), ())
        assert result.why_nothing


@pytest.mark.parametrize(("search", "found"), [(SearchMode.FULL, True), (SearchMode.TEXT, False)])
def test_speech_too_unsure_to_search_with_finds_only_what_its_sound_surely_fits(
    parts, fixtures, search, found
):
    pipeline = Pipeline(*parts, options=PipelineOptions(search=search))
    pipeline._gate = Gate(GateOptions(search_floor=1.1))
    wanted = fixtures.queries[0]
    sound = read_audio(wanted.path)
    assert bool(pipeline.answer(spoken(sound)).result.hits) is found
    doubtful = pipeline.answer(spoken(sound[:16_000])).result
    assert (doubtful.text != "", doubtful.hits) == (True, ())


def test_sound_that_only_leads_to_an_utterance_is_not_heard_alone(watched, fixtures):
    pipeline, _ = watched
    first, second = (read_audio(one.path) for one in fixtures.queries[:2])
    both = Utterance(1, np.concatenate([first, second]), 0, lead_samples=len(first))
    answered = pipeline.answer(Spoken(both, both.end_sample))
    assert answered.result.hits[0].id == fixtures.queries[1].item
    assert answered.utterance.start_sample == len(first)


def cut(sound, at_s):
    """A recording as two utterances that follow each other without a gap."""
    at = round(at_s * 16_000)
    return sound[:at], Utterance(2, sound[at:], at)


def test_a_title_cut_in_two_is_found_whole_and_continues_the_first_half(watched, fixtures):
    pipeline, _ = watched
    wanted = fixtures.queries[0]
    head, tail = cut(read_audio(wanted.path), 1.02)
    first = pipeline.answer(spoken(head))
    second = pipeline.answer(Spoken(tail, tail.end_sample, before=first))
    assert second.result.continues == 1
    assert second.result.hits[0].id == wanted.item
    assert second.result.text.startswith(first.result.text.split()[0])
    assert len(second.utterance.samples) == len(head) + len(tail.samples)


def test_two_queries_close_together_stay_two(watched, fixtures):
    pipeline, _ = watched
    one, other = fixtures.queries[:2]
    first = pipeline.answer(spoken(read_audio(one.path)))
    start = first.utterance.end_sample
    after = Utterance(2, read_audio(other.path), start)
    second = pipeline.answer(Spoken(after, after.end_sample, before=first))
    assert second.result.continues is None
    assert second.result.hits[0].id == other.item
    assert second.utterance.start_sample == start


def test_noise_after_an_answer_leaves_it_alone(watched, fixtures):
    pipeline, _ = watched
    first = pipeline.answer(spoken(read_audio(fixtures.queries[0].path)))
    quiet = Utterance(2, np.zeros(16_000, np.float32), first.utterance.end_sample)
    second = pipeline.answer(Spoken(quiet, quiet.end_sample, before=first))
    assert second.result.hypotheses == ()
    assert second.result.continues is None


def test_the_end_of_a_title_that_is_noise_by_itself_is_taken_into_the_sentence(watched, fixtures):
    pipeline, _ = watched
    head, tail = cut(read_audio(fixtures.queries[5].path), 2.1)
    first = pipeline.answer(spoken(head))
    assert pipeline.answer(Spoken(tail, tail.end_sample)).result.hypotheses == ()
    second = pipeline.answer(Spoken(tail, tail.end_sample, before=first)).result
    assert second.continues == 1
    assert len(second.text) > len(first.result.text)


def test_a_beginning_that_is_noise_by_itself_is_taken_into_the_sentence(watched, fixtures):
    pipeline, _ = watched
    head, tail = cut(read_audio(fixtures.queries[4].path), 0.8)
    first = pipeline.answer(spoken(head))
    assert first.result.hypotheses == ()
    second = pipeline.answer(Spoken(tail, tail.end_sample, before=first)).result
    assert second.continues == 1
    assert second.text.startswith("i ")


def test_search_by_text_finds_what_the_same_words_typed_would_find(parts, fixtures):
    pipeline = Pipeline(*parts, options=PipelineOptions(search=SearchMode.TEXT))
    result = pipeline.answer(spoken(read_audio(fixtures.queries[13].path))).result
    typed, _ = pipeline.search(result.text, 10)
    assert list(result.hits) == typed
    assert {hit.why for hit in result.hits} == {"text"}


def test_a_second_ear_that_is_not_there_is_said_instead_of_left_out():
    with pytest.raises(ConfigError, match="no second ear"):
        PipelineOptions(second_pass="third")


def test_the_beam_reads_with_the_title_that_was_found(parts, fixtures):
    model, finder = parts
    beam = BeamDecoder(model.info.vocabulary, model.info.timing)
    reader = Finder(finder.ranker, beam)
    said = spoken(read_audio(fixtures.queries[0].path))
    read = Pipeline(model, reader).answer(said).result
    spelt = (
        Pipeline(model, reader, options=PipelineOptions(decoder=Decoder.GREEDY)).answer(said).result
    )
    assert read.text == "pride and prejudice"
    assert spelt.text.startswith("prid and prej")
    assert read.hits == spelt.hits
    assert len(read.hypotheses) > 1
    assert 0.5 < read.answer_confidence <= 1
