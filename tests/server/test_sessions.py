import asyncio

from speechsearch.server.sessions import Sessions
from speechsearch.wire import messages as m

NEW = m.Hello(protocol=m.PROTOCOL)


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


async def send(_text):
    pass


def held_by(window_s, max_held, clock=lambda: 0.0):
    return Sessions(lambda _held, _hello: None, window_s, max_held, clock)


def resume(held):
    request = m.ResumeRequest(token=held.session.resume_token)
    return m.Hello(protocol=m.PROTOCOL, resume=request)


def test_a_session_is_found_again_within_the_window_and_not_after_it():
    clock = Clock()
    sessions = held_by(60, 10, clock)
    held, resumed = sessions.take(NEW)
    assert not resumed
    held.send_text = send
    sessions.detach(held, send)
    clock.now_s = 59
    assert sessions.take(resume(held)) == (held, True)
    sessions.detach(held, send)
    clock.now_s = 200
    again, resumed = sessions.take(resume(held))
    assert not resumed
    assert again is not held


def test_a_session_with_a_socket_is_never_forgotten():
    clock = Clock()
    sessions = held_by(60, 1, clock)
    held, _ = sessions.take(NEW)
    held.send_text = send
    clock.now_s = 1000
    sessions.take(NEW)
    assert sessions.take(resume(held)) == (held, True)


def test_the_oldest_without_a_socket_go_first_when_there_are_too_many():
    clock = Clock()
    sessions = held_by(60, 2, clock)
    for _ in range(5):
        held, _ = sessions.take(NEW)
        held.send_text = send
        sessions.detach(held, send)
        clock.now_s += 1
    assert sessions.take(resume(held)) == (held, True)


def test_a_socket_that_was_replaced_does_not_detach_its_successor():
    sessions = held_by(60, 2)
    held, _ = sessions.take(NEW)

    async def newer(_text):
        pass

    held.send_text = newer
    sessions.detach(held, send)
    assert held.send_text is newer


async def test_a_client_that_reads_nothing_any_more_is_let_go():
    sessions = held_by(60, 2)
    held, _ = sessions.take(NEW)

    async def broken(_text):
        raise OSError

    held.send_text = broken
    await held.send(m.Warn(code="x", message="y"))
    assert held.send_text is None
    await held.send(m.Warn(code="x", message="y"))
    async with asyncio.timeout(1):
        await sessions.idle()
