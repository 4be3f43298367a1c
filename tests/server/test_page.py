import re

import httpx
import pytest

from speechsearch.server.page import MEDIA_TYPES
from tests.page.node import FILES

ASSETS = sorted(path.name for path in FILES.iterdir() if path.name != "index.html")


def test_the_page_may_load_nothing_from_elsewhere_and_be_framed_by_nobody(server):
    answer = httpx.get(server.http)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(
        part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert set(policy.values()) == {"'none'", "'self'"}
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ASSETS)
def test_every_file_of_the_page_is_served_from_the_package(server, name):
    answer = httpx.get(f"{server.http}/assets/{name}")
    assert answer.content == (FILES / name).read_bytes()
    assert answer.headers["content-type"] == MEDIA_TYPES[f".{name.rpartition('.')[2]}"]
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize("name", ["index.html", *ASSETS])
def test_no_file_names_another_site(name):
    addresses = re.findall(
        r"(?:https?:|[\"'(])//[a-z0-9.-]+\.[a-z]{2,}[^\s\"']*", (FILES / name).read_text()
    )
    assert [one for one in addresses if "www.w3.org" not in one] == []


def test_what_the_browser_has_already_is_not_sent_again(server):
    first = httpx.get(server.http)
    again = httpx.get(server.http, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_nothing_but_its_files_is_served(server):
    for path in ("/assets/", "/assets/../page.py", "/assets/%2e%2e/app.py", "/page_files/main.js"):
        assert httpx.get(server.http + path).status_code == 404


def test_the_page_itself_holds_no_secret_and_needs_no_token_but_a_name_of_ours(server):
    assert httpx.get(server.http, headers={"Host": "evil.example"}).status_code == 403
