from speechsearch.client.reporting import Reporter, Totals
from speechsearch.wire import messages as m

READY = m.Ready(
    session="s", resume_token="t", limits=m.Limits(), model="m@1", entries=1, reports=True
)
TIMINGS = {"endpoint": 300.0, "network": 2.0, "end_of_speech_to_results": 340.0}


def test_counts_are_those_since_the_last_report():
    reporter = Reporter("python 1", "silero:0.5")
    reporter.connected(READY, "USB")
    reporter.answered(1, TIMINGS, "USB", Totals(1000, 400, 1))
    reporter.device_changed()
    reporter.connected(READY, "USB")
    second = reporter.answered(2, TIMINGS, "headset", Totals(1500, 500, 1))
    assert (second.captured_samples, second.sent_samples, second.overruns) == (500, 100, 0)
    assert (second.device_changes, second.reconnects) == (1, 1)
    assert (second.microphone, second.detector) == ("headset", "silero:0.5")


def test_a_server_that_does_not_ask_for_reports_gets_none():
    reporter = Reporter("python 1", "silero:0.5")
    silent = m.Ready(session="s", resume_token="t", limits=m.Limits(), model="m@1", entries=1)
    assert reporter.connected(silent, "USB") is None
    assert reporter.answered(1, TIMINGS, "USB", Totals()) is None


def test_long_names_are_cut_to_what_the_wire_takes():
    report = Reporter("c", "d").connected(READY, "x" * 5000)
    assert len(report.microphone) == m.MAX_QUERY_LETTERS
