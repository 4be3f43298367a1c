import base64
import io
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile
from rich.console import Console

from speechsearch.learning import report_html
from speechsearch.learning.evaluate import Evaluation, report_of
from speechsearch.learning.measures import Bootstrap
from speechsearch.learning.report_html import difference, page
from speechsearch.learning.report_text import render
from tests.learning.made import outcome

SOUND = np.random.default_rng(0).uniform(-1, 1, 1600).astype(np.float32)


@pytest.fixture
def report():
    rows = [
        outcome(name=f"<{n}>.wav", rank=n % 3, gender="mf"[n % 2], heard="the red hose & more")
        for n in range(30)
    ]
    about = {
        "table": "t.tsv", "index": "books", "entries": 3, "model": "m@1", "decoder": "greedy",
        "search": "full", "second_pass": "off", "unknown_items": ["z"],
        "snr_db": 5.0, "noise": "pink", "rir": None,
    }  # fmt: skip
    return report_of(Evaluation(rows, {"gone.wav": "not there"}, about), [], Bootstrap(50))


class Balanced(HTMLParser):
    """Collects the tags; HTML lets td, tr and th stay open."""

    def __init__(self):
        super().__init__()
        self.sources = []

    def handle_starttag(self, tag, attrs):
        assert tag not in {"script", "link", "img"}, "the page is self-contained"
        if tag == "audio":
            self.sources.append(dict(attrs)["src"])


def parsed(text):
    parser = Balanced()
    parser.feed(text)
    return parser


def test_the_page_plays_what_was_heard_of_every_mistake_worst_first(report):
    text = page(report, lambda _: (SOUND, ""))
    sources = parsed(text).sources
    assert len(sources) == 30
    sound = base64.b64decode(sources[0].removeprefix("data:audio/flac;base64,"))
    samples, rate_hz = soundfile.read(io.BytesIO(sound))
    assert (rate_hz, len(samples)) == (16_000, 1600)
    assert text.index("&lt;0&gt;.wav") < text.index("&lt;2&gt;.wav") < text.index("&lt;1&gt;.wav")
    assert "<0>.wav" not in text
    assert "<b class=right>title 2</b>" in text
    assert "1 recordings could not be read" in text


def test_sounds_beyond_the_cap_are_linked_and_changed_ones_are_missed(report, monkeypatch):
    monkeypatch.setattr(report_html, "MOST_SOUND_BYTES", 10_000)
    sources = parsed(page(report, lambda name: (SOUND, f"../{name}"))).sources
    embedded = [one for one in sources if one.startswith("data:")]
    assert 0 < len(embedded) < 30 == len(sources)
    assert all(one.startswith("../") for one in set(sources) - set(embedded))
    assert "did not fit" in page(report, lambda _: (SOUND, ""))


def test_more_mistakes_than_a_page_holds_are_counted(report, monkeypatch):
    monkeypatch.setattr(report_html, "MOST_MISTAKES", 5)
    text = page(report, lambda _: (SOUND, ""))
    assert len(parsed(text).sources) == 5
    assert "The worst 5 are shown" in text


def test_the_difference_marks_what_was_missed_and_what_was_put_in():
    assert difference("the red house", "a red") == (
        "<del>the</del> <ins>a</ins> red <del>house</del>"
    )
    assert difference("105", "one hundred and five ok") == "one hundred five <ins>ok</ins>"
    assert difference("so", "") == "<del>so</del>"


def test_the_terminal_shows_figures_slices_and_mistakes_in_eighty_columns(report):
    out = io.StringIO()
    Console(file=out, width=80).print(render(report))
    shown = out.getvalue()
    for wanted in (
        "30 recordings",
        "in noise (pink) at 5 dB",
        "right entry on top",
        "by gender",
        "endpoint_to_results",
    ):
        assert wanted in shown
    assert "the catalogue has not" in shown
    assert "20 recordings without the right entry on top, 10 misheard" in shown
    assert "…" not in shown
