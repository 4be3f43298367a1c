import socket

import pytest

from speechsearch.config import ServerOptions
from speechsearch.errors import ConfigError
from speechsearch.server.run import bind


def test_connections_are_known_as_tcp_so_that_nothing_small_waits_for_an_acknowledgement():
    """asyncio sets TCP_NODELAY on sockets that say so only."""
    with (
        bind(ServerOptions(port=0)) as listening,
        socket.create_connection(listening.getsockname()),
        listening.accept()[0] as accepted,
    ):
        assert accepted.proto == socket.IPPROTO_TCP


def test_an_address_others_can_reach_needs_a_token():
    with pytest.raises(ConfigError, match="token"):
        bind(ServerOptions(host="0.0.0.0", port=0))
