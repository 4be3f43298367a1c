import threading

import pytest

from speechsearch import Answer, SpeechStarted, SyncClient
from speechsearch.audio.player import Player, read_audio
from speechsearch.errors import OutOfOrder, ServerUnavailable


def test_the_twin_hears_searches_and_ends_its_thread(server, fixtures):
    spoken = fixtures.queries[0]
    with SyncClient(server.url) as client:
        heard = [event for event in client.hear(spoken.path) if isinstance(event, Answer)]
        assert [answer.hits[0].id for answer in heard] == [spoken.item]
        client.opened(heard[0], heard[0].hits[0])
        assert client.search("emma")[0].title == "Emma"
    assert "speechsearch" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(OutOfOrder):
        client.search("emma")


def test_a_loop_may_be_left_in_the_middle_and_another_begun(server, fixtures):
    sound = read_audio(fixtures.queries[0].path)
    with SyncClient(server.url) as client:
        for event in client.hear(Player(sound, tail_s=10)):
            if isinstance(event, SpeechStarted):
                break
        assert client.answers(sound, 16_000)


def test_a_client_that_is_closed_ends_the_loops_of_this_and_other_threads(server, fixtures):
    sound = read_audio(fixtures.queries[0].path)
    heard = threading.Event()

    def follow():
        for _ in client.hear(Player(sound, tail_s=10)):
            heard.set()

    with SyncClient(server.url) as client:
        following = threading.Thread(target=follow)
        following.start()
        assert heard.wait(10)
    following.join(10)
    assert not following.is_alive()
    with SyncClient(server.url) as client:
        events = client.hear(Player(sound, tail_s=10))
        assert next(events)
    assert list(events) == []


def test_an_error_at_the_beginning_leaves_no_thread_behind():
    with pytest.raises(ServerUnavailable), SyncClient("ws://127.0.0.1:9"):
        pass
    assert "speechsearch" not in {thread.name for thread in threading.enumerate()}
