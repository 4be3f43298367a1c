"""Synthetic speech: what is said, and a script that goes on where it was."""

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
sys.path.append(str(SCRIPTS / "speech"))

from queries import KINDS, Texts, read_texts  # noqa: E402

TEXTS = Texts(["It was late.", "Come in!"], ["The Red House"], ["Jane Austen", "Oslo"])


@pytest.fixture
def sources(tmp_path):
    (tmp_path / "sentences.txt").write_text("It was late.\tEmma\n12 + 4 = 16\tx\nCome in!\tEmma\n")
    (tmp_path / "films.tsv").write_text('id\ttitle\n1\tThe Red House (Houses, #1)\n2\t"Odd\n')
    (tmp_path / "cities.csv").write_text("name,country\nOslo,Norway\n")
    return tmp_path


def read(folder, titles="films.tsv"):
    return read_texts(folder / "sentences.txt", [folder / titles], [folder / "cities.csv"])


def test_texts_are_what_can_be_said(sources):
    texts = read(sources)
    assert texts.sentences == ["It was late.", "Come in!"]
    assert texts.titles == ["The Red House"]
    assert texts.names == ["Oslo"]


@pytest.mark.parametrize("name", ["speech.tsv", "phrases.tsv", "commands.tsv", "vad.tsv"])
def test_nothing_is_made_of_a_table_of_the_evaluation(sources, name):
    (sources / "films.tsv").rename(sources / name)
    with pytest.raises(ValueError, match="evaluation"):
        read(sources, name)


def test_an_utterance_depends_on_the_seed_and_its_number_alone():
    said = [TEXTS.utterance(1, n) for n in range(300)]
    assert said == [TEXTS.utterance(1, n) for n in range(300)]
    assert said != [TEXTS.utterance(2, n) for n in range(300)]
    assert len(KINDS) <= len({*said})
    assert any("The Red House" in one and one != "The Red House" for one in said)
    assert not any(character.isdigit() for one in said for character in one)


def run(sources, out, hours):
    return subprocess.run(
        [sys.executable, SCRIPTS / "make_speech", out, "--hours", str(hours), "--voices", "espeak",
         "--sentences", sources / "sentences.txt", "--titles", sources / "films.tsv",
         "--names", sources / "cities.csv"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def rows(out):
    with (out / "synthetic.tsv").open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="needs espeak-ng")
def test_cut_off_it_goes_on_where_it_was(sources, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert run(sources, whole, 0.004).returncode == 0
    assert run(sources, cut, 0.002).returncode == 0
    with (cut / "synthetic.tsv").open("a") as file:
        file.write("00000/99999999.opus\tsynth")  # killed while it wrote
    assert run(sources, cut, 0.004).returncode == 0
    assert rows(cut) == rows(whole)
    for row in rows(cut):
        assert soundfile.info(cut / row["path"]).duration == pytest.approx(
            float(row["seconds"]), abs=0.05
        )


def test_what_is_missing_is_said(sources, tmp_path):
    said = run(sources, tmp_path / "out", 0.001)
    if not shutil.which("espeak-ng"):
        assert "espeak-ng" in said.stderr
    unknown = subprocess.run(
        [sys.executable, SCRIPTS / "make_speech", tmp_path / "o", "--hours", "1", "--voices", "x",
         "--sentences", sources / "sentences.txt", "--titles", sources / "films.tsv",
         "--names", sources / "cities.csv"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert unknown.returncode == 1
    assert "no voice 'x'" in unknown.stderr
