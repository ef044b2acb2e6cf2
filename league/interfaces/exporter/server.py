"""The port that Prometheus scrapes. Connections are bounded, in number and in how long they may keep a thread."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from league.interfaces.exporter.collector import LeagueCollector
from league.listening import refusals

MOST: Final = 64
"""Connections at once; one more takes the place of the oldest, so that half-open ones keep nobody away."""
SILENT_S: Final = 10.0
"""A client that sends nothing for so long is hung up on."""


class _Handler(WSGIRequestHandler):
    timeout = SILENT_S

    def log_message(self, format: str, *args: Any) -> None:
        """Scrapes are not worth a line each."""


class _Server(ThreadingWSGIServer):
    request_queue_size = MOST  # Of five, the default, who comes with many others waits for seconds.

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._open: dict[socket.socket, None] = {}
        """The oldest first."""
        self._lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own."""
        with self._lock:
            oldest = next(iter(self._open)) if len(self._open) >= MOST else None
            if oldest is not None:
                del self._open[oldest]
                with contextlib.suppress(OSError):  # It has just been closed.
                    oldest.shutdown(socket.SHUT_RDWR)  # Which ends its thread.
            self._open[request] = None
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer one request, in the thread of its connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._open.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever hangs up, or was hung up on, is no error of ours."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def serve(collector: LeagueCollector, host: str, port: int) -> WSGIServer:
    """Answer scrapes in a thread, port 0 on any free port; raises `LeagueError` if the port cannot be had."""
    registry = CollectorRegistry()
    registry.register(collector)
    with refusals(host, port):

        class Server(_Server):
            address_family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]

        server = make_server(host, port, make_wsgi_app(registry), Server, _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
