"""A state is whole or not there."""

import pytest

torch = pytest.importorskip("torch", reason="needs the [torch] extra")

from speechsearch.errors import TrainingError  # noqa: E402
from speechsearch.learning.training.batches import Place  # noqa: E402
from speechsearch.learning.training.state import State, newest, save, states  # noqa: E402


def state(step):
    weight = {"a": torch.arange(4.0) + step}
    return State(step, Place(2, 3), "print", 1.5, 2.5, weight, weight, {"state": {0: weight}})


def test_what_is_saved_comes_back(tmp_path):
    save(tmp_path, state(7))
    found = newest(tmp_path)
    assert (found.step, found.place, found.worked_s, found.heard_s) == (7, Place(2, 3), 1.5, 2.5)
    assert torch.equal(found.model["a"], torch.arange(4.0) + 7)
    assert torch.equal(found.optimiser["state"][0]["a"], torch.arange(4.0) + 7)


def test_an_empty_folder_has_none(tmp_path):
    assert newest(tmp_path) is None


def test_two_are_kept_and_a_torn_newest_falls_back_to_the_one_before(tmp_path):
    for step in (1, 2, 10):
        save(tmp_path, state(step))
    assert [path.name for path in states(tmp_path)] == ["state-000000010.pt", "state-000000002.pt"]
    torn = states(tmp_path)[0]
    torn.write_bytes(torn.read_bytes()[:200])
    assert newest(tmp_path).step == 2


def test_what_a_kill_left_half_written_is_no_state(tmp_path):
    save(tmp_path, state(1))
    (tmp_path / ".state-000000002.pt.part").write_bytes(b"half")
    assert newest(tmp_path).step == 1


def test_states_of_which_none_can_be_read_are_an_error(tmp_path):
    (tmp_path / "state-000000002.pt").write_bytes(b"half")
    with pytest.raises(TrainingError, match="--out"):
        newest(tmp_path)


def test_a_state_that_could_run_code_is_not_loaded(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save({"schema": 1, "model": Evil()}, tmp_path / "state-000000001.pt")
    with pytest.raises(TrainingError):
        newest(tmp_path)
    assert not (tmp_path / "ran").exists()
