"""What hears, for everything that may be asked for and everything that may be there."""

from __future__ import annotations

import pytest

from speechsearch.asr import engines
from speechsearch.asr.engines import Chosen, Surroundings, choose, engine_for, load_model, survey
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.errors import ModelError
from speechsearch.types import Device, Engine

GPU = Surroundings(True, "")
NO_GPU = Surroundings(True, "there is none")
BASE = Surroundings(False, "torch is not installed")
AUTO, CPU, CUDA = Device.AUTO, Device.CPU, Device.CUDA
ON_CPU, TORCH_ON_CPU = Chosen(Engine.ONNX, CPU), Chosen(Engine.TORCH, CPU)
ON_GPU = Chosen(Engine.TORCH, CUDA)


@pytest.mark.parametrize(
    ("engine", "device", "here", "chosen"),
    [
        (Engine.AUTO, AUTO, GPU, ON_GPU),
        (Engine.AUTO, AUTO, NO_GPU, ON_CPU),
        (Engine.AUTO, AUTO, BASE, ON_CPU),
        (Engine.AUTO, CPU, GPU, ON_CPU),
        (Engine.AUTO, CUDA, GPU, ON_GPU),
        (Engine.ONNX, AUTO, GPU, ON_CPU),
        (Engine.ONNX, CPU, BASE, ON_CPU),
        (Engine.TORCH, AUTO, GPU, ON_GPU),
        (Engine.TORCH, AUTO, NO_GPU, TORCH_ON_CPU),
        (Engine.TORCH, CPU, GPU, TORCH_ON_CPU),
        (Engine.TORCH, CUDA, GPU, ON_GPU),
    ],
)
def test_what_can_be_had_is_had_without_a_word(engine, device, here, chosen):
    assert choose(engine, device, True, here) == chosen


@pytest.mark.parametrize(
    ("engine", "weights", "here", "hears", "why"),
    [
        (Engine.AUTO, True, NO_GPU, Engine.ONNX, "there is none"),
        (Engine.AUTO, True, BASE, Engine.ONNX, "torch is not installed"),
        (Engine.AUTO, False, GPU, Engine.ONNX, "graphs alone"),
        (Engine.ONNX, True, GPU, Engine.ONNX, "the ONNX engine runs on the CPU"),
        (Engine.TORCH, True, NO_GPU, Engine.TORCH, "there is none"),
    ],
)
def test_a_gpu_that_cannot_be_had_is_replaced_by_the_cpu_aloud(engine, weights, here, hears, why):
    chosen = choose(engine, CUDA, weights, here)
    assert (chosen.engine, chosen.device) == (hears, CPU)
    assert chosen.notice.startswith("no GPU is used, the CPU is: ")
    assert why in chosen.notice


@pytest.mark.parametrize(
    ("weights", "here", "message"),
    [(True, BASE, "torch is not installed"), (False, GPU, "ONNX graphs alone")],
)
def test_torch_that_cannot_be_had_is_an_error(weights, here, message):
    with pytest.raises(ModelError, match=message):
        choose(Engine.TORCH, AUTO, weights, here)


def test_a_model_without_weights_stays_with_onnx_where_nothing_was_asked_for():
    assert choose(Engine.AUTO, AUTO, False, GPU) == ON_CPU


def test_without_the_extra_the_survey_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda _: None)
    here = survey(Engine.AUTO, AUTO)
    assert not here.torch
    assert "pip install 'speechsearch[torch]'" in here.no_gpu


def test_torch_is_not_imported_where_no_gpu_can_be_there(monkeypatch):
    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda _: True)
    monkeypatch.setattr(engines, "_GPU_NODES", ("/dev/no-such-node",))
    monkeypatch.setattr(engines, "_why_no_gpu", lambda: pytest.fail("torch was asked"))
    for engine, device in ((Engine.AUTO, AUTO), (Engine.AUTO, CPU), (Engine.ONNX, CUDA)):
        assert survey(engine, device).no_gpu


def test_a_gpu_node_makes_the_survey_ask_torch(monkeypatch):
    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda _: True)
    monkeypatch.setattr(engines, "_GPU_NODES", ("/dev/null",))
    monkeypatch.setattr(engines, "_why_no_gpu", lambda: "")
    assert survey(Engine.AUTO, AUTO) == GPU


@pytest.mark.parametrize(
    ("available", "cuda", "expected"),
    [(True, "13.0", ""), (False, "13.0", "torch sees none"), (False, None, "for the CPU alone")],
)
def test_torch_says_why_there_is_no_gpu(monkeypatch, available, cuda, expected):
    torch = pytest.importorskip("torch", reason="needs the [torch] extra")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    said = engines._why_no_gpu()
    assert said.startswith(expected) or expected in said
    assert bool(said) is not available


def test_the_shipped_model_is_started_by_what_was_chosen(shipped):
    chosen = engine_for(shipped, Engine.ONNX, CPU)
    assert str(chosen) == "onnx on the CPU"
    assert isinstance(load_model(shipped, chosen, 1), OnnxAcousticModel)
    pytest.importorskip("transformers", reason="needs the [torch] extra")
    from speechsearch.asr.torch_engine import TorchAcousticModel

    other = load_model(shipped, engine_for(shipped, Engine.TORCH, CPU), 1)
    assert isinstance(other, TorchAcousticModel)
