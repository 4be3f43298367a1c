import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.config import UploadOptions
from speechsearch.errors import MalformedMessage, MessageTooLarge, Overloaded, TooSlow
from speechsearch.server import upload
from speechsearch.server.upload import FORM_BYTES, Inflow, Slots, received, sound_limits

OPTIONS = UploadOptions(max_bytes=1000, receive_s=0.5, idle_s=0.2)


def coming(*pieces, pause_s=0.0):
    """An ASGI receive; after the last piece nothing comes any more."""
    left = list(pieces)

    async def receive():
        if not left:
            await asyncio.sleep(60)
        await asyncio.sleep(pause_s)
        body = left.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(left)}

    return receive


async def drain(inflow):
    while not inflow.complete:
        await inflow()


@given(st.lists(st.integers(0, FORM_BYTES), max_size=6))
def test_what_comes_is_counted_and_never_more_than_the_limit_is_taken(sizes):
    most = OPTIONS.max_bytes + FORM_BYTES

    async def take():
        inflow = Inflow(coming(*(bytes(size) for size in sizes), b""), OPTIONS)
        if sum(sizes) <= most:
            await drain(inflow)
            assert inflow.received_bytes == sum(sizes)
        else:
            with pytest.raises(MessageTooLarge) as caught:
                await drain(inflow)
            assert caught.value.hint

    asyncio.run(take())


@pytest.mark.parametrize("pause_s", [0.3, 0.12])
async def test_a_pause_that_is_too_long_and_too_long_in_all_are_both_too_slow(pause_s):
    inflow = Inflow(coming(*[b"x"] * 10, pause_s=pause_s), OPTIONS)
    with pytest.raises(TooSlow, match="too slowly") as caught:
        await drain(inflow)
    assert caught.value.hint


async def test_a_client_that_is_refused_may_finish_but_not_for_ever(monkeypatch):
    monkeypatch.setattr(upload, "LINGER_S", 0.1)
    polite = Inflow(coming(b"x", b"y"), OPTIONS)
    await polite.linger()
    assert polite.complete
    await Inflow(coming(*[b"x"] * 1000, pause_s=0.01), OPTIONS).linger()


def test_a_slot_is_free_again_whatever_happened():
    slots = Slots(1)
    with pytest.raises(ZeroDivisionError), slots.one():
        with pytest.raises(Overloaded, match="1 recordings"), slots.one():
            pass
        raise ZeroDivisionError
    assert slots.taken == 0


def form(*parts):
    lines = [
        b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
        % (name, b'; filename="%s"' % file if file else b"", data)
        for name, file, data in parts
    ]
    return b"".join(lines) + b"--x--\r\n"


def scope(content_type=b"multipart/form-data; boundary=x", **headers):
    more = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
    return {
        "type": "http", "method": "POST", "app": None,
        "headers": [(b"content-type", content_type), *more],
    }  # fmt: skip


async def test_the_file_is_there_within_the_block_under_the_name_it_was_sent_with():
    body = form((b"model", b"", b"whisper-1"), (b"file", "naïve.wav".encode(), b"RIFF" * 9))
    async with received(scope(), Inflow(coming(body[:50], body[50:]), OPTIONS)) as source:
        assert source.name == "naïve.wav"
        assert source.read(0, 99) == b"RIFF" * 9
        assert source.size_bytes == 36
    with pytest.raises(OSError, match="Bad file descriptor"):
        source.read(0, 1)


@given(st.binary(max_size=200), st.integers(0, 250))
def test_whatever_the_body_is_it_is_a_file_or_malformed(data, cut):
    body = form((b"file", b"a.wav", data))[:cut] if cut < 250 else data

    async def take():
        try:
            async with received(scope(), Inflow(coming(body), OPTIONS)) as source:
                assert source.name
        except MalformedMessage as error:
            assert error.hint  # noqa: PT017

    asyncio.run(take())


async def test_a_length_that_is_too_large_is_refused_before_anything_is_read():
    async def never():
        raise AssertionError("it was read")

    with pytest.raises(MessageTooLarge):
        async with received(scope(content_length=b"9000000"), Inflow(never, OPTIONS)):
            pass


def test_the_limits_of_sound_are_those_of_the_settings():
    limits = sound_limits(UploadOptions(max_s=5, max_channels=1))
    assert (limits.max_s, limits.max_channels, limits.whole) == (5, 1, True)
    assert "AIFF" not in limits.formats
