"""The verbs of ``speechsearch rollout`` against a real server."""

import json
import subprocess
import time

import pytest

from tests.serving import COMMAND, serving

ADMIN = {"SPEECHSEARCH_ROLLOUT__TOKEN": "an administrator"}


@pytest.fixture(scope="module")
def house(tmp_path_factory, fixtures):
    folder = tmp_path_factory.mktemp("house")
    query = fixtures.queries[0]
    (folder / "golden.tsv").write_text(
        f"path\ttext\titem\n{query.path}\t{query.text}\t{query.item}\n"
    )
    environment = {
        **ADMIN,
        "SPEECHSEARCH_ROLLOUT__FOLDER": str(folder / "versions"),
        "SPEECHSEARCH_ROLLOUT__GOLDEN": str(folder / "golden.tsv"),
    }
    with serving(**environment) as server:
        yield server


def rollout(*arguments, **environment):
    return subprocess.run(
        [*COMMAND, "rollout", *arguments], capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LOGNAME": "me", **environment},
    )  # fmt: skip


def status(server):
    ran = rollout("status", "--json", "--server", server.url, **ADMIN)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_a_version_is_started_paused_rolled_back_and_remembered(house):
    at = ("--server", house.url)
    ran = rollout("start", "--set", "search.limit=5", *at, **ADMIN)
    assert ran.returncode == 0, ran.stderr
    assert "proving" in ran.stdout
    assert rollout("pause", *at, **ADMIN).returncode == 0
    for _ in range(600):
        if status(house)["phase"] == "shadow":
            break
        time.sleep(0.1)
    shown = rollout("status", *at, **ADMIN).stdout
    assert "shadow, paused" in shown
    assert "champion 90%, shadow 10%" in shown
    assert "search.limit 5 instead of 10" in shown
    assert rollout("resume", *at, **ADMIN).returncode == 0
    early = rollout("promote", *at, **ADMIN)
    assert early.returncode == 1
    assert "not enough sessions" in early.stderr
    assert rollout("rollback", "--why", "it was a test", *at, **ADMIN).returncode == 0
    history = rollout("history", *at, **ADMIN).stdout
    assert "it was a test; 0 of 0 sessions met it" in history
    found = json.loads(rollout("history", "--json", *at, **ADMIN).stdout)
    assert [one["who"] for one in found["transitions"]].count("me") >= 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("start", "--set", "limit"), "is no setting"),
        (("start",), "either a version or changes"),
        (("start", "--set", "asr.model=none"), "none"),
        (("start", "--plan", "/nonexistent"), "cannot be read"),
        (("rollback",), "nothing is being rolled out"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(house, arguments, said):
    ran = rollout(*arguments, "--server", house.url, **ADMIN)
    assert ran.returncode == 1
    assert said in ran.stderr


def test_without_the_token_nothing_is_done_and_it_is_said_where_it_belongs(house):
    assert "SPEECHSEARCH_ROLLOUT__TOKEN" in rollout("status", "--server", house.url).stderr
    wrong = rollout("status", "--server", house.url, SPEECHSEARCH_ROLLOUT__TOKEN="a guess")
    assert wrong.returncode == 1
    assert "token is wrong" in wrong.stderr


def test_a_server_without_rollouts_says_so(server):
    assert "has no rollouts" in rollout("status", "--server", server.url, **ADMIN).stderr
