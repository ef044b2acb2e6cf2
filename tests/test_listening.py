"""Listening: a port that is taken, an address that is none, and URLs."""

from __future__ import annotations

import pytest

from league.errors import LeagueError
from league.listening import listen, origin, refusals


def test_a_port_that_is_taken() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(LeagueError, match=f"port {port} on 127.0.0.1 is taken: give another --port"):
            listen("127.0.0.1", port)
    with listen("127.0.0.1", port):
        pass


def test_an_address_that_cannot_be_had() -> None:
    with pytest.raises(LeagueError, match=r"cannot listen on no\.such\.host\.invalid, port 80: "):
        listen("no.such.host.invalid", 80)
    with pytest.raises(LeagueError, match="cannot listen on h, port 1: gone"), refusals("h", 1):
        raise OSError(1, "gone")


def test_addresses_as_urls() -> None:
    assert origin("127.0.0.1", 80) == "http://127.0.0.1:80"
    assert origin("::1", 8000) == "http://[::1]:8000"
