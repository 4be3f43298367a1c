"""The verbs as a person runs them, against a hub on loopback."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time

import pytest
from huggingface_hub import constants
from typer.testing import CliRunner

from speechsearch.cli_models import models_app
from speechsearch.hub import adopt as adopting
from tests.serving import COMMAND

from .fake_hub import COMMIT


@pytest.fixture
def home(tmp_path, hub, monkeypatch):
    """An empty home, and the hub on loopback."""
    for key in [key for key in os.environ if key.startswith("HF_")]:
        monkeypatch.delenv(key)
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "HF_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    return tmp_path


@pytest.fixture
def base_install(home, monkeypatch):
    """A process in which importing what is of the extra fails."""
    blocked = home / "blocked"
    blocked.mkdir()
    (blocked / "sitecustomize.py").write_text(BLOCKED)
    path = f"{blocked}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    monkeypatch.setenv("PYTHONPATH", path)
    return home


BLOCKED = """
import importlib.util, sys
EXTRA = {"torch", "transformers", "safetensors", "onnx", "onnxscript"}
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in EXTRA:
            raise ModuleNotFoundError(name, name=name)
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name in EXTRA else found(name, *rest)
sys.meta_path.insert(0, Blocked())
"""


def process(*arguments):
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def run(*arguments):
    """The verb in this process."""
    return CliRunner().invoke(models_app, list(arguments))


def pulled_or_added(home):
    folder = home / "XDG_DATA_HOME" / "speechsearch" / "models"
    return [path.name for path in folder.iterdir()] if folder.exists() else []


@pytest.fixture
def ready(hub, family):
    """The hub holds a repository with ready graphs, weights and a card."""
    one = family("base-960h")
    hub.serve_folder(one.source)
    hub.files["onnx/model.onnx"] = one.folder.graph_paths[0].read_bytes()
    return one


def test_the_base_install_pulls_ready_graphs_and_hears_with_them(
    ready, hub, base_install, fixtures
):
    pulled = process("models", "pull", hub.name, "--yes", "--revision", "v1")
    assert pulled.returncode == 0, pulled.stderr
    assert "model.safetensors" not in hub.sent
    assert "use it: speechsearch listen --model tiny" in pulled.stdout
    assert "hears anew as one speaks" in pulled.stdout
    recording = str(fixtures.queries[0].path)
    heard = process("query", recording, "--json", "--speed", "0", "--model", "tiny")
    assert heard.returncode == 0, heard.stderr


def test_a_pull_that_is_killed_halfway_goes_on_where_it_stopped(ready, hub, base_install):
    content = hub.files["onnx/model.onnx"]
    hub.cut_after = len(content) // 2
    killed = subprocess.Popen(
        [*COMMAND, "models", "pull", hub.name, "--yes"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    part = f"XDG_CACHE_HOME/speechsearch/pulls/facebook--tiny@{COMMIT[:12]}/onnx/model.onnx.part"
    part = base_install / part
    while not part.exists() or part.stat().st_size < hub.cut_after:
        assert killed.poll() is None
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert pulled_or_added(base_install) == []
    hub.cut_after = None
    pulled = process("models", "pull", hub.name, "--yes")
    assert pulled.returncode == 0, pulled.stderr
    assert hub.sent["onnx/model.onnx"] == len(content)
    assert pulled_or_added(base_install) == ["tiny"]
    assert not part.parent.exists()


def test_size_and_licence_are_said_before_anything_is_fetched(ready, hub, home):
    asked = run("pull", hub.name)
    assert asked.exit_code == 1
    assert "Nobody can be asked. Give --yes" in asked.stderr
    assert "licence   apache-2.0" in asked.stderr
    assert f"tree/{COMMIT}" in asked.stderr
    assert hub.sent == {}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_with_torch_weights_are_converted_compared_listed_and_removed(hub, family, home):
    hub.serve_folder(family("hubert").source)
    pulled = run("pull", hub.name, "--yes", "--name", "ears")
    assert pulled.exit_code == 0, pulled.stderr
    assert "ears: int8 matrix products" in pulled.stdout
    for what in ("ONNX and torch", "Streamed and whole", "int8 and float32"):
        assert what in pulled.stdout
    assert pulled_or_added(home) == ["ears"]

    listed = run("list").stdout.splitlines()
    [row] = [line.split() for line in listed if "facebook/tiny" in line]
    assert row[:3] == ["ears", COMMIT[:8], "en"]
    assert {"apache-2.0", "yes", f"facebook/tiny@{COMMIT[:8]}"} <= {*row}
    assert any("w2v2-starter" in line for line in listed)
    assert run("verify", "ears").stdout == "ears: whole\n"
    again = run("pull", hub.name, "--yes", "--name", "ears")
    assert again.exit_code == 1
    assert "There is a model ears already" in again.stderr

    assert "Give --yes" in run("remove", "ears").stderr
    assert run("remove", "ears", "--yes").stdout == "ears: gone\n"
    assert pulled_or_added(home) == []


def test_a_wrong_sha256_is_refused_and_leaves_nothing_half_made(ready, hub, home):
    hub.corrupt = True
    refused = run("pull", hub.name, "--yes")
    assert refused.exit_code == 1
    assert "its hash is" in refused.stderr
    assert pulled_or_added(home) == []
    assert not list(home.rglob("model.*"))


def test_a_model_of_something_else_is_refused_before_its_weights_are_fetched(ready, hub, home):
    hub.files["vocab.json"] = b'{"<pad>": 0, "|": 1, "SH": 2}'
    refused = run("pull", hub.name, "--yes")
    assert refused.exit_code == 1
    assert "more than one character" in refused.stderr
    assert not {name for name in hub.sent if name.startswith(("model", "onnx"))}


def test_a_folder_at_hand_is_added_without_any_hub(hub, family, home, monkeypatch):
    one = family("base-960h")
    source = shutil.copytree(one.source, home / "at-hand")
    shutil.copy(one.folder.graph_paths[0], source / "model.onnx")
    monkeypatch.setattr(adopting, "torch_here", lambda: False)
    hub.dead = True
    added = run("add", str(source), "--float32")
    assert added.exit_code == 0, added.stderr
    assert pulled_or_added(home) == ["at-hand"]
    assert hub.asked == []


@pytest.mark.parametrize("name", ["w2v2-starter", "../models", "nothing"])
def test_only_what_was_pulled_or_added_can_be_removed(home, name):
    refused = run("remove", name, "--yes")
    assert refused.exit_code == 1
    assert "was pulled or added" in refused.stderr


def test_without_network_a_sentence_helps(home, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    refused = run("pull", "facebook/tiny")
    assert refused.exit_code == 1
    assert "models add FOLDER" in refused.stderr


def test_a_damaged_model_does_not_hide_the_others(home):
    damaged = home / "XDG_DATA_HOME" / "speechsearch" / "models" / "broken"
    damaged.mkdir(parents=True)
    (damaged / "manifest.json").write_text("{")
    (damaged / "config.json").write_text("{}")
    listed = run()
    assert "w2v2-starter" in listed.stdout
    assert "broken: " in listed.stderr
