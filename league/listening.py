"""Listening on an address: the socket, its part of a URL, and the refusal in words where the address cannot be had."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator

from league.errors import LeagueError


@contextlib.contextmanager
def refusals(host: str, port: int) -> Iterator[None]:
    """Turn what the system says against listening in the block into a `LeagueError` for people."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise LeagueError(f"port {port} on {host} is taken: give another --port") from error
        raise LeagueError(f"cannot listen on {host}, port {port}: {error.strerror}") from error


def listen(host: str, port: int) -> socket.socket:
    """A TCP socket that listens, port 0 on any free port; raises `LeagueError` if the address cannot be had."""
    with refusals(host, port), contextlib.ExitStack() as closing:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = closing.enter_context(socket.socket(family, kind, protocol))
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
        closing.pop_all()
    return listening


def origin(host: str, port: int) -> str:
    """The start of the URLs of somebody who answers over HTTP there, without a slash; IPv6 addresses get brackets."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
