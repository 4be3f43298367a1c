from __future__ import annotations

import pytest

from speechsearch.asr import engines, second_ear
from speechsearch.client import doctor
from speechsearch.client.doctor import examine
from speechsearch.config import load_settings


def finding_about(what, settings):
    [found] = [finding for finding in examine(settings) if finding.what == what]
    return found


def test_the_engine_is_said():
    found = finding_about("engine", load_settings(asr={"engine": "onnx"}))
    assert found.well
    assert found.detail == "onnx on the CPU"


def test_a_gpu_that_was_asked_for_and_is_not_there_is_missed(monkeypatch):
    monkeypatch.setattr(engines, "_why_no_gpu", lambda: "torch sees none")
    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda _: True)
    found = finding_about("engine", load_settings(asr={"device": "cuda", "second_pass": "off"}))
    assert not found.well
    assert "no GPU is used, the CPU is: torch sees none" in found.detail


def test_the_second_ear_is_said_or_how_to_have_it(monkeypatch):
    off = finding_about("second ear", load_settings(asr={"second_pass": "off"}))
    assert (off.well, off.detail) == (True, "none, as asked (asr.second_pass)")
    assert not finding_about("second ear", load_settings(asr={"second_pass": "third"})).well
    monkeypatch.setattr(second_ear.importlib.util, "find_spec", lambda _: None)
    assert "pip install" in doctor._second_ear(load_settings())


def test_a_model_that_is_not_there_is_missed():
    assert not finding_about("acoustic model", load_settings(asr={"model": "none"})).well


@pytest.mark.parametrize("what", ["python", "speech detector", "index"])
def test_what_is_there_is_well(what):
    assert finding_about(what, load_settings()).well
