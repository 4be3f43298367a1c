from speechsearch.wire.address import socket_url, stream_url


def test_addresses_of_both_families_make_a_url():
    assert socket_url("127.0.0.1", 1) == "ws://127.0.0.1:1/v1/stream"
    assert socket_url("::1", 1) == "ws://[::1]:1/v1/stream"


def test_an_address_may_be_given_as_people_write_it():
    for given in (
        "127.0.0.1:8765", "ws://127.0.0.1:8765", "http://127.0.0.1:8765/",
        "ws://127.0.0.1:8765/v1/stream", " 127.0.0.1:8765 ",
    ):  # fmt: skip
        assert stream_url(given) == "ws://127.0.0.1:8765/v1/stream"
    assert stream_url("https://books.example") == "wss://books.example/v1/stream"
    assert stream_url("[::1]:8765") == "ws://[::1]:8765/v1/stream"
