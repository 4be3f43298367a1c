"""Work that makes way for more urgent work."""

import threading

import numpy as np
import pytest

from speechsearch.asr.interrupt import Interrupt, give_way, interrupt_in_force
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.errors import Interrupted

SECOND = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)


def test_an_interrupt_is_in_force_inside_its_block_and_in_its_thread_alone():
    interrupt, elsewhere = Interrupt(), []
    with interrupt.in_force():
        assert interrupt_in_force() is interrupt
        thread = threading.Thread(target=lambda: elsewhere.append(interrupt_in_force()))
        thread.start()
        thread.join()
    assert elsewhere == [None]
    assert interrupt_in_force() is None


def test_work_gives_way_only_where_that_was_asked_for():
    interrupt = Interrupt()
    give_way()
    with interrupt.in_force():
        give_way()
        interrupt.ask()
        with pytest.raises(Interrupted):
            give_way()
    give_way()


def test_what_is_asked_for_beforehand_does_not_begin():
    interrupt, stopped = Interrupt(), []
    interrupt.ask()
    with pytest.raises(Interrupted), interrupt.stopping(lambda: stopped.append(1)):
        raise AssertionError("it began")
    assert stopped == []


def test_whatever_stopping_makes_the_work_raise_is_an_interruption():
    interrupt = Interrupt()
    with pytest.raises(Interrupted), interrupt.stopping(lambda: None):
        interrupt.ask()
        raise RuntimeError("terminated")


def test_an_error_that_nobody_asked_for_stays_what_it_is():
    with pytest.raises(RuntimeError, match="broken"), Interrupt().stopping(lambda: None):
        raise RuntimeError("broken")


def test_who_asks_when_it_is_over_stops_nothing():
    interrupt, stopped = Interrupt(), []
    with interrupt.stopping(lambda: stopped.append(1)):
        pass
    interrupt.ask()
    assert stopped == []


def test_a_graph_stops_between_two_of_its_nodes(shipped):
    model, interrupt = OnnxAcousticModel.load(shipped), Interrupt()
    long = np.tile(SECOND, 25)
    began = threading.Event()

    def ask():
        began.wait()
        interrupt.ask()

    asking = threading.Thread(target=ask)
    asking.start()
    with pytest.raises(Interrupted), interrupt.in_force():
        began.set()
        for _ in range(1000):
            model.log_probs(long)
    asking.join()
    assert len(model.log_probs(SECOND)), "it hears as before when nothing is in force"


def test_what_is_not_asked_to_stop_gives_the_same(shipped):
    model = OnnxAcousticModel.load(shipped)
    with Interrupt().in_force():
        heard = model.log_probs(SECOND)
    np.testing.assert_array_equal(heard, model.log_probs(SECOND))
