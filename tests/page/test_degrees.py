"""What the page does by itself, at each degree of automation, in real Chromium."""

import json
import re
import time

import pytest

from speechsearch.automation import Catalogue, Kept
from speechsearch.config import load_settings
from speechsearch.rollout.degrees import Degree, Ladder, Tally
from tests.page.browser import answers, chromium, expect, opened, playwright, record, with_gaps
from tests.serving import serving

HITS = "#hits [data-place]"


@pytest.fixture(scope="module")
def first(fixtures):
    """One that other titles are like: there is always another hit to take."""
    return next(one for one in fixtures.queries if one.item == "the-secret-garden")


@pytest.fixture(scope="module")
def running():
    with playwright() as started:
        yield started


@pytest.fixture(scope="module")
def recording(tmp_path_factory, first):
    return record(tmp_path_factory.mktemp("page") / "one.wav", with_gaps([first.path]))


@pytest.fixture
def browser(running, recording):
    with chromium(running, recording=recording) as started:
        yield started


@pytest.fixture
def at(tmp_path):
    def serve(degree, **more):
        kept = {"XDG_DATA_HOME": str(tmp_path), **more}
        return serving(SPEECHSEARCH_AUTOMATION__DEGREE=degree, **kept)

    return serve


def told(page):
    sent = [json.loads(frame) for frame in page.sent if isinstance(frame, str)]
    return [(one["action"], one["hit"]) for one in sent if one["type"] == "feedback"]


def tally(tmp_path, degree):
    """What the server keeps of the page's session, once that is over."""
    for _ in range(200):
        found = list((tmp_path / "speechsearch" / "automation").glob("*.json"))
        if found:
            one = json.loads(found[0].read_bytes())["by_degree"][degree]
            return one["answers"], one["accepted"], one["opened"], one["wrong_opens"]
        time.sleep(0.05)
    raise AssertionError("nothing was kept")


def test_assistance_offers_and_what_is_taken_counts(browser, at, first, tmp_path):
    with at("assistance") as server:
        with opened(browser, server.http) as page:
            page.click("#free")
            (answer,) = answers(page, 1)
            assert answer["final"]["action"] == "offer"
            with page.expect_popup():
                page.locator(HITS).first.click()
            assert len(page.context.pages) == 2, "the one that was clicked"
            assert told(page) == [("click", first.item)]
        assert tally(tmp_path, "assistance") == (1, 1, 0, 0)


@pytest.mark.parametrize(
    ("degree", "sure", "opens"),
    [("full", "1", True), ("partial", "0", True), ("partial", "1", False)],
)
def test_it_opens_by_itself_what_the_degree_lets_it(browser, at, tmp_path, degree, sure, opens):
    with at(degree, SPEECHSEARCH_AUTOMATION__OPEN_ABOVE=sure) as server:
        with opened(browser, server.http) as page:
            assert "by itself" in page.locator("#connection").inner_text()
            page.click("#free")
            if opens:
                with page.context.expect_page() as other:
                    answers(page, 1)
                other.value.wait_for_url(re.compile("gutenberg"))
                assert other.value.evaluate("window.opener") is None
                expect(page, "#status", re.compile("^Opened “.+” by itself"))
            else:
                answers(page, 1)
                page.locator(HITS).first.wait_for()
                page.wait_for_timeout(500)
                assert len(page.context.pages) == 1
            assert told(page) == []
        if opens:
            assert tally(tmp_path, degree) == (1, 1, 1, 0), "left as it was opened: accepted"


def test_who_takes_another_hit_than_the_one_that_opened_says_that_it_was_wrong(
    browser, at, tmp_path
):
    with at("full") as server:
        with opened(browser, server.http) as page:
            page.click("#free")
            with page.context.expect_page():
                answers(page, 1)
            page.bring_to_front()
            with page.expect_popup():
                page.locator(HITS).nth(1).click()
        assert tally(tmp_path, "full") == (1, 0, 1, 1)


def test_what_the_browser_keeps_from_opening_is_offered_and_said_to_be(browser, at, tmp_path):
    with at("full") as server:
        with opened(browser, server.http) as page:
            page.evaluate("window.open = () => null")
            page.click("#free")
            answers(page, 1)
            expect(page, "#status", re.compile("may not open by itself here"))
            assert told(page) == [("offered", "")]
            page.evaluate("delete window.open")
            with page.expect_popup():
                page.locator(HITS).first.click()
        assert tally(tmp_path, "full") == (1, 1, 0, 0)


@pytest.mark.parametrize(("typed", "agreed"), [("the secret garden", True), ("the odyssey", False)])
def test_in_the_shadow_nothing_heard_is_shown_and_what_is_picked_is_compared(
    browser, at, tmp_path, typed, agreed
):
    with at("shadow") as server:
        with opened(browser, server.http) as page:
            page.click("#free")
            (answer,) = answers(page, 1)
            assert answer["final"]["action"] == "compare"
            expect(page, "#status", re.compile("^Heard"))
            assert page.locator(HITS).count() == 0
            assert page.locator("#stable").inner_text() == ""
            page.fill("#query", typed)
            page.locator(HITS).first.wait_for()
            with page.expect_popup():
                page.locator(HITS).first.click()
            assert told(page) == [("click", typed.replace(" ", "-"))]
        assert tally(tmp_path, "shadow") == (1, int(agreed), 0, 0)


def test_where_only_people_decide_no_microphone_is_opened(browser, at):
    with at("human_only") as server, opened(browser, server.http) as page:
        assert page.locator("#mic").is_disabled()
        assert page.locator("#free").is_disabled()
        page.keyboard.press(" ")
        page.wait_for_timeout(300)
        assert page.evaluate("microphones.length") == 0
        page.fill("#query", "emma")
        page.locator(HITS).first.wait_for()


def test_a_degree_that_does_harm_is_left_and_the_page_is_told_when_it_comes_back(
    browser, at, tmp_path, monkeypatch
):
    ladder, wrong = Ladder(Degree.FULL), Tally(answers=1, opened=1, wrong_opens=1)
    while (after := ladder.add(wrong)).degree is Degree.FULL:
        ladder = after  # one more is too many
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    Catalogue.of(load_settings()).save(Kept("full", ladder, {"full": ladder.tally}))
    before = ladder.tally.answers
    with at("full") as server:
        with opened(browser, server.http) as page:
            page.click("#free")
            with page.context.expect_page():
                answers(page, 1)
            page.bring_to_front()
            with page.expect_popup():
                page.locator(HITS).nth(1).click()
        while tally(tmp_path, "full")[0] == before:
            time.sleep(0.05)
        with opened(browser, server.http) as page:
            assert (
                "What is surely right opens by itself" in page.locator("#connection").inner_text()
            )
