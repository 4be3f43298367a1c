from speechsearch.monitoring.review import review
from speechsearch.monitoring.summary import Summary
from speechsearch.monitoring.timeline import Point


def point(series, *values):
    summary = Summary()
    for value in values:
        summary.add(value)
    return Point(series, 0, summary)


def alarm(rule, raised_s=0.0, cleared_s=60.0, who="", severity="warning", silenced=False):
    return {
        "rule": rule, "raised_s": raised_s, "cleared_s": cleared_s, "acknowledged_by": who,
        "severity": severity, "silenced": silenced,
    }  # fmt: skip


def states(points):
    return {one["name"]: one["state"] for one in review(points, [], [])["series"]}


def test_series_that_never_moved_are_told_from_those_that_were_never_measured():
    found = states([
        point("early_cut", *[0.0] * 60), point("early_cut", *[0.0] * 60),
        point("level_dbfs", -30, -31), point("overruns", 0.0),
    ])  # fmt: skip
    assert found["early_cut"] == "never moved"
    assert found["level_dbfs"] == "moved"
    assert found["overruns"] == "too few to tell"
    assert found["network_ms"] == "never measured"


def verdicts(alarms, rules=()):
    return {one["rule"]: one for one in review([], alarms, rules)["alarms"]}


def test_alarms_are_counted_by_what_anybody_did_about_them():
    found = verdicts([
        alarm("redo", who="ada", severity="alert", raised_s=5.0),
        alarm("redo", cleared_s=None, raised_s=9.0), alarm("redo", silenced=True, cleared_s=180.0),
    ])["redo"]  # fmt: skip
    assert (found["fired"], found["alerts"], found["acknowledged"], found["silenced"]) == (
        3, 1, 1, 1
    )  # fmt: skip
    assert (found["median_s"], found["newest_s"]) == ((55.0 + 180.0) / 2, 9.0)
    assert found["verdict"] == "acted on 1 of 3"


def test_a_rule_that_nobody_heeds_is_said_to_be_of_no_use_and_one_that_slept_is_named():
    found = verdicts([alarm("snr_db")] * 3 + [alarm("typed"), alarm("test")], ["redo"])
    assert "let it go" in found["snr_db"]["verdict"]
    assert found["typed"]["verdict"] == "nobody has acted yet"
    assert found["redo"]["verdict"] == "never fired"
    assert "test" not in found
