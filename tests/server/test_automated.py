"""What may be done with answers where clients leave that to the server."""

import json

import pytest
from websockets.asyncio.client import connect

from speechsearch.automation import Catalogue
from speechsearch.config import AutomationOptions
from speechsearch.server.automated import Automated, Automations
from speechsearch.wire import messages as m
from speechsearch.wire.codec import encode_message
from tests.test_automation import final


def click(hit, utterance=1):
    return m.Feedback(utterance=utterance, action="click", hit=hit)


@pytest.fixture
def catalogue(tmp_path):
    def at(degree):
        return Catalogue("books", tmp_path / "books.json", AutomationOptions(degree))

    return at


@pytest.mark.parametrize(
    ("degree", "sure", "action"),
    [
        ("human_only", 1.0, "nothing"), ("shadow", 1.0, "compare"), ("assistance", 1.0, "offer"),
        ("partial", 0.95, "open"), ("partial", 0.85, "offer"), ("full", 0.1, "open"),
    ],
)  # fmt: skip
async def test_each_answer_says_what_the_degree_lets_be_done_with_it(
    catalogue, degree, sure, action
):
    session = Automated(Automations(catalogue(degree)))
    assert session.degree == degree
    assert session.answered(final(sure=sure)).action == action


async def test_what_people_did_is_kept_once_they_have_gone(catalogue):
    books = catalogue("partial")
    automations = Automations(books)
    sessions = [Automated(automations) for _ in range(3)]
    for session, hit in zip(sessions, "aab", strict=True):
        session.answered(final())
        session.told(click(hit))
        session.over()
    await automations.close()
    tally = books.load().by_degree["partial"]
    assert (tally.answers, tally.accepted, tally.opened, tally.wrong_opens) == (3, 2, 3, 1)
    sessions[0].over()
    await automations.close()
    assert books.load().by_degree["partial"] == tally, "nothing twice"


async def test_sessions_at_the_same_time_all_count_until_the_degree_is_left(catalogue):
    books = catalogue("full")
    automations = Automations(books)
    sessions = [Automated(automations) for _ in range(100)]
    for session in sessions:
        session.answered(final())
        session.told(click("b"))
        session.over()
    await automations.close()
    kept = books.load()
    assert kept.by_degree["full"].answers == 100
    assert kept.ladder.degree.name == "PARTIAL", "one step down for one degree's harm"
    assert sessions[0].degree == "partial", "who comes back is told so"


async def test_what_the_browser_did_not_let_open_was_not_opened(catalogue):
    books = catalogue("full")
    automations = Automations(books)
    session = Automated(automations)
    session.answered(final())
    session.told(m.Feedback(utterance=1, action="offered"))
    session.told(click("b"))
    session.over()
    await automations.close()
    tally = books.load().by_degree["full"]
    assert (tally.answers, tally.accepted, tally.opened) == (1, 0, 0)


async def test_a_file_that_cannot_be_read_leaves_hits_offered(catalogue, caplog):
    books = catalogue("full")
    books.path.write_text("{")
    automations = Automations(books)
    session = Automated(automations)
    assert session.answered(final()).action == "offer"
    session.told(click("a"))
    session.over()
    await automations.close()
    assert "cannot be read" in caplog.text
    assert books.path.read_text() == "{"


async def test_who_asks_for_the_degree_is_told_it_and_who_does_not_decides_alone(server):
    for asks, degree in ((True, "assistance"), (False, "")):
        hello = m.Hello(protocol=m.PROTOCOL, automation=asks)
        async with connect(server.url, compression=None) as socket:
            await socket.send(encode_message(hello))
            assert json.loads(await socket.recv())["degree"] == degree
