"""From a number to somebody who is told: thresholds, burns, book, sinks, and the verbs."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from speechsearch.cli import app
from speechsearch.errors import ConfigError
from speechsearch.monitoring.alarms import Alarm
from speechsearch.monitoring.book import Book, body_of
from speechsearch.monitoring.options import MonitoringOptions
from speechsearch.monitoring.rules import Check, SloOptions, Threshold, checks
from speechsearch.monitoring.sinks import SinkOptions, Teller, sinks_of
from speechsearch.monitoring.summary import Summary
from tests.serving import serving

LIMITS = {"null_transcript": Threshold(0.2, 0.1, 0.05, least=10)}


def look(**means):
    """100 events of each series, so many of them 1."""

    def found(series, _):
        summary = Summary()
        for n in range(100 if series in means else 0):
            summary.add(float(n < round(100 * means[series])))
        return summary

    return found


def judged(**means):
    return {one.rule: one for one in checks(LIMITS, SloOptions(), look(**means))}


def test_a_value_is_worth_what_its_limits_say():
    severities = {share: judged(null_transcript=share)["null_transcript"].severity
                  for share in (0.0, 0.09, 0.1, 0.2, 1.0)}  # fmt: skip
    expected = {0.0: None, 0.09: None, 0.1: "warning", 0.2: "alert", 1.0: "alert"}
    assert severities == expected
    words = judged(null_transcript=0.3)["null_transcript"].words
    assert words == "empty transcripts 30 % over 30m (n 100, limit 20 %)"


def test_few_events_are_no_check():
    few = Summary()
    for _ in range(9):
        few.add(1.0)
    assert list(checks(LIMITS, SloOptions(), lambda *_: few)) == []


def test_the_shares_that_burn_the_budget_are_those_computed_for_the_objective():
    burning = {rule for rule, one in judged(slow=0.15).items() if one.severity}
    assert burning == {"slo_burn_1d", "slo_burn_3d"}
    assert {rule for rule, one in judged(slow=0.05).items() if one.severity} == set()


def check(severity, is_clear=False):
    return Check("redo", "redo", severity, is_clear, "words")


def test_an_alarm_takes_two_looks_to_rise_and_two_to_end_and_is_told_once():
    book = Book(agree=2)
    told = [book.check(one, "outcome", n) for n, one in enumerate(
        [check("warning"), check(None), check("warning"), check("warning"), check("warning"),
         check("alert"), check("alert"), check(None), check(None, True), check(None, True)]
    )]  # fmt: skip
    seen = [(one.severity, one.cleared_s) if one else None for one in told]
    assert seen == [None, None, None, ("warning", None), None,
                    None, ("alert", None), None, None, ("alert", 9)]  # fmt: skip
    assert len({one.id for one in told if one}) == 1
    assert book.in_force == {}


@given(st.lists(st.sampled_from([None, "warning", "alert", "clear"]), max_size=60))
def test_what_is_told_alternates_between_raised_and_over(sequence):
    book, is_open = Book(agree=2), False
    for now_s, one in enumerate(sequence):
        cleared = one == "clear"
        entry = book.check(check(None if cleared else one, cleared), "outcome", now_s)
        if entry and entry.cleared_s is not None:
            assert is_open
            is_open = False
        elif entry:
            is_open = True
        assert is_open == ("redo" in book.in_force)


def test_drift_is_an_alarm_too_and_a_restart_forgets_none():
    book = Book()
    alarm = Alarm(200, "snr_db", "capture", "SNR fell from 30 to 8 dB", "alert")
    entry = book.drifted(alarm, 1.0)
    assert book.drifted(alarm, 2.0) is None
    again = Book()
    again.restore([body_of(entry)], [{"rule": "redo", "until_s": 50.0}])
    assert again.in_force == book.in_force
    assert again.is_silent("redo", 49)
    assert not again.is_silent("redo", 51)


def test_a_drift_alarm_ends_when_its_metric_is_calm_and_all_end_with_their_reference():
    book = Book()
    for metric in ("snr_db", "level_dbfs"):
        book.drifted(Alarm(200, metric, "capture", "it fell", "alert"), 1.0)
    book.test(1.0)
    (over,) = book.calmed({"snr_db", "confidence"}, 5.0)
    assert (over.metric, over.cleared_s) == ("snr_db", 5.0)
    assert [one.metric for one in book.calmed(None, 6.0)] == ["level_dbfs"]
    assert set(book.in_force) == {"test"}


def test_a_silence_holds_for_its_time_and_an_acknowledgement_has_a_name():
    book = Book()
    book.silence("*", 100.0, 0.0)
    assert book.test(50.0).silenced
    assert not book.test(150.0).silenced
    assert book.acknowledge("test", "ada").acknowledged_by == "ada"
    with pytest.raises(ConfigError, match="no alarm"):
        book.acknowledge("redo", "ada")
    with pytest.raises(ConfigError, match="30 days"):
        book.silence("redo", 1e9, 0.0)


def test_limits_out_of_order_are_refused():
    with pytest.raises(ConfigError, match="out of order"):
        Threshold(0.1, 0.2, 0.05)
    with pytest.raises(ConfigError, match="no thresholds"):
        MonitoringOptions(thresholds={"nonsense": LIMITS["null_transcript"]})
    with pytest.raises(ConfigError, match="burnt"):
        SloOptions(objective=0.5)


def test_a_sink_that_fails_is_tried_again_and_keeps_nobody_from_the_others():
    told, tries = [], []

    def broken(entry):
        tries.append(entry)
        raise OSError("refused")

    teller = Teller({"broken": broken, "good": told.append}, retry_after_s=(0.01, 0.01))
    entry = Book().test(1.0)
    teller.tell(entry)
    teller.close()
    assert (told, len(tries), teller.failed) == ([entry], 3, {"broken": "refused"})


@pytest.fixture
def mailbox():
    """A mail server that takes one message; its lines."""
    lines, listening = [], socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listening.accept()
        with connection, connection.makefile("rw", newline="\r\n") as talk:

            def say(words):
                talk.write(words + "\r\n")
                talk.flush()

            say("220 test")
            in_data = False
            for line in talk:
                lines.append(line.rstrip())
                if in_data:
                    in_data = lines[-1] != "."
                    if not in_data:
                        say("250 ok")
                elif line.upper().startswith("DATA"):
                    in_data = True
                    say("354 go on")
                elif line.upper().startswith("QUIT"):
                    say("221 bye")
                    return
                else:
                    say("250 ok")

    thread = threading.Thread(target=serve)
    thread.start()
    yield listening.getsockname()[1], lines
    thread.join(10)
    listening.close()


def test_an_email_says_what_is_wrong_and_what_to_do(mailbox):
    port, lines = mailbox
    options = SinkOptions(
        log=False, smtp_host="127.0.0.1", smtp_port=port, smtp_security="none",
        mail_from="s@example.org", mail_to=("ops@example.org",),
    )  # fmt: skip
    alarm = Alarm(1, "redo", "outcome", "said again 40 %", "alert")
    sinks_of(options)["mail"](Book().drifted(alarm, 1.0))
    text = "\n".join(lines)
    assert "Subject: [speechsearch] alert drift_redo" in text
    assert "said again 40 %" in text
    assert "review queue" in text


@pytest.fixture
def hook():
    """A webhook, and what it got."""
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", got
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_verbs_fire_list_silence_and_acknowledge_end_to_end(hook):
    address, got = hook

    def run(*words):
        done = CliRunner().invoke(app, ["alarms", *words, "--server", server.url])
        assert done.exit_code == 0, done.output
        return done.output

    with serving(SPEECHSEARCH_MONITORING__SINKS__WEBHOOK=address) as server:
        assert "no alarm is in force" in run("list")
        assert "fired test" in run("test")
        assert [one["rule"] for one in got] == ["test"]
        assert "ada looks after test" in run("ack", "test", "--who", "ada")
        run("silence", "test", "--for", "1h")
        run("test")
        assert len(got) == 1
        assert "if this reached you" in run("list")
        past = httpx.get(f"{server.http}/v1/monitoring").json()["alarms"]["past"]
        assert past[0]["silenced"]


def test_a_sink_that_cannot_be_reached_is_said_by_the_test():
    nowhere = {"SPEECHSEARCH_MONITORING__SINKS__WEBHOOK": "http://127.0.0.1:9/"}
    with serving(**nowhere) as server:
        done = CliRunner().invoke(app, ["alarms", "test", "--server", server.url])
        assert done.exit_code == 1
        assert "webhook did not take it" in done.output


def test_a_server_that_is_not_there_or_not_watched_is_said():
    done = CliRunner().invoke(app, ["alarms", "list", "--server", "ws://127.0.0.1:9"])
    assert done.exit_code == 1
