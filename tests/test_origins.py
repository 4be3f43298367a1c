from speechsearch.config import load_settings
from speechsearch.monitoring.options import MonitoringOptions
from speechsearch.origins import origins

PATH = ("monitoring", "thresholds")
REDO = "[monitoring.thresholds.redo]\nalert = 0.5\nwarning = 0.4\nclear = 0.3\n"


def test_the_strongest_source_counts(tmp_path):
    file = tmp_path / "speechsearch.toml"
    file.write_text(REDO)
    environment = {"SPEECHSEARCH_MONITORING__THRESHOLDS__TYPED__ALERT": "0.9"}
    assert origins(PATH, {}, file, environment) == {"redo": str(file), "typed": "environment"}
    asked = {"monitoring": {"thresholds": {"redo": {"alert": 1}}}}
    assert origins(PATH, asked, file, environment)["redo"] == "command line"
    assert origins(PATH, {}, None, {"PATH": "/bin"}) == {}


def test_thresholds_say_where_they_come_from(tmp_path, monkeypatch):
    file = tmp_path / "own.toml"
    file.write_text(f'{REDO}why = "tuned"\n[monitoring.slo]\nobjective = 0.96\n')
    monkeypatch.setenv("SPEECHSEARCH_CONFIG", str(file))
    monkeypatch.setenv("SPEECHSEARCH_MONITORING__THRESHOLDS__TYPED__ALERT", "0.9")
    monkeypatch.setenv("SPEECHSEARCH_MONITORING__THRESHOLDS__TYPED__WARNING", "0.8")
    monkeypatch.setenv("SPEECHSEARCH_MONITORING__THRESHOLDS__TYPED__CLEAR", "0.7")
    options = load_settings().monitoring
    why = {row["rule"]: row["why"] for row in options.rows}
    assert why["redo"] == f"{file}: tuned"
    assert why["typed"] == "environment"
    assert why["snr_db"] == "default"
    assert why["slo_burn_1h"] == f"computed for 96% within 500 ms: {file}"


def test_nothing_set_is_all_default():
    assert {row["why"].split(": ")[-1] for row in MonitoringOptions().rows} == {"default"}
