"""A league's page, served in a thread of the test."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence

from league.interfaces.web.app import Server

TOKEN = "the-token-of-these-tests"


@contextlib.contextmanager
def serving(
    address: str, league: str, host: str = "127.0.0.1", play_url: str | None = None, beside: Sequence[str] = ()
) -> Iterator[str]:
    """The page's address, without a slash at its end; `host`: where it believes to listen."""
    server = Server(address, league, host=host, token=TOKEN, play_url=play_url, beside=beside)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
