from speechsearch.wire.address import socket_url


def test_addresses_of_both_families_make_a_url():
    assert socket_url("127.0.0.1", 1) == "ws://127.0.0.1:1/v1/stream"
    assert socket_url("::1", 1) == "ws://[::1]:1/v1/stream"
