"""Interrupted, resumed, wrong, refused: counted in bytes that the server sent."""

from __future__ import annotations

import fcntl
import shutil

import numpy as np
import pytest

from speechsearch.errors import HubError
from speechsearch.hub.download import PART, digest_of, fetch
from speechsearch.hub.repository import Plan, look_up

WEIGHTS = "model.safetensors"
SIZE = 1_000_000


@pytest.fixture
def remote(hub):
    content = np.random.default_rng(0).bytes(SIZE)
    hub.files = {"config.json": b'{"a": 1}', WEIGHTS: content}
    found = look_up(hub.name)
    return found, Plan(found.files, converts=True)


def pull(remote, into, naps=None):
    told = []
    fetch(*remote, into, told.append, (naps if naps is not None else []).append)
    return sum(told)


def test_all_files_come_whole_and_the_progress_adds_up(hub, remote, tmp_path):
    assert pull(remote, tmp_path) == SIZE + 8
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == hub.files


def test_what_is_there_is_not_asked_for_again(hub, remote, tmp_path):
    pull(remote, tmp_path)
    before = len(hub.asked)
    assert pull(remote, tmp_path) == SIZE + 8
    assert len(hub.asked) == before


def test_a_fetch_that_was_interrupted_halfway_goes_on_there(hub, remote, tmp_path):
    hub.cut_after = SIZE // 2
    naps = []
    with pytest.raises(HubError, match="cannot be reached"):
        pull(remote, tmp_path, naps)
    assert len(naps) == 3
    assert (tmp_path / (WEIGHTS + PART)).stat().st_size == SIZE // 2
    assert not (tmp_path / WEIGHTS).exists()
    hub.cut_after = None
    assert pull(remote, tmp_path) == SIZE + 8
    assert (tmp_path / WEIGHTS).read_bytes() == hub.files[WEIGHTS]
    assert hub.asked[-1][2] == f"bytes={SIZE // 2}-"
    assert hub.sent == {WEIGHTS: SIZE, "config.json": 8}


def test_a_line_that_breaks_and_comes_back_costs_no_byte_twice(hub, remote, tmp_path):
    hub.cut_after = SIZE // 2

    def mend(_):
        hub.cut_after = None

    fetch(*remote, tmp_path, sleep=mend)
    assert (tmp_path / WEIGHTS).read_bytes() == hub.files[WEIGHTS]
    assert hub.sent[WEIGHTS] == SIZE


def test_a_server_that_knows_no_ranges_sends_all_again(hub, remote, tmp_path):
    (tmp_path / (WEIGHTS + PART)).write_bytes(b"x" * 1000)
    hub.ranges = False
    assert pull(remote, tmp_path) == SIZE + 8
    assert (tmp_path / WEIGHTS).read_bytes() == hub.files[WEIGHTS]


@pytest.mark.parametrize("what", ["in LFS", "in git", "resumed"])
def test_a_file_of_another_hash_is_refused_and_thrown_away(hub, remote, tmp_path, what):
    if what == "in git":
        hub.files = {**hub.files, "config.json": b'{"a": 2}'}
    elif what == "in LFS":
        hub.corrupt = True
    else:
        (tmp_path / (WEIGHTS + PART)).write_bytes(b"x" * 1000)
    with pytest.raises(HubError, match=r"its hash is .* should be .* thrown away"):
        pull(remote, tmp_path)
    name = "config.json" if what == "in git" else WEIGHTS
    assert not list(tmp_path.glob(f"{name}*"))
    hub.corrupt, hub.files = False, {**hub.files, "config.json": b'{"a": 1}'}
    pull(remote, tmp_path)
    assert (tmp_path / WEIGHTS).read_bytes() == hub.files[WEIGHTS]


def test_a_file_longer_than_stated_is_not_read_to_its_end(hub, remote, tmp_path):
    hub.files["config.json"] += bytes(5000)
    with pytest.raises(HubError, match="longer than 8 bytes"):
        pull(remote, tmp_path)


def test_a_refused_file_is_not_asked_for_again_and_again(hub, remote, tmp_path):
    hub.refuse = (403, {"X-Error-Code": "GatedRepo"})
    before = len(hub.asked)
    with pytest.raises(HubError, match="accept its conditions"):
        pull(remote, tmp_path)
    assert len(hub.asked) == before + 1


def test_a_dead_hub_is_given_up_after_some_tries(hub, remote, tmp_path):
    hub.dead, naps = True, []
    with pytest.raises(HubError, match="cannot be reached"):
        pull(remote, tmp_path, naps)
    assert naps == [1.0, 2.0, 3.0]


def test_two_do_not_fetch_one_file_at_once(remote, tmp_path):
    with (tmp_path / ("config.json" + PART)).open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(HubError, match="Another process"):
            pull(remote, tmp_path)


def test_the_token_is_shown_to_the_hub_and_not_to_where_it_sends_on(
    hub, remote, tmp_path, monkeypatch
):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.tokens.clear()
    pull(remote, tmp_path)
    assert hub.tokens == {("127.0.0.1", "Bearer hf_secret"), ("localhost", None)}


@pytest.mark.parametrize("corrupt", [False, True])
def test_what_a_listing_does_not_say_is_asked_for_file_by_file(hub, remote, tmp_path, corrupt):
    hub.bare, hub.corrupt = True, corrupt
    bare = look_up(hub.name)
    assert {(file.bytes, file.digest) for file in bare.files} == {(0, "")}
    again = (bare, Plan(bare.files, converts=True))
    if corrupt:
        with pytest.raises(HubError, match="its hash is"):
            pull(again, tmp_path)
    else:
        pull(again, tmp_path)
        assert (tmp_path / WEIGHTS).read_bytes() == hub.files[WEIGHTS]


def test_a_full_disk_is_said_before_anything_is_fetched(hub, remote, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(HubError, match="MB left"):
        pull(remote, tmp_path)
    assert hub.sent == {}


def test_git_and_lfs_hash_differently(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    assert digest_of(tmp_path / "empty", "0" * 40) == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    assert digest_of(tmp_path / "empty", "0" * 64).startswith("e3b0c44298fc1c14")
