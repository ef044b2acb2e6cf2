"""Connections over HTTP: how many a server has at once, and for how long one may keep it waiting for a request.

Uvicorn bounds requests, not connections, and lets a client take for ever to send one. Here each connection has a
deadline for the whole of its request, and where there are too many, whoever has kept us waiting longest makes room: so
half-open requests, however many, keep nobody else away.
"""

from __future__ import annotations

import asyncio
import functools
import resource
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

MOST: Final = 1000
"""Connections at once; fewer where a process may not have twice as many files open."""
REQUEST_S: Final = 10.0
"""From a request's first byte, or the beginning of a connection, to its end, and longer for a long body: see `RATE`."""
RATE: Final = 16 * 1024
"""Bytes a second at which a body may come at the slowest."""
HEAD_BYTES: Final = 64 * 1024
"""Of a request's line and headers."""


class Bounded(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """One connection, which gives up when its request does not come."""

    def __init__(self, *args: Any, most: int, **options: Any) -> None:
        """`most`: connections of the server at once; the rest is uvicorn's."""
        super().__init__(*args, **options)
        self._most = most
        self._deadline: asyncio.TimerHandle | None = None
        self._since = self.loop.time()
        self._head = self._body = 0
        """Bytes of the request under way."""

    @property
    def waits(self) -> bool:
        """Whether it is the client's turn: to begin a request, or to send the rest of one."""
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request; where there are too many connections, in the place of another one."""
        super().connection_made(transport)
        if len(self.connections) > self._most:
            waiting = [one for one in self.connections if one is not self and one.waits]
            self.connections.discard(self)
            if not waiting:
                self._refuse("503 Service Unavailable")
                return
            self.connections.add(self)
            min(waiting, key=lambda one: one._since)._give_up()
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Take some bytes of a request."""
        if self.cycle is None or self.cycle.response_complete:
            self._head += len(data)
        elif self.cycle.more_body:
            self._body += len(data)
        super().data_received(data)
        if not self.waits:
            self._forget()
        elif self._head > HEAD_BYTES and (self.cycle is None or self.cycle.response_complete):
            self._refuse("431 Request Header Fields Too Large")
        else:
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is waited for any more."""
        self._forget()
        super().connection_lost(exc)

    def _expect(self) -> None:
        """Give up unless the request is complete in time."""
        if self._deadline is None:
            self._since = self.loop.time()
        else:
            self._deadline.cancel()
        self._deadline = self.loop.call_at(self._since + REQUEST_S + self._body / RATE, self._give_up)

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline, self._head, self._body = None, 0, 0

    def _give_up(self) -> None:
        self.connections.discard(self)
        self._refuse("408 Request Timeout")

    def _refuse(self, status: str) -> None:
        """Answer in one line, unless an answer is under way, and hang up."""
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode())
        self.transport.close()


def bound(config: uvicorn.Config) -> None:
    """Let a server that has not started yet have such connections only."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST if files == resource.RLIM_INFINITY else min(MOST, files // 2)
    config.http, config.ws = functools.partial(Bounded, most=most), "none"  # type: ignore[assignment]
