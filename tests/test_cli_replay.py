"""The verb replay: recorded traffic in, alarms out."""

import json

import pytest

from tests.test_cli import run

KEYS = {"at_utterance", "metric", "stage", "cause", "severity"}


@pytest.fixture(scope="module")
def table(fixtures, tmp_path_factory):
    path = tmp_path_factory.mktemp("replay") / "before.tsv"
    rows = [str(recording.path) for recording in fixtures.queries[:8]]
    path.write_text("\n".join(["path", *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def replayed(table):
    out = table.parent / "alarms.json"
    said = run("replay", "--before", str(table), "--change", "gain=-30", "--n-before", "60",
               "--n-after", "60", "--seed", "3", "--json", str(out))  # fmt: skip
    assert said.returncode == 0, said.stderr
    return said, json.loads(out.read_text())


def test_the_json_holds_what_was_sent_and_every_alarm(replayed):
    report = replayed[1]
    assert set(report) == {"n_before", "n_after", "alarms"}
    assert (report["n_before"], report["n_after"]) == (60, 60)
    for alarm in report["alarms"]:
        assert set(alarm) == KEYS
        assert alarm["severity"] in ("warning", "alert")


def test_a_quieter_microphone_is_noticed_and_named(replayed):
    said, report = replayed
    assert "level_dbfs" in {alarm["metric"] for alarm in report["alarms"]}
    assert all(alarm["at_utterance"] >= 0 for alarm in report["alarms"])
    assert "level_dbfs" in said.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--change", "gain=loud"], "gain"),
        (["--change", "snr=30..5"], "snr=30..5/1000"),
        (["--change", "vad=webrtc:3", "--change", "vad=silero:0.9"], "vad is changed twice"),
        (["--change", "catalogue=nowhere"], "there is no index"),
        (["--before", "none.tsv"], "none.tsv"),
        (["--json", "nowhere/alarms.json"], "there is no folder nowhere"),
    ],
)
def test_what_cannot_be_is_said(table, arguments, words):
    said = run("replay", "--before", str(table), *arguments)
    assert said.returncode == 1
    assert words in said.stderr
    assert "Traceback" not in said.stderr


def test_a_reference_of_few_speakers_is_refused_before_anything_is_heard(table, fixtures):
    few = table.parent / "few.tsv"
    rows = [f"{one.path}\t{n % 2}" for n, one in enumerate(fixtures.queries[:8])]
    few.write_text("\n".join(["path\tspeaker", *rows]) + "\n")
    said = run("replay", "--before", str(table), "--reference", str(few))
    assert said.returncode == 1
    assert "only 2 speakers" in said.stderr


def test_each_detector_says_what_it_found_alone(replayed):
    lines = {line.split()[0]: line for line in replayed[0].stdout.splitlines() if line.strip()}
    detectors = [lines.pop(one) for one in ("psi", "ks", "ranks", "mmd", "page-hinkley", "since")]
    assert all("|" in line for line in (lines["all"], *detectors))
    assert "0/1" in lines["all"]
    assert "1/1" in lines["all"]
    assert any("1/1" in line for line in detectors)


def test_several_replays_are_counted_and_the_first_is_written(table, replayed):
    out = table.parent / "again.json"
    said = run("replay", "--before", str(table), "--change", "gain=-30", "--n-before", "60",
               "--n-after", "60", "--seed", "3", "--repeat", "2", "--json", str(out))  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert "2/2" in said.stdout
    assert json.loads(out.read_text()) == replayed[1]


def test_recordings_of_unnamed_speakers_are_warned_of(replayed):
    assert "8 recordings without a speaker" in replayed[0].stderr


def test_an_ear_that_nobody_has_is_refused(table):
    said = run("replay", "--before", str(table), "--second-pass", "bat", "--n-before", "40")
    assert said.returncode == 1
    assert "there is no second ear 'bat'" in said.stderr
