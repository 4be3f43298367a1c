import asyncio
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speechsearch.client.evaluation import evaluate
from speechsearch.client.query import query_file
from speechsearch.client.report import utterance_object
from speechsearch.client.session import Setup
from speechsearch.config import load_settings
from speechsearch.errors import AudioFileError, TableError
from speechsearch.learning.conditions import Condition, ConditionOptions
from speechsearch.learning.table import Recording
from tests.serving import COMMAND

AS_IS = Condition(ConditionOptions())


async def queried(file, setup):
    answers = query_file(Path(file), setup.server, setup.settings, 0)
    objects = [utterance_object(file, answer) async for answer in answers]
    return [one for one in objects if one]


@pytest.fixture
def setup(server):
    return Setup(load_settings(), server.url)


def rows_of(recordings):
    return [Recording(one.path, one.path.name, one.text, one.item) for one in recordings]


def run(rows, setup, condition=AS_IS):
    return asyncio.run(evaluate(rows, setup, condition))


def test_eval_hears_and_finds_exactly_what_query_does(fixtures, setup, tmp_path):
    chosen = [*fixtures.queries[11:15], fixtures.empty[0]]
    both = tmp_path / "two.wav"
    sounds = [soundfile.read(one.path, dtype="float32")[0] for one in fixtures.queries[:2]]
    soundfile.write(both, np.concatenate(sounds), 16_000)
    files = [*(str(one.path) for one in chosen), str(both)]
    found = {file: asyncio.run(queried(file, setup)) for file in files}
    rows = [*rows_of(chosen), Recording(both, "two.wav", "", "the-time-machine")]
    outcomes = run(rows, setup).outcomes
    assert len(found[str(both)]) == 2
    for outcome, answers in zip(outcomes, found.values(), strict=True):
        replaced = {answer["continues"] for answer in answers}
        stay = [answer for answer in answers if answer["utterance"] not in replaced]
        assert outcome.heard.text == " ".join(answer["text"] for answer in stay)
        shown = stay[-1]["hits"] if stay else []
        assert [hit.id for hit in outcome.heard.hits] == [hit["id"] for hit in shown]
        assert [round(hit.score, 4) for hit in outcome.heard.hits] == [h["score"] for h in shown]
    assert outcomes[-1].rank == 1


def test_the_transcript_is_typed_where_an_entry_is_known_to_be_right(fixtures, setup):
    spoken, quiet = fixtures.queries[0], fixtures.empty[0]
    typed, unknown = run(rows_of([spoken, quiet]), setup).outcomes
    assert typed.typed_rank == 1
    assert (unknown.typed_rank, unknown.rank, unknown.errors) == (None, None, None)


def test_a_recording_that_cannot_be_read_is_left_out_and_named(fixtures, setup, tmp_path):
    (tmp_path / "broken.wav").write_text("not sound")
    broken = Recording(tmp_path / "broken.wav", "broken.wav", "hello")
    done = run([broken, *rows_of(fixtures.queries[:1])], setup)
    assert len(done.outcomes) == 1
    assert "broken.wav" in done.failed["broken.wav"]
    with pytest.raises(AudioFileError, match="none of 1 recordings"):
        run([broken], setup)


def test_a_table_of_another_catalogue_is_said_before_anything_is_heard(fixtures, setup):
    row = Recording(fixtures.queries[0].path, "a", "hello", item="no such book")
    with pytest.raises(TableError, match="no such book"):
        run([row], setup)


def test_noise_makes_it_harder_to_hear(fixtures, setup):
    rows = rows_of(fixtures.queries[:2])
    clean, noisy = run(rows, setup), run(rows, setup, Condition(ConditionOptions(snr_db=-5)))
    assert [o.heard.text for o in clean.outcomes] != [o.heard.text for o in noisy.outcomes]


def test_a_server_that_fails_on_a_recording_counts_as_having_heard_nothing(fixtures):
    setup = Setup(load_settings(), "ws://127.0.0.1:9")
    [outcome] = run(rows_of(fixtures.queries[:1]), setup).outcomes
    assert "nobody listens" in outcome.heard.error
    assert (outcome.rank, outcome.typed_rank, outcome.errors.wer) == (0, None, 1.0)


def command(*arguments):
    return subprocess.run(
        [*COMMAND, "eval", *map(str, arguments)], capture_output=True, text=True, timeout=170,
        check=False,
    )  # fmt: skip


def test_the_verb_writes_json_and_a_page_and_searches_by_what_it_was_told(fixtures, tmp_path):
    manifest = fixtures.recordings[0].path.parent / "manifest.tsv"
    out, page = tmp_path / "report.json", tmp_path / "report.html"
    ran = command(manifest, "--limit", 3, "--search", "text", "--snr", 30, "--slice", "kind",
                  "--json", out, "--html", page)  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    report = json.loads(out.read_text())
    assert (report["n"], report["search"], report["noise"]) == (3, "text", "pink")
    assert set(report["slices"]) == {"kind"}
    assert "3 recordings" in ran.stdout
    assert page.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--second-pass", "third"], "no second ear"),
        (["--noise", "white"], "--snr"),
        (["--slice", "tone"], "no column 'tone'"),
        (["--json", "/no/such/folder/a.json"], "cannot be written"),
        (["--index", "no-such-index"], "no-such-index"),
    ],
)
def test_what_cannot_be_done_is_said_before_the_long_run(fixtures, options, said):
    ran = command(fixtures.recordings[0].path.parent / "manifest.tsv", *options)
    assert ran.returncode == 1
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr
