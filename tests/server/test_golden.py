"""What a version has to get right before anybody meets it."""

from types import SimpleNamespace

import pytest

from speechsearch.asr.wer import Errors
from speechsearch.config import fixtures_dir
from speechsearch.errors import ModelError, TableError
from speechsearch.server.golden import Prover, Score, faults, read_golden
from speechsearch.types import Hit, Hypothesis, Result

GOOD = Score(40, found=35, heard_in_noise=0, errors=Errors(10, 100))


def test_the_shipped_recordings_are_all_there(fixtures):
    golden = read_golden(fixtures_dir() / "manifest.tsv")
    assert len(golden) == len(fixtures.recordings)
    assert all(one.path.is_file() for one in golden)
    assert sum(bool(one.item) for one in golden) == len(fixtures.queries)


@pytest.mark.parametrize("content", ["", "path\ttext\titem\n", "path\ttext\na\tb\n"])
def test_a_table_that_proves_nothing_is_refused(tmp_path, content):
    (tmp_path / "golden.tsv").write_text(content)
    with pytest.raises(TableError):
        read_golden(tmp_path / "golden.tsv")


def test_one_recording_less_is_chance_and_three_are_not():
    assert faults(GOOD, Score(40, 34, 0, Errors(12, 100))) == ""
    assert faults(GOOD, Score(40, 32, 0, Errors(10, 100))) == "32 of 40 found, the champion 35"


def test_more_word_errors_and_words_in_noise_are_said():
    said = faults(GOOD, Score(40, 35, 2, Errors(30, 100)))
    assert "word error rate 0.30, the champion's 0.10" in said
    assert "words in 2 recordings of noise" in said


def pipeline(text="", error=None):
    return SimpleNamespace(text=text, error=error, heard=0)


async def hear(one, sound):
    one.heard += 1
    if one.error:
        raise one.error
    hits = (Hit("dracula", "Dracula", 1.0, "sound"),) if one.text else ()
    return Result(0, (Hypothesis(one.text, 0.9),) if one.text else (), hits, {}, "model")


@pytest.fixture
def prover(tmp_path, fixtures):
    dracula = fixtures.queries[2]
    table = tmp_path / "golden.tsv"
    table.write_text(f"path\ttext\titem\n{dracula.path}\t{dracula.text}\t{dracula.item}\n")
    return Prover(table, hear)


async def test_who_hears_as_the_champion_does_is_let_in_and_the_champion_hears_it_once(prover):
    champion, challenger = pipeline("dracula by bram stoker"), pipeline("dracula by bram stoker")
    assert await prover.faults(champion, challenger) == ""
    assert await prover.faults(champion, challenger) == ""
    assert (champion.heard, challenger.heard) == (1, 2)


async def test_who_hears_nothing_is_not(prover):
    assert "word error rate 1.00" in await prover.faults(pipeline("dracula by"), pipeline())


@pytest.mark.parametrize("error", [ModelError("it broke"), ZeroDivisionError("by zero")])
async def test_who_fails_is_not_let_in_either(prover, error):
    assert str(error)[:7] in await prover.faults(pipeline("dracula"), pipeline(error=error))
