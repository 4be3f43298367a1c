"""A real server, watched: from the sound of a recording to the numbers of the dashboard."""

import time

import httpx
import pytest

from speechsearch import Client
from tests.serving import serving

FAST = {"SPEECHSEARCH_MONITORING__CHECK_S": "0.5"}


def numbers(server, **headers):
    answer = httpx.get(f"{server.http}/v1/monitoring", headers=headers)
    answer.raise_for_status()
    return {one["name"]: one for one in answer.json()["series"]} | {"all": answer.json()}


def exposition(server):
    return httpx.get(f"{server.http}/metrics").text


def until(server, wanted):
    """The numbers, once they are as wanted."""
    for _ in range(100):
        found = numbers(server)
        if wanted(found):
            return found
        time.sleep(0.1)
    raise AssertionError({name: found[name]["count"] for name in found if name != "all"})


async def test_speech_a_click_and_a_report_reach_the_numbers_and_survive_a_restart(
    fixtures, tmp_path
):
    kept = FAST | {"SPEECHSEARCH_MONITORING__FOLDER": str(tmp_path)}
    query = fixtures.queries[0]
    with serving(**kept) as server:
        async with Client(server.url) as client:
            (answer,) = await client.answers(query.path)
            await client.opened(answer, answer.hits[0])
        found = until(server, lambda now: now["clicked"]["count"] and now["all_ms"]["count"])
        assert found["clicked"]["now"] == found["rank_clicked"]["now"] == 1
        for series in ("level_dbfs", "confidence", "decode_ms", "endpoint_ms", "sent_share"):
            assert found[series]["count"] == 1, series
        (utterance,) = found["all"]["utterances"]
        assert utterance["became"] == "clicked"
        versions = found["all"]["versions"]
        assert versions["vad"] == "silero:0.5"
        assert versions["client"].startswith("python ")
        exposed = exposition(server)
        assert 'speechsearch_live_clicked_sum{arm="champion"' in exposed
        assert "process_resident_memory_bytes" in exposed
        assert query.text not in exposed
    with serving(**kept) as server:
        again = numbers(server)
        assert again["clicked"]["count"] == 1
        assert again["all"]["utterances"][0]["id"] == utterance["id"]


async def test_a_query_typed_after_a_spoken_one_is_a_switch(fixtures):
    with serving(**FAST) as server:
        async with Client(server.url) as client:
            await client.answers(fixtures.queries[0].path)
            await client.search("dracula")
        until(server, lambda now: now["typed"]["now"] == 1)


def test_a_server_that_is_not_watched_serves_all_the_same():
    with serving(SPEECHSEARCH_MONITORING__ENABLED="false") as server:
        assert httpx.get(f"{server.http}/v1/monitoring").status_code == 404
        assert httpx.get(f"{server.http}/metrics").status_code == 200


def test_the_numbers_need_the_token_and_a_span_that_can_be(server):
    for span in ("x", "1", "1e12", "nan"):
        assert httpx.get(f"{server.http}/v1/monitoring?span={span}").status_code == 400
    with serving(SPEECHSEARCH_SERVER__TOKEN="sesame") as guarded:
        assert httpx.get(f"{guarded.http}/v1/monitoring").status_code == 401
        assert numbers(guarded, Authorization="Bearer sesame")["all"]["budget_ms"] == 500


@pytest.mark.parametrize("path", ["silence", "ack"])
def test_an_act_that_makes_no_sense_is_refused(server, path):
    for body in (b"", b"[]", b"{" * 10_000, b'{"rule": ""}', b'{"rule": "x", "who": "y", "z": 1}'):
        answer = httpx.post(f"{server.http}/v1/alarms/{path}", content=body)
        assert answer.status_code in (400, 413), body[:20]
