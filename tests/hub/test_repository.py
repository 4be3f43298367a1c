from __future__ import annotations

import dataclasses

import pytest
from huggingface_hub import constants

from speechsearch.asr.agreement import Precision
from speechsearch.errors import HubError
from speechsearch.hub.repository import RemoteFile, Repository, look_up, plan

from .fake_hub import COMMIT

CONFIGS = ("config.json", "vocab.json", "preprocessor_config.json", "tokenizer_config.json")


def repository(*names):
    files = tuple(RemoteFile(name, 100, "") for name in (*CONFIGS, *names))
    return Repository("owner/name", COMMIT, "mit", "en", files)


def planned(*names, precision=Precision.INT8, torch_here=True):
    made = plan(repository(*names), precision, torch_here=torch_here)
    return made, [file.name for file in made.files if file.name not in CONFIGS]


def test_licence_language_commit_sizes_and_hashes_are_asked_of_the_hub(hub):
    hub.files = {"config.json": b"{}", "model.safetensors": bytes(20_000)}
    found = look_up(hub.name)
    assert (found.revision, found.license, found.language) == (COMMIT, "apache-2.0", "en")
    assert [(f.name, f.bytes, len(f.digest)) for f in found.files] == [
        ("config.json", 2, 40),
        ("model.safetensors", 20_000, 64),
    ]
    assert found.address == f"{hub.url}/{hub.name}/tree/{COMMIT}"


def test_a_tag_becomes_the_commit_that_it_names(hub):
    assert look_up(hub.name, "v1").revision == COMMIT


def test_a_card_that_says_nothing_is_said_to(hub):
    hub.card = {}
    assert look_up(hub.name).license == "not stated"


def test_a_name_that_leads_out_of_the_repository_is_passed_over(hub):
    hub.files = {"config.json": b"{}", "../evil": b"", "onnx/model.onnx_data/../../../evil": b""}
    assert [file.name for file in look_up(hub.name).files] == ["config.json"]


@pytest.mark.parametrize(
    ("refuse", "message"),
    [
        ((404, {"X-Error-Code": "RepoNotFound"}), "no repository facebook/tiny, or it is private"),
        ((401, {}), "answers 401.*HF_TOKEN"),
        ((403, {"X-Error-Code": "GatedRepo"}), "accept its conditions.*HF_TOKEN"),
        ((403, {}), "answers 403.*HF_TOKEN"),
        ((500, {}), "answers 500.*later"),
        ((200, {}), "does not answer as a hub"),
    ],
)
def test_each_refusal_says_what_to_do(hub, refuse, message):
    hub.refuse = refuse
    with pytest.raises(HubError, match=message):
        look_up(hub.name)


def test_an_unknown_revision_is_said(hub):
    with pytest.raises(HubError, match="no facebook/tiny at v9"):
        look_up(hub.name, "v9")


def test_what_names_no_repository_is_said(hub):
    with pytest.raises(HubError, match="owner/name"):
        look_up("a/b/c")


def test_without_network_it_says_how_to_go_on(monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubError, match=r"0\.1:9 cannot be reached.*models add FOLDER.*HF_EN"):
        look_up("facebook/tiny")


def test_offline_mode_is_respected_and_said(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match="HF_HUB_OFFLINE is set"):
        look_up(hub.name)
    assert hub.asked == []


def test_the_token_of_the_environment_is_sent(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    look_up(hub.name)
    assert hub.tokens == {("127.0.0.1", "Bearer hf_secret")}


def test_with_torch_the_weights_are_fetched_and_converted():
    made, names = planned(
        "model.safetensors", "pytorch_model.bin", "onnx/model.onnx", "tf_model.h5"
    )
    assert (made.converts, names) == (True, ["model.safetensors"])
    assert planned("pytorch_model.bin")[1] == ["pytorch_model.bin"]


def test_without_torch_the_ready_graphs_are_fetched_the_float32_one_to_hold_int8_against():
    ready = ("model.safetensors", "onnx/model.onnx", "onnx/model_quantized.onnx", "onnx/other.onnx")
    made, names = planned(*ready, torch_here=False)
    assert (made.converts, names) == (False, ["onnx/model.onnx", "onnx/model_quantized.onnx"])
    _, names = planned(*ready, precision=Precision.FLOAT32, torch_here=False)
    assert names == ["onnx/model.onnx"]


def test_weights_beside_a_large_graph_come_with_it():
    assert planned("model.onnx", "model.onnx_data")[1] == ["model.onnx", "model.onnx_data"]


def test_the_card_comes_along():
    assert planned("README.md", "model.safetensors")[1] == ["README.md", "model.safetensors"]


@pytest.mark.parametrize(
    ("names", "torch_here", "message"),
    [
        (("model.safetensors",), False, r"converting its weights needs torch.*pip install"),
        (("model.gguf",), True, "nor weights"),
    ],
)
def test_nothing_of_use_is_said_before_anything_is_fetched(names, torch_here, message):
    with pytest.raises(HubError, match=message):
        planned(*names, torch_here=torch_here)


def test_a_repository_of_something_else_is_said():
    other = dataclasses.replace(repository(), files=(RemoteFile("train.csv", 1, ""),))
    with pytest.raises(HubError, match=r"no config\.json"):
        plan(other, Precision.INT8, torch_here=True)
