"""What tests share: the fixtures' manifest, and the shared data where it is there."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

from speechsearch.audio import portaudio
from tests.audio.pulse import Cables
from tests.families import family  # noqa: F401 - a fixture
from tests.serving import Server, serving

# No test depends on time: the first example may wait for a compiler, any for a busy machine.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Recording:
    path: Path
    kind: str
    text: str
    item: str
    t0_s: float
    snr_db: str
    room: str


@dataclass(frozen=True)
class Fixtures:
    recordings: tuple[Recording, ...]

    @property
    def queries(self) -> list[Recording]:
        return [one for one in self.recordings if one.kind == "query"]

    @property
    def empty(self) -> list[Recording]:
        return [one for one in self.recordings if one.kind != "query"]


@pytest.fixture(scope="session", autouse=True)
def own_data_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What clients and servers remember is neither taken from the user's home nor left there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(scope="session")
def fixtures() -> Fixtures:
    folder = ROOT / "audio_fixtures"
    with (folder / "manifest.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return Fixtures(
        tuple(
            Recording(
                folder / row["path"], row["kind"], row["text"], row["item"],
                float(row["t0"] or 0), row["snr_db"], row["room"],
            )
            for row in rows
        )
    )  # fmt: skip


@pytest.fixture(scope="session")
def shared_data() -> Path:
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared recordings are not here (../shared/data)")
    return folder


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Without a second ear, which ``tests/server/test_rehearing.py`` tests: it costs time."""
    with serving("--second-pass", "off") as running:
        yield running


@pytest.fixture
def cables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cables]:
    """A PulseAudio for this very process."""
    assert portaudio.start_anew(), "a test before left its stream open"
    running = Cables(tmp_path)
    for name in ("PULSE_SERVER", "XDG_RUNTIME_DIR", "HOME"):
        monkeypatch.setenv(name, running.environment[name])
    portaudio.start_anew()
    yield running
    running.stop()
    assert portaudio.start_anew(), "the test left its stream open"
