"""Who may see the page, and who may promote on it.

What is defended against: another site that makes a visitor's browser promote (its `Origin` is not ours, and it does
not know the token), or read the page by pointing its own name at loopback (DNS rebinding: the `Host` is not ours);
markup in names (no script runs but our own files); a page that frames ours. Beyond loopback the whole page asks for the
token, as the password of HTTP basic authentication.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEALTH: Final = "/healthz"
"""Open to all, for probes: says only that the page is up."""

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def is_loopback(host: str) -> bool:
    """Whether a name or an address means this machine alone."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def same_token(token: str, given: str) -> bool:
    """Whether the token that was given is ours, compared in constant time."""
    return hmac.compare_digest(token.encode(), given.encode())


def same_origin(headers: Headers) -> bool:
    """Whether a request that changes something comes from a page of ours: browsers always say where it comes from."""
    origin, host = headers.get("origin", ""), headers.get("host", "")
    return bool(host) and urlsplit(origin).netloc.lower() == host.lower()


class Guard:
    """Stands before the whole page."""

    def __init__(self, app: ASGIApp, *, host: str, token: str) -> None:
        """`host`: where the page listens."""
        self._app = app
        self._token = token
        self._loopback = is_loopback(host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on with the headers that every answer has."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-cache" if scope["path"].startswith("/static/") else "no-store")
            await send(message)

        answer = self._app if scope["path"] == HEALTH else self._refusal(Headers(scope=scope)) or self._app
        await answer(scope, receive, send_guarded)

    def _refusal(self, headers: Headers) -> PlainTextResponse | None:
        if self._loopback and not is_loopback(_hostname(headers.get("host", ""))):
            return PlainTextResponse("this page answers to the name of this machine alone: open it on localhost", 421)
        if not self._loopback and not same_token(self._token, _password(headers.get("authorization", ""))):
            challenge = {"WWW-Authenticate": 'Basic realm="league dashboard: any user, the token as password"'}
            return PlainTextResponse("the token, please", 401, challenge)
        return None


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _password(authorization: str) -> str:
    kind, _, word = authorization.partition(" ")
    if kind.lower() != "basic":
        return ""
    try:
        return base64.b64decode(word, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
