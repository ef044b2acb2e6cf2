"""What stands before Ray Serve in whoever listens, a replica or its proxy: only whole, readable requests come in.

Ray Serve counts a request from its head on, so half a body would hold one of the places that a replica has for
requests, and it keeps whatever comes of the bodies of those that wait for a place. It decodes headers as UTF-8, and
fails where they are not.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class WholeRequests:
    """Waits for the body of each request before the application hears of it."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        """`most`: bytes of a body that is waited for; a longer one the application gets as it comes."""
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or none where the client leaves before it is complete."""
        for name, value in scope["headers"]:
            if not _is_utf8(value):
                error = {"error": f"{name.decode()} is {value[:60]!r}: must be UTF-8", "where": name.decode()}
                await JSONResponse(error, 400)(scope, receive, send)
                return
        body = bytearray()
        more = True
        while more and max(len(body), announced(Headers(scope=scope))) <= self._most:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        read: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": more}]
        del body

        async def replayed() -> Message:
            return read.pop() if read else await receive()

        await self._app(scope, replayed, send)


def announced(headers: Headers) -> int:
    """Bytes of the body, as its sender says; 0 where it does not."""
    length = headers.get("content-length", "")
    return int(length[:20]) if length.isascii() and length.isdigit() else 0


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
