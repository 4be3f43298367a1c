import json
import os
import pty
import shutil
import subprocess

import pytest

from speechsearch.client.batch import recordings_in
from speechsearch.errors import AudioFileError
from tests.serving import COMMAND, free_port


def query(server, *arguments, url="", **more):
    return subprocess.run(
        [*COMMAND, "query", *map(str, arguments), "--server", url or server.url],
        text=True, timeout=170, check=False, stdout=subprocess.PIPE,
        **{"stderr": subprocess.PIPE, **more},
    )  # fmt: skip


@pytest.fixture
def folder(fixtures, tmp_path):
    """Two spoken recordings, one of silence, one that is broken, and what is none."""
    inside = tmp_path / "all" / "more"
    inside.mkdir(parents=True)
    shutil.copy(fixtures.queries[0].path, inside / "b.flac")
    shutil.copy(fixtures.queries[1].path, tmp_path / "all" / "c.FLAC")
    shutil.copy(fixtures.empty[-1].path, tmp_path / "all" / "quiet.flac")
    (inside / "broken.wav").write_text("no sound")
    (inside / "notes.txt").write_text("no recording")
    return tmp_path / "all"


def entries(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_folder_stands_for_the_recordings_in_it_sorted_and_a_file_for_itself(folder):
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "a.wav").touch()
    (folder / ".a.wav").touch()
    (folder / "loop").symlink_to(folder)
    found = recordings_in(["any.thing", str(folder)])
    names = ("c.FLAC", "more/b.flac", "more/broken.wav", "quiet.flac")
    assert found == ["any.thing", *(str(folder / name) for name in names)]


def test_a_folder_without_recordings_is_said(tmp_path):
    with pytest.raises(AudioFileError, match="holds no recordings"):
        recordings_in([str(tmp_path)])


def test_a_folder_is_answered_into_a_file_what_is_bad_is_said_and_tried_again(server, folder):
    out = folder.parent / "out.jsonl"
    ran = query(server, folder, "--out", out)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.count("\n") == 1
    assert "broken.wav" in ran.stderr
    good = [folder / "c.FLAC", folder / "more" / "b.flac", folder / "quiet.flac"]
    ends = [entry for entry in entries(out) if "done" in entry]
    assert [entry["file"] for entry in ends] == [str(path) for path in good]
    assert [entry["utterances"] for entry in ends] == [1, 1, 0]
    shutil.copy(good[0], folder / "more" / "broken.wav")
    before = out.read_text()
    again = query(server, folder, "--out", out)
    assert (again.returncode, again.stderr) == (0, "")
    assert out.read_text().startswith(before)
    assert [entry["file"] for entry in entries(out)][-1] == str(folder / "more" / "broken.wav")


def test_the_file_holds_the_objects_that_json_prints(server, folder):
    out = folder.parent / "out.jsonl"
    ran = query(server, folder / "c.FLAC", "--out", out, "--json")
    assert entries(out)[:-1] == [json.loads(line) for line in ran.stdout.splitlines()]


def test_when_all_is_done_no_server_is_needed(server, folder):
    out = folder.parent / "out.jsonl"
    query(server, folder / "c.FLAC", "--out", out)
    nobody = f"ws://127.0.0.1:{free_port()}"
    assert query(server, folder / "c.FLAC", "--out", out, url=nobody).returncode == 0


def test_where_nobody_listens_the_batch_ends_and_loses_nothing(server, folder):
    out, nobody = folder.parent / "out.jsonl", f"ws://127.0.0.1:{free_port()}"
    for name in "defgh":
        shutil.copy(folder / "c.FLAC", folder / f"{name}.flac")
    ran = query(server, folder, "--out", out, url=nobody)
    assert ran.returncode == 1
    assert ran.stderr.count("nobody listens") == 3
    assert out.read_bytes() == b""


def test_on_a_terminal_a_bar_is_drawn_and_standard_output_stays_as_it_is(server, folder):
    shown, theirs = pty.openpty()
    with os.fdopen(shown, "rb", buffering=0) as screen:
        ran = query(server, folder, "--json", stderr=theirs)
        os.close(theirs)
        drawn = b""
        while True:
            try:
                piece = screen.read(4096)
            except OSError:
                break
            if not piece:
                break
            drawn += piece
    assert b"4/4" in drawn
    assert b"3 done, 1 failed" in drawn
    said = {json.loads(line)["text"].lower().rstrip(".") for line in ran.stdout.splitlines()}
    assert said > {"the time machine"}
