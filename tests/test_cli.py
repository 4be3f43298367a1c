import subprocess

import pytest

from speechsearch import __version__
from tests.serving import COMMAND

VERBS = ("serve", "listen", "query", "eval", "index", "devices", "models list", "models show",
         "models verify", "doctor")  # fmt: skip


def run(*arguments, **environment):
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)


def test_the_version_is_said():
    assert run("--version").stdout.strip() == f"speechsearch {__version__}"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(verb):
    said = run(*verb.split(), "--help")
    assert said.returncode == 0
    assert f"Example: speechsearch {verb}" in said.stdout


def test_the_models_at_hand_are_listed_shown_and_whole():
    assert "w2v2-starter" in run("models", "list").stdout
    assert '"architecture"' in run("models", "show", "w2v2-starter").stdout
    assert "w2v2-starter: whole" in run("models", "verify").stdout


def test_an_unknown_model_is_said_by_name():
    said = run("models", "show", "gpt")
    assert said.returncode == 1
    assert "gpt" in said.stderr


def test_a_catalogue_that_cannot_be_read_is_said_by_name(tmp_path):
    said = run("index", str(tmp_path / "none.csv"), "--out", str(tmp_path / "out"))
    assert said.returncode == 1
    assert "none.csv" in said.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("verb", ["serve", "query a.wav", "eval a.tsv"])
def test_a_second_ear_that_is_not_there_is_said_by_name(verb):
    said = run(*verb.split(), "--second-pass", "tiny.en")
    assert said.returncode == 1
    assert "error: this version has no" in said.stderr


def test_what_a_running_server_has_chosen_cannot_be_asked_of_it():
    said = run("query", "a.wav", "--search", "text", "--server", "ws://127.0.0.1:9")
    assert said.returncode == 1
    assert "leave --server out" in said.stderr
