"""The page on which people play, served in a thread of the test."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

from league.interfaces.play.host import Host, Wish
from league.interfaces.play.page import Page
from league.interfaces.play.server import Server


@contextlib.contextmanager
def playing(address: str, league: str, **wish: object) -> Iterator[str]:
    """The page's address, with a slash at its end."""
    host = Host(address, league)
    server = Server(Page(host, Wish(**wish), seed=1), host="127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join()
            host.close()
