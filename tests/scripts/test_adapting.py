"""What training on one kind of speech did, and the kind it is shown on."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "scripts" / "speech"))

from telephone import LINE_HZ, Telephone, car, on_the_line  # noqa: E402

from speechsearch.asr.wer import Errors, count_errors  # noqa: E402
from speechsearch.learning.table import Recording, read_table  # noqa: E402


def power(sound, low_hz, high_hz):
    spectrum = np.abs(np.fft.rfft(sound)) ** 2
    hz = np.fft.rfftfreq(len(sound), 1 / 16000)
    return float(spectrum[(hz >= low_hz) & (hz < high_hz)].sum())


def tone(hz, seconds=1.0):
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(int(16000 * seconds)) / 16000)).astype("f4")


def test_the_line_passes_its_band_alone():
    for hz, share in ((100, 0.02), (1000, 0.9), (2500, 0.9), (5000, 0.02)):
        heard = on_the_line(tone(hz) + tone(1500))
        kept = power(heard, hz - 30, hz + 30) / power(heard, 1470, 1530)
        assert (kept > share) if share > 0.5 else (kept < share), hz
    assert LINE_HZ == 8000


def test_a_recording_keeps_its_length_and_its_line_whatever_else_is_made():
    sound, line = tone(800, 1.2345), Telephone(seed=3)
    made = line.apply(sound, "a.flac")
    assert len(made) == len(sound)
    line.apply(sound, "b.flac")
    assert np.array_equal(made, line.apply(sound, "a.flac"))
    assert not np.array_equal(made, line.apply(sound, "b.flac"))
    assert not np.array_equal(made, Telephone(seed=4).apply(sound, "a.flac"))


def test_a_car_is_loudest_where_it_is_low():
    noise = car(32000, np.random.default_rng(0))
    assert power(noise, 50, 300) > 10 * power(noise, 1000, 4000)


def test_half_an_hour_is_taken_of_whole_speakers(tmp_path):
    lines = ["path\ttranscript\tspeaker\tage"]
    for number in range(6):
        name = f"train/{number}.wav"
        (tmp_path / "train").mkdir(exist_ok=True)
        soundfile.write(tmp_path / name, tone(400 + number), 16000)
        lines.append(f"{name}\tyes\t{'sLs'[number % 3]}{number % 3}\t{number}")
    (tmp_path / "t.tsv").write_text("\n".join(lines) + "\n")
    subprocess.run(
        [sys.executable, ROOT / "scripts" / "make_telephone", tmp_path / "out", tmp_path / "t.tsv",
         "--minutes", "0.02", "--speakers", "[!L]*"],
        check=True, capture_output=True,
    )  # fmt: skip
    rows = read_table(tmp_path / "out" / "t.tsv")
    assert len(rows) == 2
    assert len({row.columns["speaker"] for row in rows} & {"s0", "s2"}) == 1
    assert all(row.path.suffix == ".flac" and row.path.is_file() for row in rows)


def test_the_change_is_paired_and_by_group():
    pytest.importorskip("torch", reason="needs the [torch] extra")
    sys.path.append(str(ROOT / "scripts" / "bench"))
    from adapting import Pair, compared, group_of

    worse, right = count_errors("one two", "one three"), count_errors("one two", "one two")
    pairs = [Pair("g", f"s{n}", worse, right if n % 2 else worse) for n in range(40)]
    pairs += [Pair("h", f"s{n}", right, right) for n in range(3)]
    told = compared(pairs)
    assert told["g"]["wer_before"] == 50
    assert told["g"]["wer_change"] == -25
    assert told["g"]["wer_change_low"] < -25 < told["g"]["wer_change_high"] < 0
    assert told["h"]["wer_change_low"] == told["h"]["wer_change_high"] == 0
    assert told["all"]["n"] == 43
    assert isinstance(worse, Errors)
    child = Recording(Path("x"), "x", columns={"age": "9"})
    assert group_of(Path("phrases.tsv"), child) == "phrases: children"
    assert group_of(Path("speech.tsv"), Recording(Path("x"), "x")) == "speech: all"
