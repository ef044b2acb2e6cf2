"""Who may see the page, and who may promote on it.

What is defended against: another site that makes a visitor's browser promote (its `Origin` is not ours, and it does
not know the token), or read the page by pointing its own name at loopback (DNS rebinding: the `Host` is not ours);
markup in names (no script runs but our own files); a page that frames ours. Beyond loopback the whole page asks for the
token, as the password of HTTP basic authentication.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import ipaddress
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from league.view.visitors import note

HEALTH: Final = "/healthz"
"""Open to all, for probes: says only that the page is up."""

WRONG_S: Final = 1.0
"""How long the answer to a wrong token takes."""
WAITING: Final = 50
"""So many wait for theirs at once; more would keep the connections of others."""
NOTED_EVERY_S: Final = 1.0
"""Wrong tokens have at most one line in so long, which counts them; each is in one."""

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


def address_of(scope: Scope) -> str:
    """Whose connection it is; of a proxy where there is one before the page."""
    client = scope.get("client")
    return client[0] if client else "an unknown address"


def same_token(token: str, given: str) -> bool:
    """Whether the token that was given is ours, compared in constant time."""
    return hmac.compare_digest(token.encode(), given.encode())


def same_origin(headers: Headers) -> bool:
    """Whether a request that changes something comes from a page of ours: browsers always say where it comes from.

    Raises `ValueError` for an origin that is none.
    """
    origin, host = headers.get("origin", ""), headers.get("host", "")
    return bool(host) and urlsplit(origin).netloc.lower() == host.lower()


class WrongTokens:
    """What becomes of those who guess: each waits, and is noted, without the token."""

    def __init__(self) -> None:
        self._waiting = 0
        self._untold = 0
        self._latest = ""
        self._period: asyncio.TimerHandle | None = None
        """Until it is over, wrong tokens are only counted."""

    async def tell(self, scope: Scope) -> None:
        """Somebody has given a wrong one: returns after a while."""
        self._untold += 1
        self._latest = f"{address_of(scope)} for {scope['method']} {scope['path'][:100]!r}"
        if self._period is None:
            self.note()
        if self._waiting < WAITING:
            self._waiting += 1
            try:
                await asyncio.sleep(WRONG_S)
            finally:
                self._waiting -= 1

    def note(self) -> None:
        """Print a line about those of whom none was printed yet, and begin a period; without any end it."""
        self._period = None
        if self._untold:
            times = "" if self._untold == 1 else f", the last of {self._untold} since the line before"
            note(f"wrong token from {self._latest}{times}")
            self._untold = 0
            self._period = asyncio.get_running_loop().call_later(NOTED_EVERY_S, self.note)


class Guard:
    """Stands before the whole page."""

    def __init__(self, app: ASGIApp, *, host: str, token: str, wrong: WrongTokens) -> None:
        """`host`: where the page listens; `wrong` is told of wrong tokens."""
        self._app = app
        self._token = token
        self._wrong = wrong
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

        answer = self._app if scope["path"] == HEALTH else await self._refusal(scope) or self._app
        await answer(scope, receive, send_guarded)

    async def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        fault = _malformed(headers)
        if fault is not None:
            return PlainTextResponse(fault, 400)
        if self._loopback:
            if not is_loopback(_hostname(headers)):
                here = "this page answers to the name of this machine alone: open it on localhost"
                return PlainTextResponse(here, 421)
            return None
        given = _password(headers)
        if same_token(self._token, given):
            return None
        if given:
            await self._wrong.tell(scope)
        challenge = {"WWW-Authenticate": 'Basic realm="league dashboard: any user, the token as password"'}
        return PlainTextResponse("the token, please", 401, challenge)


def _malformed(headers: Headers) -> str | None:
    """Which header is none of its kind; None if all that are read can be."""
    for name, read in (("Host", _hostname), ("Origin", same_origin), ("Authorization", _password)):
        try:
            read(headers)
        except ValueError:
            return f"the header {name} is malformed"
    return None


def _hostname(headers: Headers) -> str:
    """Raises `ValueError` for a host that is none."""
    place = urlsplit(f"//{headers.get('host', '')}")
    _ = place.port
    return place.hostname or ""


def _password(headers: Headers) -> str:
    """Nothing without one, or of another kind of authorization; raises `ValueError` for one that cannot be read."""
    kind, _, word = headers.get("authorization", "").partition(" ")
    return base64.b64decode(word, validate=True).decode().partition(":")[2] if kind.lower() == "basic" else ""
