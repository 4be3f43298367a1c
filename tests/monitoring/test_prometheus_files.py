"""The generated files, judged by Prometheus' own tools and by a real Prometheus."""

import json
import shutil
import subprocess
import time
import urllib.parse
import urllib.request

import httpx
import pytest

from speechsearch.monitoring.prometheus_files import (
    alertmanager_file,
    grafana_file,
    promql,
    rules_file,
)
from speechsearch.monitoring.rules import BURNS, THRESHOLDS, SloOptions
from speechsearch.monitoring.series import BY_NAME, SERIES
from tests.serving import free_port, serving

PROMTOOL, PROMETHEUS = shutil.which("promtool"), shutil.which("prometheus")
needs_prometheus = pytest.mark.skipif(
    not (PROMTOOL and PROMETHEUS), reason="Prometheus is not installed (scripts/test installs it)"
)


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.yml"
    path.write_text(rules_file(THRESHOLDS, SloOptions()))
    return path


def promtool(*arguments):
    ran = subprocess.run(
        [PROMTOOL, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@needs_prometheus
def test_promtool_takes_the_rules(rules):
    promtool("check", "rules", rules)


def counts(name, per_minute_sum, per_minute_count):
    exported = BY_NAME[name].exported
    return [
        {"series": f"{exported}_sum{{job='speechsearch'}}", "values": f"0+{per_minute_sum}x300"},
        {
            "series": f"{exported}_count{{job='speechsearch'}}",
            "values": f"0+{per_minute_count}x300",
        },
    ]


def fires(tmp_path, rules, inputs, expected, at="2h"):
    """Just these alerts fire by then; what they say besides is left out."""
    bare = [rule for group in json.loads(rules.read_text())["groups"] for rule in group["rules"]]
    for rule in bare:
        del rule["annotations"]
    rules.write_text(json.dumps({"groups": [{"name": "all", "rules": bare}]}))
    tests = [
        {
            "eval_time": at,
            "alertname": name,
            "exp_alerts": [
                {"exp_labels": rule["labels"]}
                for rule in bare
                if rule["alert"] == name and (name, rule["labels"]["severity"]) in expected
            ],
        }
        for name in sorted({rule["alert"] for rule in bare})
    ]
    case = {"interval": "1m", "input_series": inputs, "alert_rule_test": tests}
    unit = tmp_path / "unit.yml"
    unit.write_text(
        json.dumps({"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": [case]})
    )
    promtool("test", "rules", unit)


@needs_prometheus
def test_many_empty_transcripts_fire_and_few_events_prove_nothing(tmp_path, rules):
    many = counts("null_transcript", 3, 10) + counts("zero_results", 1, 1)
    expected = {
        ("SpeechsearchNullTranscript", "alert"), ("SpeechsearchNullTranscript", "warning"),
        ("SpeechsearchZeroResults", "alert"), ("SpeechsearchZeroResults", "warning"),
    }  # fmt: skip
    fires(tmp_path, rules, many, expected)


@needs_prometheus
def test_what_is_usual_or_too_seldom_fires_nothing(tmp_path, rules):
    usual = counts("null_transcript", 0.2, 10) + counts("level_dbfs", 700, 10)
    seldom = counts("zero_results", 0.5, 0.5)
    fires(tmp_path, rules, usual + seldom, set())


@needs_prometheus
def test_a_low_level_fires_though_decibels_are_negative(tmp_path, rules):
    series = BY_NAME["level_dbfs"]
    quiet = counts("level_dbfs", 10 * series.based(-50), 10)
    fires(tmp_path, rules, quiet, {("SpeechsearchLevelDbfs", "warning")})


@needs_prometheus
@pytest.mark.parametrize(
    ("slow_of_100", "expected"),
    [(50, {("SpeechsearchSloBurn1h", "alert"), ("SpeechsearchSloBurn6h", "alert"),
           ("SpeechsearchSloBurn1d", "warning"), ("SpeechsearchSloBurn3d", "warning")}),
     (5, set())],
)  # fmt: skip
def test_the_budget_that_burns_fast_fires_and_one_that_lasts_does_not(
    tmp_path, rules, slow_of_100, expected
):
    fires(tmp_path, rules, counts("slow", slow_of_100, 100), expected)


def test_the_limits_of_the_burns_are_computed_for_the_objective():
    limits = [burn.rate * 0.05 for burn in BURNS]
    assert limits == pytest.approx([0.36, 0.18, 0.12, 0.075])


def test_every_series_has_its_panel_and_the_routing_its_receivers():
    titles = [one["title"] for one in json.loads(grafana_file())["panels"]]
    assert {one.words for one in SERIES} <= set(titles)
    routing = json.loads(alertmanager_file())
    names = {one["name"] for one in routing["receivers"]}
    assert {
        routing["route"]["receiver"],
        *(one["receiver"] for one in routing["route"]["routes"]),
    } == names


@needs_prometheus
def test_a_real_prometheus_scrapes_the_server_and_fires(tmp_path):
    """A token that is wrong is refused and counted; the rule for refusals is made quick."""
    quick = json.loads(rules_file(THRESHOLDS, SloOptions()))
    for group in quick["groups"]:
        group["interval"] = "1s"
        for rule in group["rules"]:
            rule["for"] = "0s"
            rule["expr"] = rule["expr"].replace("[15m]", "[1m]").replace(">= 30)", ">= 3)")
    (tmp_path / "rules.yml").write_text(json.dumps(quick))
    with serving(
        SPEECHSEARCH_SERVER__TOKEN="sesame", SPEECHSEARCH_MONITORING__CHECK_S="0.5"
    ) as server:
        (tmp_path / "prometheus.yml").write_text(json.dumps({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(tmp_path / "rules.yml")],
            "scrape_configs": [{
                "job_name": "speechsearch", "authorization": {"credentials": "sesame"},
                "static_configs": [{"targets": [f"127.0.0.1:{server.port}"]}],
            }],
        }))  # fmt: skip
        port = free_port()
        running = subprocess.Popen(
            [PROMETHEUS, f"--config.file={tmp_path / 'prometheus.yml'}",
             f"--storage.tsdb.path={tmp_path / 'data'}", f"--web.listen-address=127.0.0.1:{port}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for(lambda: ask(address, f"{BY_NAME['cpu_share'].exported}_count"))
            firing = wait_for(lambda: refuse(server) or alerts(address))
            assert "SpeechsearchFailed" in firing
        finally:
            running.terminate()
            running.wait(30)


def refuse(server):
    """Somebody with a wrong token, some times."""
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    for _ in range(5):
        with connect(server.url) as socket:
            socket.send('{"type": "hello", "protocol": "speechsearch.v1", "token": "guess"}')
            try:
                while True:
                    socket.recv(timeout=10)
            except ConnectionClosed:
                continue


def ask(address, query):
    url = f"{address}/api/v1/query?query={urllib.parse.quote(query)}"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)["data"]["result"]
    except OSError:
        return []


def alerts(address):
    found = httpx.get(f"{address}/api/v1/alerts").json()["data"]["alerts"]
    firing = {one["labels"]["alertname"] for one in found if one["state"] == "firing"}
    return firing & {"SpeechsearchFailed"}


def wait_for(happened):
    for _ in range(120):
        if found := happened():
            return found
        time.sleep(0.5)
    raise AssertionError("it did not happen")


def test_a_statistic_is_the_same_over_there():
    assert (
        promql(BY_NAME["overruns"], "5m") == "sum(increase(speechsearch_live_overruns_total[5m]))"
    )
    assert "histogram_quantile(0.95" in promql(BY_NAME["all_ms"], "5m")
