import asyncio
import json

import httpx

from speechsearch.audio.player import read_audio
from speechsearch.search.embedded import build_index, update_index
from speechsearch.types import Entry
from tests.server.test_sockets import greeted, speak, until
from tests.serving import serving


async def until_found(server, query, wanted):
    """A query waits a tenth of a second for a new version; this machine may be slower."""
    async with asyncio.timeout(20), httpx.AsyncClient() as client:
        while True:
            answer = await client.get(f"{server.http}/v1/search", params={"q": query})
            if [hit["id"] for hit in json.loads(answer.text)["hits"]] == wanted:
                return
            await asyncio.sleep(0.05)


async def test_an_entry_added_changed_or_removed_is_seen_by_the_queries_after_it(
    tmp_path, fixtures
):
    build_index([Entry("moby", "Moby Dick")], tmp_path / "books")
    query = fixtures.queries[0]
    with serving("--index", str(tmp_path / "books")) as server:
        await until_found(server, "pride and prejudice", [])
        update_index(tmp_path / "books", [Entry("pp", "Pride and Prejudice")], ())
        await until_found(server, "pride and prejudice", ["pp"])
        async with greeted(server) as socket:
            await speak(socket, read_audio(query.path))
            assert (await until(socket, "final"))["hits"][0]["id"] == "pp"
        update_index(tmp_path / "books", [Entry("pp", "Persuasion")], ["moby"])
        await until_found(server, "moby dick", [])
        await until_found(server, "persuasion", ["pp"])
