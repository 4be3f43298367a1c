import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from speechsearch.errors import IllegalTransition, StateError
from speechsearch.rollout import controller
from speechsearch.rollout.state import Phase, State
from speechsearch.rollout.store import Store
from tests.rollout.test_controller import hear, idle, proving, shadowed, through

ROOT = Path(__file__).resolve().parents[2]
DIES = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from speechsearch.rollout import controller
from speechsearch.rollout.store import Store
from tests.rollout.test_controller import hear

store = Store(Path({path!r}))
store.apply(lambda state: controller.Decision(hear(state, sessions=3)))
print("kept", flush=True)

def half(state):
    decision = controller.rollback(state, 1e9, "me", "dying")
    print("inside", flush=True)
    signal.pause()
    return decision

store.apply(half)
"""


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "rollout.db")
    yield opened
    opened.close()


def at_every_step():
    state, now_s = shadowed(), 0.0
    yield proving()
    while True:
        yield hear(state)
        if state.phase is Phase.WARM:
            return
        now_s += 60
        state = controller.tick(hear(state), now_s).state


@pytest.mark.parametrize("before", list(at_every_step()), ids=lambda state: state.place)
def test_killed_in_mid_transaction_it_comes_back_in_the_same_step(tmp_path, before):
    path = tmp_path / "rollout.db"
    store = Store(path)
    store.save(controller.Decision(before))
    store.close()
    code = DIES.format(root=str(ROOT), path=str(path))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert [child.stdout.readline().strip() for _ in range(2)] == ["kept", "inside"]
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert child.returncode == -signal.SIGKILL
    store = Store(path)
    after = store.load()
    assert (after.place, after.shares, after.live) == (before.place, before.shares, before.live)
    assert after == hear(before, sessions=3), "and with all evidence that was kept"
    assert store.history() == store.incidents() == []
    if before.phase is not Phase.PROVING:
        store.apply(lambda state: controller.rollback(state, 1e9, "me", "it can go on"))
        assert [incident.version for incident in store.incidents()] == ["new"]
    store.close()


def test_a_new_file_is_the_empty_state(store):
    assert store.load() == State()
    assert store.history() == []


def test_a_decision_is_kept_with_its_history_and_incident(store):
    store.save(controller.install(State(), "old", 1.0, "me"))
    store.apply(lambda state: controller.start(state, "new", shadowed().plan, 2.0, "me"))
    store.apply(lambda state: controller.proved(state, "all wrong", 3.0))
    assert [line.after for line in store.history()] == ["idle", "proving", "idle"]
    [incident] = store.incidents()
    assert incident.version == "new"
    assert store.load().champion == "old"


def test_an_illegal_step_leaves_everything_as_it_was(store):
    store.save(controller.Decision(idle()))
    with pytest.raises(IllegalTransition):
        store.apply(lambda state: controller.promote(state, 1.0, "me"))
    assert store.load() == idle()


def test_another_process_reads_while_one_writes(store):
    store.save(controller.Decision(idle()))
    other = Store(store.path)

    def decide(_state):
        assert other.load() == idle()
        return controller.Decision(shadowed())

    store.apply(decide)
    assert other.load() == shadowed()
    other.close()


def test_the_pointer_survives(store):
    warm, _ = through(shadowed())
    store.save(controller.Decision(warm))
    assert store.load().champion == "new"


def test_a_file_that_is_no_state_is_an_error_with_a_name(tmp_path):
    path = tmp_path / "rollout.db"
    path.write_text("no database at all, but long enough to be read as one" * 20)
    with pytest.raises(StateError, match="cannot be read"):
        Store(path)
    other = tmp_path / "later.db"
    with sqlite3.connect(other) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StateError, match="schema 99"):
        Store(other)
