import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.client.ledger import ledger
from speechsearch.errors import ConfigError


def spoken(file, *texts):
    return [{"file": file, "utterance": n, "text": text} for n, text in enumerate(texts, 1)]


BATCH = {
    "a.wav": spoken("a.wav", "one", "zwei ünd"),
    "quiet.wav": [],
    "b\udcff.wav": spoken("b\udcff.wav", "x"),
}


def write(path, names=BATCH):
    with ledger(path, list(BATCH)) as results:
        for name in names:
            if name not in results.done:
                results.add(name, BATCH[name])
        return set(results.done)


def test_each_recording_has_its_objects_and_then_its_end_also_where_nothing_was_said(tmp_path):
    out = tmp_path / "out.jsonl"
    assert write(out, ["a.wav", "quiet.wav"]) == {"a.wav", "quiet.wav"}
    assert [json.loads(line) for line in out.read_text().splitlines()] == [
        *BATCH["a.wav"],
        {"file": "a.wav", "done": True, "utterances": 2},
        {"file": "quiet.wav", "done": True, "utterances": 0},
    ]


def test_a_second_run_changes_nothing(tmp_path):
    out = tmp_path / "out.jsonl"
    write(out)
    before = out.read_bytes()
    assert write(out) == set(BATCH)
    assert out.read_bytes() == before


@given(st.data())
def test_wherever_a_run_was_ended_the_next_completes_the_file_byte_for_byte(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("runs")
    whole, cut = folder / "whole.jsonl", folder / "cut.jsonl"
    write(whole)
    expected = whole.read_bytes()
    for _ in range(data.draw(st.integers(1, 3))):
        cut.write_bytes(expected[: data.draw(st.integers(0, len(expected)))])
        with ledger(cut, list(BATCH)) as results:
            ends = cut.read_bytes().count(b'"done": true')
            assert len(results.done) == ends
        write(cut)
        assert cut.read_bytes() == expected


@pytest.mark.parametrize(
    "content",
    [
        b"my notes, without an end of line",
        b"my notes\n",
        b"[1, 2]\n",
        b'{"title": "a catalogue"}\n',
        b'{"file": "a.wav", "utterance": 1}\n',
        b'{"file": "a.wav", "text": "x"}\n{"file": "quiet.wav", "text": "x"}\n',
        b'{"file": "not-asked-for.wav", "text": "what query --json printed"}\n',
    ],
)
def test_a_file_that_is_something_else_is_refused_and_not_touched(tmp_path, content):
    out = tmp_path / "notes"
    out.write_bytes(content)
    with pytest.raises(ConfigError, match="does not look like") as caught, ledger(out, BATCH):
        pass
    assert caught.value.hint
    assert out.read_bytes() == content


def test_two_runs_do_not_write_to_one_file(tmp_path):
    out = tmp_path / "out.jsonl"
    with ledger(out, BATCH), pytest.raises(ConfigError, match="another run"), ledger(out, BATCH):
        pass


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(ConfigError, match="cannot be written"), ledger(tmp_path / "no" / "x", ()):
        pass
