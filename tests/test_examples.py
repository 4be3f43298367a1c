"""Every Python example of the README and of the client's modules runs as it stands, typed."""

import os
import re
import subprocess
import sys
import time

import pytest

from speechsearch.client import client, sync
from tests.audio.pulse import Cables, has_pulseaudio, needs_pulseaudio
from tests.serving import ROOT

TEXTS = {
    "README.md": (ROOT / "README.md").read_text(),
    "client.py": client.__doc__,
    "sync.py": sync.__doc__,
}
EXAMPLES = [
    pytest.param(
        block, id=f"{name}-{number}",
        marks=[needs_pulseaudio] if ".listen(" in block else [],
    )
    for name, text in TEXTS.items()
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL), 1)
    if "speechsearch" in block
]  # fmt: skip
BOOK = "audio_fixtures/q03-dracula.flac"


@pytest.fixture(scope="module")
def cables(tmp_path_factory):
    running = Cables(tmp_path_factory.mktemp("pulse")) if has_pulseaudio else None
    yield running
    if running:
        running.stop()


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs_as_it_stands(example, server, cables):
    environment = {
        **(cables.environment if cables else os.environ),
        "SPEECHSEARCH_SERVER__PORT": str(server.port),
        "PYTHONPATH": str(ROOT),
    }
    with subprocess.Popen(
        [sys.executable, "-u", "-W", "error", "-c", example], cwd=ROOT, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as running:  # fmt: skip
        if ".listen(" in example:
            said = spoken_to(running, cables)
        else:
            said, complained = running.communicate(timeout=60)
            assert running.returncode == 0, complained
    assert "Dracula" in said


def spoken_to(running, cables):
    """What it says first once a book was asked for."""
    while not cables.run("pactl", "list", "short", "source-outputs").stdout:
        assert running.poll() is None, running.stderr.read()
        time.sleep(0.1)
    cables.play(ROOT / BOOK)
    said = running.stdout.readline()
    running.terminate()
    return said or running.stderr.read()


def test_the_examples_are_typed(tmp_path):
    files = []
    for number, example in enumerate(EXAMPLES):
        files.append(tmp_path / f"example_{number}.py")
        files[-1].write_text(example.values[0])
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml"),
         *map(str, files)],
        cwd=ROOT, env={**os.environ, "MYPYPATH": str(ROOT)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout


def test_importing_the_package_loads_nothing_of_it():
    program = "import sys, speechsearch; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert "speechsearch" in loaded
    assert not [name for name in loaded if name.startswith(("speechsearch.", "numpy", "asyncio"))]
