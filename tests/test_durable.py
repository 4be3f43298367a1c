"""What is written durably is whole or not there, whoever dies, and whoever writes at once."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from speechsearch.durable import replace_file, replacing, sync_tree

WRITES_FOREVER = """
import itertools, pathlib, sys
from speechsearch.durable import replace_file
for n in itertools.count():
    replace_file(pathlib.Path(sys.argv[1]), b"%09d" % n * 5_000)
"""


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "state.json"
    replace_file(path, b"before")
    replace_file(path, b"after")
    assert path.read_bytes() == b"after"
    assert list(tmp_path.iterdir()) == [path]


def test_until_the_block_ends_the_file_is_what_it_was(tmp_path):
    path = tmp_path / "state.json"
    path.write_bytes(b"before")
    with replacing(path) as file:
        file.write(b"after")
        file.flush()
        assert path.read_bytes() == b"before"
    assert path.read_bytes() == b"after"


def test_an_error_in_the_block_leaves_what_was_and_nothing_beside_it(tmp_path):
    path = tmp_path / "state.json"
    path.write_bytes(b"before")
    with pytest.raises(KeyError), replacing(path) as file:
        file.write(b"half")
        raise KeyError
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_secret_is_never_readable_by_others(tmp_path):
    path = tmp_path / "key"
    with replacing(path, mode=0o600) as file:
        assert os.fstat(file.fileno()).st_mode & 0o777 == 0o600
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_folder_that_is_missing_is_an_error_of_the_caller(tmp_path):
    with pytest.raises(FileNotFoundError):
        replace_file(tmp_path / "nowhere" / "state.json", b"")


@pytest.mark.parametrize("lives_ms", [20, 55, 90])
def test_a_writer_killed_at_any_moment_leaves_a_whole_file(tmp_path, lives_ms):
    path = tmp_path / "state.json"
    writer = subprocess.Popen([sys.executable, "-c", WRITES_FOREVER, str(path)])
    while not path.exists():
        time.sleep(0.01)
        assert writer.poll() is None
    time.sleep(lives_ms / 1000)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    kept = path.read_bytes()
    assert kept == kept[:9] * 5_000
    replace_file(path, b"the next writes on")
    assert path.read_bytes() == b"the next writes on"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_dead_writer_left_is_taken_over_however_long_it_was(tmp_path):
    (tmp_path / ".state.json.part").write_bytes(b"left over and longer than what comes")
    replace_file(tmp_path / "state.json", b"short")
    assert (tmp_path / "state.json").read_bytes() == b"short"


def test_writers_at_once_take_turns(tmp_path):
    path = tmp_path / "state.json"
    contents = [bytes([65 + n]) * 100_000 for n in range(8)]
    writers = [threading.Thread(target=replace_file, args=(path, one)) for one in contents]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert path.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [path]


def test_a_whole_folder_is_brought_to_the_disk(tmp_path, monkeypatch):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "file").write_bytes(b"content")
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    sync_tree(tmp_path)
    wanted = (tmp_path, tmp_path / "inner", tmp_path / "inner" / "file")
    assert sorted(synced) == sorted(path.stat().st_ino for path in wanted)
