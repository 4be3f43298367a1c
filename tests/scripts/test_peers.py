"""The peers' benchmark without the peers, and one of them where they are installed."""

import csv
import hashlib
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import peers
import peers_live
import pytest
from hypothesis import given
from hypothesis import strategies as st
from peers_endpointed import Endpointed
from peers_process import PEERS_PYTHON, Worker
from peers_report import draw, rotated, sample, summary, word_error_rate
from peers_systems import COMPARED
from peers_weights import check, join

from speechsearch.errors import ConfigError, ModelError, SpeechsearchError
from speechsearch.search.embedded import EmbeddedIndex, build_index
from speechsearch.search.ranking import Ranker
from speechsearch.types import Entry
from speechsearch.vad.endpointer import EndpointerOptions
from speechsearch.vad.segmenter import Segmenter

ROOT = Path(__file__).resolve().parents[2]
FRAME = 512


def heard(**changes):
    return {
        "path": "a.flac", "text": "", "hits": [], "t1_t0_ms": 300.0, "t3_t0_ms": 400.0,
        "early_cutoff": False, "t0_doubtful": False, "error": None, "audio_s": 4.0, "cpu_s": 1.0,
        "peak_rss_mb": 100.0, **changes,
    }  # fmt: skip


READY = {"set_up": "as it comes", "bare_rss_mb": 50.0}

# --- order and sample ---------------------------------------------------------------------------


@given(st.lists(st.text(), min_size=1, max_size=6, unique=True))
def test_over_a_round_every_system_has_every_place_once(names):
    orders = [rotated(names, turn) for turn in range(len(names))]
    assert all(sorted(order) == sorted(names) for order in orders)
    assert all(sorted(place) == sorted(names) for place in zip(*orders, strict=True))


@given(st.integers(0, 50), st.integers(0, 60), st.integers(0, 60))
def test_a_smaller_sample_is_part_of_a_larger_one_in_the_tables_order(size, one, other):
    rows = [{"path": str(number)} for number in range(size)]
    small, large = sorted((one, other))
    chosen, more = sample(rows, small), sample(rows, large)
    assert len(more) == min(size, large)
    assert [row for row in more if row in chosen] == chosen
    assert sample(rows, None) == rows


def test_a_sample_is_from_all_over_the_table():
    rows = [{"path": str(number)} for number in range(300)]
    places = [int(row["path"]) for row in sample(rows, 12)]
    assert min(places) < 75
    assert max(places) > 225


# --- figures ------------------------------------------------------------------------------------


def test_rows_of_doubtful_t0_count_for_cost_and_errors_but_not_for_times():
    files = [
        heard(t3_t0_ms=400.0, peak_rss_mb=90.0),
        heard(t3_t0_ms=600.0, early_cutoff=True),
        heard(t3_t0_ms=9000.0, t0_doubtful=True, early_cutoff=True, error="lost"),
    ]
    found = summary([{}, {}, {}], files, READY)
    assert found["t3_t0_ms"]["p50"] == 500.0
    assert found["early_cutoff_rate"] == 0.5
    assert (found["n"], found["t0_doubtful"], found["errors"]) == (3, 1, 1)
    assert found["cpu_s_per_audio_s"] == 0.25
    assert found["peak_rss_mb"] == 100.0


def test_a_system_that_answered_nothing_has_no_percentiles_and_no_cost():
    lost = heard(t1_t0_ms=None, t3_t0_ms=None, error="ended", audio_s=0.0, cpu_s=0.0)
    found = summary([{}], [lost], READY)
    assert found["t3_t0_ms"] == {"p50": None, "p95": None, "p99": None}
    assert found["cpu_s_per_audio_s"] is None


def test_words_are_counted_over_the_table_and_null_without_transcripts():
    files = [heard(text="Play the song!"), heard(text="stop it")]
    rows = [{"transcript": "play a song"}, {"transcript": "stop"}]
    assert word_error_rate(rows, files) == 0.5
    assert word_error_rate([{}, {}], files) is None


def test_a_picture_is_drawn_of_systems_with_and_without_answers(tmp_path):
    pytest.importorskip("matplotlib")
    systems = {
        "one": {"files": [heard(), heard(t3_t0_ms=None)]},
        "none": {"files": [heard(t3_t0_ms=None)]},
    }
    draw({"tables": [{"table": "t.tsv", "n": 2, "systems": systems}]}, tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_systems_are_named_between_commas():
    assert peers.systems("pocketsphinx, speechsearch,pocketsphinx") == [
        "pocketsphinx",
        "speechsearch",
    ]
    with pytest.raises(ConfigError, match="nobody"):
        peers.systems("speechsearch,nobody")
    with pytest.raises(ConfigError):
        peers.systems(",")


# --- weights ------------------------------------------------------------------------------------


def test_parts_are_joined_in_order_and_checked(tmp_path):
    parts = [tmp_path / "part1", tmp_path / "part2"]
    parts[0].write_bytes(b"one")
    parts[1].write_bytes(b"two")
    join(parts, tmp_path / "whole")
    assert (tmp_path / "whole").read_bytes() == b"onetwo"
    check(tmp_path / "whole", hashlib.sha256(b"onetwo").hexdigest())
    with pytest.raises(ModelError, match="damaged"):
        check(tmp_path / "whole", hashlib.sha256(b"twoone").hexdigest())
    with pytest.raises(ModelError, match="missing"):
        check(tmp_path / "absent", "")


# --- a recogniser behind our endpoints ----------------------------------------------------------


class Loud:
    """A detector that hears speech where the sound is not zero."""

    name = "loud"
    frame_samples = FRAME

    def speech_probability(self, frame):
        return float(np.abs(frame).max() > 0)

    def reset(self):
        pass


def spoken(*frames):
    """Frames of speech, of silence, of speech ..., in turn."""
    parts = [np.full(n * FRAME, 0.1 * (1 - i % 2), np.float32) for i, n in enumerate(frames)]
    return np.concatenate(parts)


def endpointed(decode, **options):
    vad = EndpointerOptions(pause_ms=96, hangover_ms=320, pre_roll_ms=0)
    return Endpointed(decode, lambda: Segmenter(Loud(), vad), 64, **options)


def run(recogniser, sound):
    said = []
    recogniser.begin(said.append)
    for start in range(0, len(sound), FRAME):
        recogniser.hear(sound[start : start + FRAME])
        time.sleep(0.002)  # lets a decode begin
    recogniser.end()
    assert recogniser.idle()
    return said


def test_a_decode_starts_at_the_pause_and_its_text_is_the_answer():
    lengths = []
    said = run(
        endpointed(lambda sound: lengths.append(len(sound)) or "text", speculate=True),
        spoken(20, 20),
    )
    assert [(one.text, one.start_s) for one in said] == [("text", 0.0)]
    assert len(lengths) == 1
    assert lengths[0] < (20 + 4) * FRAME


def test_without_speculation_the_decode_has_the_post_roll():
    lengths = []
    run(endpointed(lambda sound: lengths.append(len(sound)) or "", speculate=False), spoken(20, 20))
    assert lengths == [20 * FRAME + 1024]


def test_a_pause_inside_a_sentence_wastes_a_decode_and_answers_once():
    lengths = []
    said = run(
        endpointed(lambda sound: lengths.append(len(sound)) or str(len(sound)), speculate=True),
        spoken(20, 5, 20, 20),
    )
    assert [int(one.text) for one in said] == [max(lengths)]
    assert max(lengths) > 45 * FRAME


def test_two_utterances_are_answered_in_order_though_the_first_takes_long():
    free = threading.Event()
    texts = iter(["first", "second"])

    def decode(sound):
        del sound
        free.wait(5)
        return next(texts)

    recogniser, said = endpointed(decode, speculate=True), []
    recogniser.begin(said.append)
    recogniser.hear(spoken(20, 20, 20, 20))
    assert not recogniser.idle()
    free.set()
    recogniser.end()
    assert [one.text for one in said] == ["first", "second"]
    assert said[0].start_s < said[1].start_s


def test_what_a_decode_raises_is_raised_at_the_end():
    def decode(sound):
        raise RuntimeError(f"{len(sound)} samples")

    recogniser = endpointed(decode, speculate=True)
    recogniser.begin(lambda said: None)
    recogniser.hear(spoken(20, 20))
    with pytest.raises(RuntimeError, match="samples"):
        recogniser.end()


# --- playing ------------------------------------------------------------------------------------


class Prompt:
    """Says its text once ``after`` samples were heard."""

    set_up = ""

    def __init__(self, text, after, error=None):
        self.text, self.after, self.error = text, after, error

    def begin(self, say):
        self.say, self.heard, self.said = say, 0, False

    def hear(self, samples):
        self.heard += len(samples)
        if self.heard >= self.after and not self.said:
            if self.error:
                raise self.error
            self.said = True
            self.say(peers_live.Said(self.text, 0.1, time.perf_counter()))

    def idle(self):
        return self.said

    def end(self):
        pass


@pytest.fixture
def row(tmp_path):
    import soundfile

    file = tmp_path / "short.wav"
    soundfile.write(file, np.random.default_rng(0).normal(0, 0.01, 8000), 16_000)
    return {"path": "short.wav", "file": str(file), "t0": "0.4"}


@pytest.fixture(scope="module")
def ranker(tmp_path_factory):
    folder = tmp_path_factory.mktemp("index")
    build_index([Entry("1", "The Secret Garden"), Entry("2", "Emma")], folder / "index")
    return Ranker(EmbeddedIndex.open(folder / "index"), {})


async def test_a_recogniser_hears_in_real_time_and_its_text_is_searched(row, ranker):
    played = await peers_live.play(row, Prompt(" secret garden. ", after=9600), ranker)
    assert played.error == ""
    assert [hit.id for hit in played.covering.message.hits] == ["1"]
    assert played.covering.message.text == "secret garden."
    assert played.after_t0_ms(played.covering.t1_s) >= 190
    assert played.covering.t3_s >= played.covering.t1_s
    assert not played.early_cutoff


async def test_an_endpoint_inside_the_speech_is_an_early_cut_off_and_no_answer_for_t0(row, ranker):
    played = await peers_live.play(row, Prompt("secret", after=320), ranker)
    assert played.early_cutoff
    assert played.error == "no answer for the utterance that covers t0"


async def test_an_utterance_without_text_is_no_answer(row, ranker):
    played = await peers_live.play(row, Prompt("", after=9600), ranker)
    assert played.answers
    assert played.covering is None


async def test_what_a_recogniser_raises_is_the_files_error(row, ranker):
    broken = Prompt("", after=320, error=ValueError("no frame"))
    played = await peers_live.play(row, broken, ranker)
    assert played.error == "ValueError: no frame"


def test_waiting_sound_is_heard_in_one_piece_and_in_order():
    class Slow(Prompt):
        def hear(self, samples):
            pieces.append(samples)

    pieces = []
    hearing = peers_live.Hearing(Slow("", 0))
    blocks = [np.full(320, n, np.float32) for n in range(4)]
    for block in blocks:
        hearing.waiting.put(block)
    hearing.waiting.put(None)
    hearing.run()
    assert len(pieces) == 1
    assert np.array_equal(pieces[0], np.concatenate(blocks))
    assert hearing.heard_samples == 4 * 320


# --- processes ----------------------------------------------------------------------------------


def test_a_process_that_does_not_start_says_why():
    with pytest.raises(SpeechsearchError, match="nobody is not a system"):
        Worker("nobody", own=True, index=None)


def test_a_lost_file_costs_that_file_and_a_lost_process_its_files(row, tmp_path):
    worker = Worker("speechsearch", own=True, index=None)
    lost = worker.play({**row, "path": "absent.wav", "file": str(tmp_path / "absent.wav")})
    assert "absent.wav cannot be read" in lost["error"]
    assert worker.play(row)["audio_s"] > 1
    worker.process.kill()
    lost = worker.play(row)
    assert lost["error"]
    assert (lost["path"], lost["t3_t0_ms"], lost["t0_doubtful"]) == ("short.wav", None, False)
    worker.close()


@pytest.mark.skipif(
    not PEERS_PYTHON.exists(), reason="the peers are not installed (scripts/bench_peers does it)"
)
def test_peers_answer_a_recording_each_in_its_own_process():
    with (ROOT / "audio_fixtures" / "manifest.tsv").open(newline="") as file:
        row = next(row for row in csv.DictReader(file, delimiter="\t") if row["t0"])
    row["file"] = str(ROOT / "audio_fixtures" / row["path"])
    names = [name for name in COMPARED if name != "speechsearch"]
    workers = [Worker(name, own=False, index=None) for name in names]
    with ThreadPoolExecutor(len(workers)) as pool:
        results = list(pool.map(lambda worker: worker.play(row), workers))
    for worker in workers:
        worker.close()
    for result in results:
        assert result["error"] is None, json.dumps(result)
        assert result["text"]
        assert result["cpu_s"] > 0
