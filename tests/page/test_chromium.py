"""The page in real Chromium, with recordings in the place of its microphone."""

import json
import re

import numpy as np
import pytest

from tests.page.browser import answers, chromium, expect, opened, playwright, record, with_gaps
from tests.serving import serving, start

HITS = "#hits [data-place]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def five(fixtures):
    return fixtures.queries[:5]


@pytest.fixture(scope="module")
def running():
    with playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(running, folder, five):
    recording = record(folder / "five.wav", with_gaps([query.path for query in five]))
    mapped = "--host-resolver-rules=MAP page.test 127.0.0.1"
    with chromium(running, mapped, recording=recording) as started:
        yield started


@pytest.fixture(scope="module")
def quiet_browser(running, folder):
    """Its microphone sends digital silence, and it asks before it allows it."""
    recording = record(folder / "silence.wav", [np.zeros(160_000, np.float32)])
    with chromium(running, recording=recording, allow=False) as started:
        yield started


def test_five_recordings_find_the_five_books_hands_free(browser, server, five):
    with opened(browser, server.http) as page:
        page.get_by_role("switch", name="Hands-free").click()
        page.wait_for_selector("body.speaking")
        page.wait_for_selector("#tentative:not(:empty), #stable:not(:empty)")
        found = answers(page, 5)
        assert [one["final"]["hits"][0]["id"] for one in found] == [query.item for query in five]
        for one in found:
            timings = one["timings"]
            stages = sum(timings[stage] for stage in ("endpoint", "network", "wait"))
            assert stages == pytest.approx(timings["end_of_speech_to_results"], abs=1)
        assert page.locator(HITS).first.inner_text().split("\n")[1] == "The Odyssey"
        assert page.locator("#budget").is_visible()
        assert "first The Odyssey" in page.locator("#said").inner_text()
        assert json.loads(page.sent[0])["vad"] == "server"


def test_hold_to_talk_answers_when_let_go_and_a_click_on_a_hit_is_told(browser, server, five):
    with opened(browser, server.http) as page:
        page.get_by_role("button", name="Microphone").hover()
        page.mouse.down()
        page.wait_for_selector("body.speaking")
        page.wait_for_timeout(1400)
        page.mouse.up()
        (answer,) = answers(page, 1)
        assert answer["final"]["hits"][0]["id"] == five[0].item
        page.wait_for_selector("[data-mode=off]")
        texts = [frame for frame in page.sent if isinstance(frame, str)]
        assert json.loads(texts[-1]) == {"type": "flush"}
        with page.expect_popup() as popup:
            page.locator(HITS).first.click()
        assert "gutenberg.org" in popup.value.url
        click = {"type": "feedback", "utterance": 1, "action": "click", "hit": five[0].item}
        assert json.loads(page.sent[-1]) == click


def test_everything_can_be_done_from_the_keyboard(browser, server, five):
    with opened(browser, server.http) as page:
        order = []
        for _ in range(3):
            page.keyboard.press("Tab")
            order.append(page.evaluate("document.activeElement.id"))
        assert order == ["query", "mic", "free"]
        page.evaluate("document.activeElement.blur()")
        page.keyboard.down(" ")
        page.wait_for_selector("body.speaking")
        page.wait_for_timeout(1400)
        page.keyboard.up(" ")
        (answer,) = answers(page, 1)
        assert answer["final"]["hits"][0]["id"] == five[0].item
        page.keyboard.press("/")
        assert page.input_value("#query") == answer["final"]["text"]
        page.keyboard.type("the secret gar")
        expect(page, ".title >> nth=0", re.compile("Secret"))
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        focused = "document.activeElement.dataset.place"
        assert page.evaluate(focused) == "1"
        page.keyboard.press("ArrowUp")
        with page.expect_popup():
            page.keyboard.press("Enter")
        page.keyboard.press("ArrowUp")
        assert page.evaluate("document.activeElement.id") == "query"
        assert "typed" in [json.loads(f).get("action") for f in page.sent if isinstance(f, str)]


def test_typing_searches_in_the_same_box_and_the_newest_query_wins(browser, server):
    with opened(browser, server.http) as page:
        page.fill("#query", "treasure")
        page.keyboard.press("Enter")
        page.fill("#query", "dracula")
        expect(page, ".title >> nth=0", "Dracula")
        page.fill("#query", "zzzzqqqq")
        page.wait_for_selector("#none", state="visible")
        page.fill("#query", "")
        page.wait_for_selector("#none", state="hidden")
        assert page.locator(HITS).count() == 0


def contrast(page, selector, background="html"):
    """WCAG 2 contrast of an element's text."""

    def luminance(colour):
        channels = [float(x) / 255 for x in colour[4:-1].split(",")[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    style = "([e, p]) => getComputedStyle(document.querySelector(e))[p]"
    text = luminance(page.evaluate(style, [selector, "color"]))
    behind = luminance(page.evaluate(style, [background, "backgroundColor"]))
    return (max(text, behind) + 0.05) / (min(text, behind) + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable_and_nothing_overflows_on_a_phone_or_a_desk(browser, server, scheme):
    options = {"color_scheme": scheme, "reduced_motion": "reduce"}
    with opened(browser, server.http, **options) as page:
        page.fill("#query", "the adventures of")
        page.wait_for_selector(HITS)
        for section in ("budget", "problem", "meter"):
            page.evaluate("id => (document.getElementById(id).hidden = false)", section)
        for width in (320, 390, 768, 1280):
            page.set_viewport_size({"width": width, "height": 700})
            widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert widths[0] <= widths[1], f"{width} px"
            box = page.locator("#mic").bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            assert min(box["width"], box["height"]) >= 44
        for selector in ("#connection", "#status", "#hits .title", "#hits .details"):
            assert contrast(page, selector) >= 4.5, selector
        assert contrast(page, "#mic", "#mic") >= 4.5
        assert contrast(page, "#problem h2", "#problem") >= 4.5
        dark = contrast(page, "html") > 4.5 and page.evaluate(
            "getComputedStyle(document.documentElement).backgroundColor"
        )
        assert (dark == "rgb(251, 250, 247)") == (scheme == "light")


def test_everything_that_can_be_used_has_a_name_and_states_are_told(browser, server):
    with opened(browser, server.http) as page:
        page.fill("#query", "emma")
        page.wait_for_selector(HITS)
        tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
        named = {}
        for node in tree:
            role = node.get("role", {}).get("value")
            properties = {p["name"]: p["value"].get("value") for p in node.get("properties", ())}
            if properties.get("focusable") and role not in ("RootWebArea",):
                named.setdefault(role, []).append(node["name"]["value"])
        assert set(named) == {"searchbox", "button", "switch", "link"}
        assert all(name.strip() for names in named.values() for name in names)
        assert page.get_by_role("searchbox", name="Say or type what you look for").count() == 1
        assert page.get_by_role("list").count() == 1
        assert page.locator("#heard").get_attribute("aria-live") == "polite"
        page.get_by_role("switch", name="Hands-free").press("Enter")
        assert page.get_by_role("switch", name="Hands-free", checked=True).count() == 1
        assert page.get_by_role("button", name="Microphone", pressed=True).count() == 1
        page.get_by_role("meter").wait_for()


def test_a_microphone_that_is_denied_says_how_to_allow_it(quiet_browser, server):
    with opened(quiet_browser, server.http) as page:
        quiet_browser.new_browser_cdp_session().send(
            "Browser.setPermission",
            {
                "permission": {"name": "microphone"}, "setting": "denied",
                "browserContextId": context_of(page),
            },
        )  # fmt: skip
        page.click("#mic")
        problem = page.get_by_role("alert")
        problem.wait_for()
        assert "not allowed" in problem.inner_text()
        assert "left of the address" in problem.inner_text()
        assert page.locator("[data-mode=off]").count() == 1
        page.context.grant_permissions(["microphone"])
        page.get_by_role("button", name="Try again").click()
        problem.wait_for(state="hidden")
        page.wait_for_selector("[data-mode=free]")


def context_of(page):
    session = page.context.new_cdp_session(page)
    return session.send("Target.getTargetInfo")["targetInfo"]["browserContextId"]


def test_a_microphone_that_sends_digital_silence_is_said_to(quiet_browser, server):
    with opened(quiet_browser, server.http, permissions=["microphone"]) as page:
        page.click("#free")
        problem = page.get_by_role("alert")
        problem.wait_for()
        assert "nothing but silence" in problem.inner_text()


def test_a_microphone_that_goes_away_is_taken_up_again_hands_free(browser, server):
    with opened(browser, server.http) as page:
        page.click("#free")
        page.wait_for_selector("body.speaking")
        lost = "const [track] = microphones.at(-1).getAudioTracks(); track.stop();"
        page.evaluate(f"{lost} track.dispatchEvent(new Event('ended'))")
        expect(page, "#problem-title", re.compile("went away"))
        page.get_by_role("alert").wait_for(state="hidden")
        page.wait_for_selector("[data-mode=free]")
        assert page.evaluate("microphones.length") == 2
        assert '{"type":"flush"}' in page.sent


def test_without_a_microphone_the_page_says_so_and_typing_works(running, server):
    with chromium(running) as bare, opened(bare, server.http) as page:
        page.click("#mic")
        page.get_by_role("alert").wait_for()
        assert "no microphone" in page.get_by_role("alert").inner_text()
        page.fill("#query", "emma")
        page.wait_for_selector(HITS)


def test_a_token_is_asked_for_a_restart_survived_a_full_server_and_an_insecure_page_said(
    browser, five
):
    guarded = {
        "SPEECHSEARCH_SERVER__TOKEN": "sesame",
        "SPEECHSEARCH_SERVER__ALLOWED_HOSTS": "page.test",
        "SPEECHSEARCH_SERVER__MAX_CONNECTIONS": "1",
    }
    with serving(**guarded) as server, opened(browser, server.http, wait="#token") as page:
        give_token(page, "guess")
        expect(page, "#problem-title", re.compile("not the server"))
        give_token(page, "sesame")
        page.wait_for_selector("[data-connection=connected]")
        page.get_by_role("alert").wait_for(state="hidden")
        page.click("#free")
        page.wait_for_selector("body.speaking")
        server.kill()
        page.wait_for_selector("[data-connection=lost]")
        again = start(port=server.port, **guarded)
        try:
            (answer, *_) = answers(page, 1)
            assert answer["final"]["hits"][0]["id"] == five[0].item
            insecure(browser, f"http://page.test:{server.port}")
        finally:
            again.stop()


def give_token(page, token):
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Connect").click()


def insecure(browser, url):
    with opened(browser, url, wait="[data-connection=lost]") as page:
        expect(page, "#status", re.compile("^Too many connections. Trying again"))
        page.click("#mic")
        expect(page, "#problem-title", re.compile("keeps the microphone"))
        assert "localhost" in page.locator("#problem-advice").inner_text()
