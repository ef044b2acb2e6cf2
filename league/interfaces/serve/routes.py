"""The HTTP side: four paths, headers that say who answers, and errors as JSON."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from pydantic_core import to_json
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from league.errors import RequestError
from league.games.base import GameSpec
from league.installation import version
from league.interfaces.serve.batching import Answer, Batcher
from league.interfaces.serve.following import Follower, Served
from league.interfaces.serve.question import Question, read_question
from league.interfaces.serve.whole import announced

VERSION: Final = version()
PATHS: Final = "GET /, POST /act, GET /healthz, GET /readyz"
INLINE_BYTES: Final = 64 * 1024
"""A larger body is parsed in a thread, so that others need not wait for it."""
RETRY_AFTER_S: Final = 1
STARTING_S: Final = 5.0
"""For so long after its start a replica without a champion keeps requests, before it refuses them."""

log = logging.getLogger("ray.serve")


def routes(follower: Follower, batcher: Batcher, max_body: int) -> Starlette:
    """The ASGI application of one replica; bodies of more than `max_body` bytes are refused."""

    def ready() -> GameSpec:
        spec, reason = follower.spec, follower.not_ready()
        if spec is None or reason is not None:
            raise RequestError(503, f"no champion is loaded yet: {reason}")
        return spec

    async def act(request: Request) -> Response:
        _check_type(request)
        body = await _read(request, max_body)
        await _first_champion(follower)
        spec = ready()
        if len(body) > INLINE_BYTES:
            question = await asyncio.to_thread(read_question, body, spec)
        else:
            question = read_question(body, spec)
        if follower.served is not None and follower.served.searching is not None:
            follower.served.searching.check(question)
        found = await batcher.ask(question)
        return _json(_body(question, found), headers=_names(found.served))

    async def about(request: Request) -> Response:
        return _json(_about(follower, max_body))

    async def healthz(request: Request) -> Response:
        return _json({"status": "alive"})

    async def readyz(request: Request) -> Response:
        ready()
        return _json({"status": "ready"})

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        follower.stop()

    return Starlette(
        routes=[
            Route("/", about),
            Route("/act", act, methods=["POST"]),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
        ],
        middleware=[Middleware(_Stamp, follower=follower)],
        exception_handlers={RequestError: _refused, HTTPException: _unknown, Exception: _failed},
        lifespan=lifespan,
    )


def _check_type(request: Request) -> None:
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "application/json":
        raise RequestError(415, f"Content-Type is {kind[:60]!r}: must be application/json", "Content-Type")
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise RequestError(415, f"Content-Encoding is {encoding[:60]!r}: send the body as it is", "Content-Encoding")


async def _first_champion(follower: Follower) -> None:
    """Requests that meet a replica which has only just started wait until it has its champion, not for long."""
    while follower.served is None and time.monotonic() < follower.started + STARTING_S:
        await asyncio.sleep(0.01)


async def _read(request: Request, most: int) -> bytes:
    """The body; raises `RequestError` 413 as soon as it is known to be too long, without reading on."""
    if (length := announced(request.headers)) > most:
        raise RequestError(413, f"the body has {length} bytes: at most {most} are read; send fewer positions")
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > most:
                raise RequestError(413, f"the body has more than {most} bytes; send fewer positions")
            parts.append(part)
    except ClientDisconnect as error:
        raise RequestError(400, "the connection was closed before the body was complete") from error
    return b"".join(parts)


def _body(question: Question, found: Answer) -> dict[str, Any]:
    if question.many:
        beside = {"values" if name == "value" else name: rows for name, rows in found.beside.items()}
        return {"actions": found.actions, **beside, "policy": found.served.name}
    beside = {name: rows[0] for name, rows in found.beside.items()}
    return {"action": found.actions[0], **beside, "policy": found.served.name}


def _about(follower: Follower, max_body: int) -> dict[str, Any]:
    """What is served, what it takes, and what is wrong if something is."""
    served, spec = follower.served, follower.spec
    return {
        "policy": served and served.name,
        "sha256": served and served.promotion.digest,
        "promoted_s": served and served.promotion.promoted_s,
        "promoted_by": served and served.promotion.by,
        "reason": served and served.promotion.reason,
        "served_since_s": served and served.since_s,
        "league": follower.league,
        "game": spec and spec.name,
        "seats": spec and spec.seats,
        "observation_shape": spec and spec.shape,
        "actions": spec and spec.actions,
        "samples": spec and not spec.deterministic,
        "device": follower.device,
        "search": follower.search,
        "max_body_bytes": max_body,
        "version": VERSION,
        "ready": served is not None,
        "loading": follower.loading,
        "store_error": follower.store_error,
        "champion_refused": follower.refused,
    }


def _names(served: Served | None) -> dict[str, str]:
    if served is None:
        return {}
    policy = quote(served.name, safe=":/@+,")
    return {"League-Policy": policy, "League-Policy-Sha256": served.promotion.digest}


def _json(data: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(to_json(data), status, headers, "application/json")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    body = {"error": str(error), "where": error.where}
    retry = {"Retry-After": str(RETRY_AFTER_S)} if error.status == 503 else None
    return _json(body, error.status, retry)


async def _unknown(request: Request, error: Exception) -> Response:
    """No such path, or no such method on it."""
    assert isinstance(error, HTTPException)
    path = request.url.path[:60]
    what = f"no path {path!r}" if error.status_code == 404 else f"{path!r} does not take {request.method}"
    return _json({"error": f"{what}: there are {PATHS}", "where": None}, error.status_code, error.headers)


async def _failed(request: Request, error: Exception) -> Response:
    log.error("a request failed", exc_info=error)
    return _json({"error": "this is a bug of the server: its log says more", "where": None}, 500)


class _Stamp:
    """Names the project's version and the policy in the headers of every answer."""

    def __init__(self, app: ASGIApp, follower: Follower) -> None:
        self._app = app
        self._follower = follower

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in {"League-Version": VERSION, **_names(self._follower.served)}.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, stamped)
