import httpx
import pytest


def test_the_server_says_that_it_is_alive_and_ready(server):
    assert httpx.get(f"{server.http}/healthz").text == "ok\n"
    assert httpx.get(f"{server.http}/readyz").status_code == 200


def test_a_typed_search_finds_the_book(server):
    answer = httpx.get(f"{server.http}/v1/search", params={"q": "treasure island"}).json()
    assert answer["hits"][0]["title"] == "Treasure Island"
    assert answer["hits"][0]["why"] == "text"
    assert "search" in answer["timings_ms"]


def test_the_limit_of_a_typed_search_is_kept(server):
    query = {"q": "the", "limit": 2}
    assert len(httpx.get(f"{server.http}/v1/search", params=query).json()["hits"]) <= 2


@pytest.mark.parametrize(
    "query",
    [{}, {"q": " "}, {"q": "x" * 501}, {"q": "x", "limit": 0}, {"q": "x", "limit": "many"}],
)
def test_a_query_that_makes_no_sense_is_refused_with_a_hint(server, query):
    answer = httpx.get(f"{server.http}/v1/search", params=query)
    assert answer.status_code == 400
    assert answer.json()["hint"]


def test_query_syntax_is_only_text(server):
    for query in ('"', "title:(", "a AND", "+-&|!(){}[]^~*?:\\/", "\0", "🙂"):
        assert httpx.get(f"{server.http}/v1/search", params={"q": query}).status_code == 200


def test_metrics_have_a_histogram_per_stage_with_a_boundary_at_every_target(server):
    httpx.get(f"{server.http}/v1/search", params={"q": "emma"})
    text = httpx.get(f"{server.http}/metrics").text
    for target_s in ("0.03", "0.1", "0.5", "0.7"):
        assert f'speechsearch_stage_seconds_bucket{{le="{target_s}"' in text
    assert 'stage="search"' in text


def test_a_web_page_of_another_site_is_refused(server):
    answer = httpx.get(f"{server.http}/healthz", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert answer.json()["code"] == "unauthorized"


def test_the_servers_own_page_may_ask(server):
    assert httpx.get(f"{server.http}/healthz", headers={"Origin": server.http}).is_success


def test_a_name_that_is_not_ours_is_refused_so_that_dns_rebinding_fails(server):
    answer = httpx.get(f"{server.http}/healthz", headers={"Host": "evil.example"})
    assert answer.status_code == 403
