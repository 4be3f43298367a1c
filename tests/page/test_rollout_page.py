"""The page of a rollout in real Chromium, against a real server with one."""

import re
import urllib.request

import pytest

from speechsearch import Client
from speechsearch.server.page import MEDIA_TYPES
from tests.page.browser import chromium, expect, opened, playwright
from tests.page.node import FILES
from tests.page.test_dashboard import CONTRAST, in_a_thread
from tests.server.test_rollouts import ADMIN, STAY, administered, house  # noqa: F401

PAGE = FILES.parent / "rollout_page"
LIVE = "[data-state=live]"
HERE = "#places [aria-current]"


@pytest.fixture(scope="module")
def browser():
    with playwright() as running, chromium(running) as started:
        yield started


@pytest.fixture
def administration(house):  # noqa: F811
    with administered(house) as (server, admin):
        yield server, admin


def asked_for_token(browser, server, **options):
    wait = "#token:not([hidden])"
    return opened(browser, f"{server.http}/dashboard/rollout", wait=wait, **options)


def show(page, token=ADMIN):
    page.get_by_label("A rollout needs the administrator's token").fill(token)
    page.get_by_role("button", name="Show").click()
    if token == ADMIN:
        page.wait_for_selector(LIVE)
    # Chromium itself notes every 401, the first of them that of the page without a token
    page.complaints[:] = [one for one in page.complaints if "401" not in one]


def hits_of(server, path):
    """How many an answer has: one tells that the challenger gave it."""

    async def speak():
        async with Client(server.url) as client:
            (answer,) = await client.answers(path)
            return len(answer.hits)

    hits = []

    async def note():
        hits.append(await speak())

    in_a_thread(note())
    return hits[0]


def press(page, name, why=None, within="#acts", asked=""):
    """A button, and that one is sure of it, having been ``asked``."""
    page.locator(within).get_by_role("button", name=name).click()
    assert asked in page.locator("#sure-what").inner_text()
    if why:
        page.get_by_label("Why").fill(why)
    page.get_by_role("dialog").get_by_role("button", name=name).click()


def test_a_challenger_is_followed_held_sent_on_and_thrown_out(browser, administration, fixtures):
    server, admin = administration
    with asked_for_token(browser, server) as page:
        show(page)
        expect(page, "#since", "no rollout is under way")
        assert page.locator("#acts button:enabled").count() == 0
        admin.begin(STAY, {"search": {"limit": 1}})
        champion = admin.until("shadow")["champion"]
        expect(page, HERE, "shadow")
        assert page.locator("#versions td.out").all_inner_texts() == ["search.limit: 10 → 1"]
        assert hits_of(server, fixtures.queries[2].path) > 1, "a shadow is never shown"
        row = page.locator("#evidence tbody tr")
        row.wait_for()
        assert row.locator("td").all_inner_texts()[0::3] == ["empty", "1"]
        press(page, "Pause")
        expect(page, "#since", re.compile("^shadow, paused"))
        press(page, "Resume")
        expect(page, "#since", re.compile("^shadow, since"))
        press(page, "Promote")
        expect(page, HERE, "canary 5 %")
        shares = page.locator("#shares").get_attribute("aria-label")
        assert shares == "Sessions: champion 95 %, challenger 5 %"

        page.get_by_role("button", name="Roll back").focus()
        page.keyboard.press("Enter")
        page.get_by_role("dialog").wait_for()
        page.keyboard.press("Escape")
        assert admin.status()["place"] == "canary 5 %", "who was not sure has done nothing"
        page.keyboard.press("Enter")
        page.get_by_label("Why").press_sequentially("people complain")
        page.keyboard.press("Enter")
        expect(page, "#since", "no rollout is under way")
        assert "canary 5 %: people complain" in page.locator("#incidents li").inner_text()
        steps = page.locator("#history tbody tr").all_inner_texts()
        assert "rolled back: people complain" in steps[0]
        assert "dashboard" in steps[0]
        expect(page, "#champion", f"champion {champion}")
        assert admin.status()["champion"] == champion


def fill_in(page, **fields):
    for label, value in fields.items():
        page.locator("#start").get_by_label(label.replace("_", " ")).fill(value)


def test_a_version_is_let_in_from_the_page_and_found_again_by_its_name(
    browser, administration, fixtures
):
    server, admin = administration
    with asked_for_token(browser, server) as page:
        show(page)
        fill_in(page, Other_settings="search.limit = 1\n\n search.mode=full")
        page.get_by_label("Everybody at once").check()
        press(page, "Start", within="#start", asked="golden utterances")
        expect(page, HERE, "warm")
        assert page.locator("#start").is_hidden(), "one at a time"
        new = admin.status()["champion"]
        assert hits_of(server, fixtures.queries[2].path) == 1
        assert "dashboard" in page.locator("#history tbody tr").nth(-2).inner_text()
        press(page, "Roll back")
        page.locator("#start").wait_for()
        assert page.get_by_label("Other settings").input_value() == ""
        assert not page.get_by_label("Everybody at once").is_checked()
        offered = page.locator("#start-known option")
        assert new in [one.get_attribute("value") for one in offered.all()]
        fill_in(page, Version=new)
        press(page, "Start", within="#start")
        page.locator("#start").wait_for(state="hidden")
        assert admin.status()["challenger"] == new


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"Other_settings": "search.limit"}, "“search.limit” is no setting"),
        ({"Other_settings": "search.limit=many"}, "limit"),
        ({"Acoustic_model": "nobody"}, "nobody"),
        ({"Version": "v-unknown"}, "v-unknown"),
        ({}, "either a version or changes"),
    ],
)
def test_a_start_that_cannot_be_is_said_to_be_and_what_was_typed_stays(
    browser, administration, fields, told
):
    server, admin = administration
    with asked_for_token(browser, server) as page:
        show(page)
        fill_in(page, **fields)
        if told.startswith("“"):
            page.locator("#start").get_by_role("button", name="Start").click()
            assert page.locator("dialog").is_hidden(), "nothing is to be sure of"
        else:
            press(page, "Start", within="#start")
        expect(page, "#told", re.compile(re.escape(told)))
        for label, value in fields.items():
            field = page.locator("#start").get_by_label(label.replace("_", " "))
            assert field.input_value() == value
        assert admin.status()["phase"] == "idle"
        page.complaints[:] = [one for one in page.complaints if "Failed to load" not in one]


def test_a_switch_is_taken_back_and_the_old_champion_answers(browser, administration, fixtures):
    server, admin = administration
    admin.begin({"switch": True}, {"search": {"limit": 1}})
    new = admin.until("warm")
    assert hits_of(server, fixtures.queries[2].path) == 1
    with asked_for_token(browser, server) as page:
        show(page)
        expect(page, HERE, "warm")
        expect(page, "#champion", f"champion {new['champion']}")
        press(page, "Roll back", why="too few hits")
        expect(page, "#champion", f"champion {new['challenger']}")
        expect(page, "#challenger", "no challenger")
    assert hits_of(server, fixtures.queries[2].path) > 1


def test_a_wrong_token_is_said_to_be_wrong_and_the_right_one_is_kept_nowhere(
    browser, administration
):
    server, _ = administration
    with asked_for_token(browser, server) as page:
        show(page, "a guess")
        expect(page, "#told", re.compile("^That is not the administrator's token"))
        assert page.locator("#known").is_hidden()
        show(page)
        assert page.locator("#told").is_hidden()
        kept = "sessionStorage.length + localStorage.length + document.cookie.length"
        assert page.evaluate(kept) == 0
        assert ADMIN not in page.content()
        page.reload()
        page.wait_for_selector("#token:not([hidden])")
        page.complaints.clear()


def test_what_the_server_does_not_let_happen_is_said_in_its_words(browser, administration):
    server, admin = administration
    admin.begin({"switch": True}, {"search": {"limit": 1}})
    admin.until("warm")
    with asked_for_token(browser, server) as page:
        show(page)
        page.locator("#acts").get_by_role("button", name="Roll back").click()
        admin.post("rollback").raise_for_status()  # somebody else was first
        page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
        expect(page, "#told", re.compile("nothing is being rolled out"))
        page.complaints[:] = [one for one in page.complaints if "409" not in one]


def test_a_server_without_rollouts_says_how_to_have_them(browser, server):
    where = f"{server.http}/dashboard/rollout"
    with opened(browser, where, wait="[data-state=off]") as page:
        expect(page, "#told", re.compile("SPEECHSEARCH_ROLLOUT__TOKEN"))
        page.complaints[:] = [one for one in page.complaints if "404" not in one]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_it_fits_and_can_be_read_and_everything_has_a_name(
    browser, administration, fixtures, scheme
):
    server, admin = administration
    admin.begin(STAY, {"search": {"limit": 1}})
    admin.until("shadow")
    hits_of(server, fixtures.queries[2].path)
    phone = {"viewport": {"width": 360, "height": 740}, "color_scheme": scheme}
    with asked_for_token(browser, server, **phone) as page:
        show(page)
        page.locator("#evidence tbody tr").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        selectors = ("h2", "nav a", HERE, "#places li", ".small", "#shares span", "td.out", "th",
                     "#acts button:enabled", "#acts [data-verb=rollback]")  # fmt: skip
        for selector in selectors:
            contrast = page.evaluate(CONTRAST, selector)
            assert contrast >= 4.5, (selector, contrast)
        page.locator("#acts").get_by_role("button", name="Roll back").click()
        assert page.locator("dialog").bounding_box()["width"] <= 360
        assert page.evaluate(CONTRAST, "#do") >= 4.5
        page.keyboard.press("Escape")
        assert page.locator("main section:not([aria-labelledby])").count() == 0
        admin.post("rollback", why="in a test").raise_for_status()
        page.locator("#incidents li").wait_for()
        page.locator("#start").wait_for()
        assert page.evaluate(CONTRAST, "#start label") >= 4.5
        assert page.evaluate(CONTRAST, "#incidents p") >= 4.5
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("name", sorted(path.name for path in PAGE.iterdir()))
def test_every_file_is_served_with_the_policy_and_names_no_other_site(server, name):
    path = "/dashboard/rollout" + ("" if name == "index.html" else f"/{name}")
    with urllib.request.urlopen(server.http + path) as answer:
        assert answer.read() == (PAGE / name).read_bytes()
        assert answer.headers["content-type"] == MEDIA_TYPES[f".{name.rpartition('.')[2]}"]
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "://" not in (PAGE / name).read_text()
