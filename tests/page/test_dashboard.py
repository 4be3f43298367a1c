"""The dashboard in real Chromium, against a real server that somebody speaks to."""

import asyncio
import json
import re
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest

from speechsearch import Client
from speechsearch.server.page import MEDIA_TYPES
from tests.page.browser import chromium, expect, opened, playwright
from tests.page.node import FILES
from tests.serving import serving

DASHBOARD = FILES.parent / "dashboard_files"
LIVE = "[data-state=live]"


@pytest.fixture(scope="module")
def browser():
    with playwright() as running, chromium(running) as started:
        yield started


@pytest.fixture(scope="module")
def spoken_to(fixtures, tmp_path_factory):
    """A server with some traffic, whose null transcripts alarm at once."""
    config = tmp_path_factory.mktemp("settings") / "speechsearch.toml"
    config.write_text(
        "[monitoring]\ncheck_s = 0.5\n[monitoring.thresholds.null_transcript]\n"
        "alert = 0.3\nwarning = 0.1\nclear = 0.05\nleast = 3\n"
    )
    with serving(SPEECHSEARCH_CONFIG=str(config)) as server:
        in_a_thread(speak(server, [one.path for one in fixtures.queries[:4]]))
        yield server


def in_a_thread(work):
    """Playwright keeps a loop running in ours."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


async def speak(server, paths):
    async with Client(server.url) as client:
        for path in paths:
            answers = await client.answers(path)
            if answers and answers[0].hits:
                await client.opened(answers[0], answers[0].hits[0])


def post(server, path, **body):
    return httpx.post(f"{server.http}/v1/alarms/{path}", json=body)


def test_the_path_is_drawn_with_its_numbers_charts_and_bands(browser, spoken_to):
    with opened(browser, f"{spoken_to.http}/dashboard", wait=LIVE) as page:
        page.wait_for_selector("figure[data-series=level_dbfs] canvas")
        stages = page.locator("#pipeline h3").all_inner_texts()
        assert stages == [
            "microphone", "speech detector", "connection", "recognition", "search", "the person",
        ]  # fmt: skip
        assert page.locator("#pipeline [data-health=ok]").count() >= 4
        assert "of 500 ms" in page.locator("#budget-now").inner_text()
        assert page.locator("#budget-bar span").count() >= 1
        figure = page.locator("figure[data-series=level_dbfs]")
        assert "usual -45.0 dBFS to -10.0 dBFS, n 4" in figure.inner_text()
        rows = page.locator("#utterances tbody tr").all_inner_texts()
        assert len(rows) == 4
        assert all("clicked" in row for row in rows)
        assert "collected: 4 of 1000" in page.locator("#drift-about").inner_text()
        assert "garden" not in page.locator("main").inner_text().lower()


def test_an_alarm_appears_is_looked_after_and_silenced(browser, spoken_to):
    with opened(browser, f"{spoken_to.http}/dashboard", wait=LIVE) as page:
        expect(page, "#calm", re.compile("No alarm"))
        post(spoken_to, "test").raise_for_status()
        alarm = page.locator("#in-force li[data-rule=test]")
        alarm.wait_for()
        assert "if this reached you" in alarm.inner_text()
        alarm.get_by_role("button", name="I look after it").click()
        alarm.get_by_text("dashboard looks after it").wait_for()
        alarm.get_by_role("button", name="Silence").click()
        alarm.get_by_text(re.compile("silenced until")).wait_for()
        page.get_by_text("History", exact=True).click()
        assert "if this reached you" in page.locator("#past").inner_text()


def test_empty_transcripts_alarm_and_the_stage_turns_red(browser, spoken_to, fixtures):
    with opened(browser, f"{spoken_to.http}/dashboard", wait=LIVE) as page:
        noises = [one.path for one in fixtures.empty]
        in_a_thread(send_as_speech(spoken_to, noises * 3))
        page.locator("#in-force li[data-rule=null_transcript]").wait_for()
        page.locator("#pipeline [data-stage=asr][data-health=alert]").wait_for()


async def send_as_speech(server, paths):
    """Noise that a client takes for speech, whole: a detector that hears too much."""
    from websockets.asyncio.client import connect

    from speechsearch.audio.player import read_audio
    from speechsearch.wire import messages as m
    from speechsearch.wire.codec import AudioFrame, encode_audio, encode_message, to_pcm

    async with connect(server.url) as socket:
        await socket.send(encode_message(m.Hello(protocol=m.PROTOCOL)))
        await socket.recv()
        position = 0
        for number, path in enumerate(paths, 1):
            pcm = to_pcm(read_audio(path)[:32_000])
            start = m.SpeechStart(utterance=number, start_sample=position)
            await socket.send(encode_message(start))
            for at in range(0, len(pcm), 16_000):
                piece = AudioFrame(number, position + at, pcm[at : at + 16_000])
                await socket.send(encode_audio(piece))
            position += len(pcm)
            end = m.SpeechEnd(utterance=number, end_sample=position)
            await socket.send(encode_message(end))
            while json.loads(await socket.recv())["type"] not in ("nothing", "final", "error"):
                pass
            position += 32_000


def test_the_watch_itself_shows_limits_with_their_origin_and_what_never_moved(browser, spoken_to):
    with opened(browser, f"{spoken_to.http}/dashboard", wait=LIVE) as page:
        page.get_by_text("Limits in force").click()
        limits = page.locator("#thresholds").inner_text()
        assert "speechsearch.toml" in limits
        assert "slo_burn_3d" in limits
        post(spoken_to, "test").raise_for_status()
        page.get_by_text("Alarms that were acted on").click()
        page.locator("#still dt").first.wait_for()
        still = page.locator("#still").inner_text()
        assert "alarms that never fired" in still
        assert "overruns" in still


def test_spans_change_by_keyboard_and_everything_has_a_name(browser, spoken_to):
    with opened(browser, f"{spoken_to.http}/dashboard", wait=LIVE) as page:
        page.wait_for_selector("figure canvas")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className").startswith("unseen")
        page.get_by_role("button", name="1 d").focus()
        with page.expect_request(re.compile("span=86400")):
            page.keyboard.press("Enter")
        assert page.get_by_role("button", name="1 d").get_attribute("aria-pressed") == "true"
        nameless = """() => [
            ...document.querySelectorAll("button, input, [role=img], [role=region]")]
            .filter((one) => one.offsetParent && !one.textContent.trim() && !one.ariaLabel &&
                             !one.labels?.length).map((one) => one.outerHTML)"""
        assert page.evaluate(nameless) == []
        assert page.locator("main section:not([aria-labelledby])").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_is_wider_than_the_screen_and_text_can_be_read(
    browser, spoken_to, scheme
):
    phone = {"viewport": {"width": 360, "height": 740}, "color_scheme": scheme}
    with opened(browser, f"{spoken_to.http}/dashboard", wait=LIVE, **phone) as page:
        page.wait_for_selector("figure canvas")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        for selector in ("h2", "#pipeline p", ".small", "#in-force strong", "th"):
            contrast = page.evaluate(CONTRAST, selector)
            assert contrast is None or contrast >= 4.5, (selector, contrast)


CONTRAST = """(selector) => {
  const element = [...document.querySelectorAll(selector)].find((one) => one.offsetParent);
  if (!element) return null;
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) =>
      (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let under = element;
  const clear = (one) => (parse(getComputedStyle(one).backgroundColor)[3] ?? 1) === 0;
  while (under && clear(under)) under = under.parentElement;
  under ??= document.documentElement;
  const back = light(parse(getComputedStyle(under).backgroundColor).slice(0, 3));
  const front = light(parse(getComputedStyle(element).color).slice(0, 3));
  return (Math.max(back, front) + 0.05) / (Math.min(back, front) + 0.05);
}"""


def test_where_the_server_has_a_token_the_numbers_need_it(browser):
    with (
        serving(SPEECHSEARCH_SERVER__TOKEN="sesame") as server,
        opened(browser, f"{server.http}/dashboard", wait="#token") as page,
    ):
        page.get_by_label("The numbers need the server's token").fill("sesame")
        page.get_by_role("button", name="Show").click()
        page.wait_for_selector(LIVE)
        page.complaints[:] = [one for one in page.complaints if "401" not in one]


def test_nothing_is_loaded_from_elsewhere(browser, spoken_to):
    with opened(browser, "about:blank", wait="") as page:
        asked = []
        page.on("request", lambda request: asked.append(urlsplit(request.url).netloc))
        page.goto(f"{spoken_to.http}/dashboard")
        page.wait_for_selector("figure canvas")
        assert set(asked) == {urlsplit(spoken_to.http).netloc}


@pytest.mark.parametrize("name", sorted(path.name for path in DASHBOARD.iterdir()))
def test_every_file_is_served_with_the_policy_and_names_no_other_site(server, name):
    if name.endswith("LICENSE"):
        assert "MIT" in (DASHBOARD / name).read_text()
        return
    path = "/dashboard" if name == "index.html" else f"/dashboard/{name}"
    with urllib.request.urlopen(server.http + path) as answer:
        assert answer.read() == (DASHBOARD / name).read_bytes()
        assert answer.headers["content-type"] == MEDIA_TYPES[f".{name.rpartition('.')[2]}"]
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    if not name.startswith("uplot"):
        assert "://" not in (DASHBOARD / name).read_text()


def test_a_screen_that_is_turned_keeps_its_charts(browser, spoken_to):
    with opened(browser, f"{spoken_to.http}/dashboard", wait=LIVE) as page:
        page.wait_for_selector("figure[data-series=level_dbfs] canvas")
        page.route("**/v1/monitoring*", lambda route: route.abort())
        page.set_viewport_size({"width": 390, "height": 844})
        canvas = "document.querySelector('figure[data-series=level_dbfs] canvas')"
        page.wait_for_function(f"() => {canvas}?.clientHeight < 90")
        page.complaints.clear()
