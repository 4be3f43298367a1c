"""The verbs that look at the watch itself."""

import time
import tomllib

import numpy as np
import pytest
from typer.testing import CliRunner

from speechsearch.cli import app
from speechsearch.config import load_settings
from speechsearch.monitoring.history import History
from speechsearch.monitoring.summary import Summary
from speechsearch.monitoring.timeline import Point
from tests.serving import serving


def run(*words):
    return CliRunner().invoke(app, ["alarms", *words])


@pytest.fixture
def past(tmp_path):
    """A day and a half of a server that hears well."""
    random, now_s = np.random.default_rng(0), int(time.time()) // 60 * 60
    history, points = History(tmp_path), []
    for minute in range(2160):
        summary = Summary()
        for value in random.normal(0.85, 0.03, 3):
            summary.add(float(value))
        points.append(Point("confidence", now_s - (2160 - minute) * 60, summary))
    history.write(points)
    yield tmp_path
    history.close()


def test_tune_prints_what_can_be_pasted_and_writes_nothing(past, tmp_path, monkeypatch):
    before = {path: path.stat().st_mtime_ns for path in past.iterdir()}
    done = run("tune", "--folder", str(past))
    assert done.exit_code == 0, done.output
    assert "confidence" in done.stderr
    assert "0 + 0" in done.stderr
    assert before == {path: path.stat().st_mtime_ns for path in past.iterdir()}
    (section,) = tomllib.loads(done.stdout)["monitoring"]["thresholds"].items()
    assert section[0] == "confidence"
    config = tmp_path / "pasted.toml"
    config.write_text(done.stdout)
    monkeypatch.setenv("SPEECHSEARCH_CONFIG", str(config))
    pasted = load_settings().monitoring.in_force["confidence"]
    assert 0.5 < pasted.alert < pasted.warning < 0.85
    assert "tuned" in pasted.why


def test_tune_says_where_there_is_no_history(tmp_path):
    done = run("tune", "--folder", str(tmp_path))
    assert done.exit_code == 1
    assert "holds no history" in done.output
    (tmp_path / "history.sqlite").write_text("something else entirely, and long enough for it")
    assert "cannot be used" in run("tune", "--folder", str(tmp_path)).output


def test_rules_and_review_show_origins_and_what_was_acted_on(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with serving(SPEECHSEARCH_MONITORING__SLO__OBJECTIVE="0.96") as server:
        rules = run("rules", "--server", server.url)
        assert rules.exit_code == 0, rules.output
        assert "slo_burn_1h" in rules.output
        assert "computed for 96% within 500 ms: environment" in rules.output
        assert "default" in rules.output
        review = run("review", "--server", server.url, "--for", "1d")
        assert review.exit_code == 0, review.output
        assert "no alarm was raised in 1d" in review.output
        assert "never measured: overruns" in review.output
        assert run("review", "--server", server.url, "--for", "soon").exit_code == 2
