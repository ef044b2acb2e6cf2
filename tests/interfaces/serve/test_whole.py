"""Whole requests only, and long ones as they come."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytest.importorskip("starlette", reason="needs the extra serve")

from league.interfaces.serve.whole import WholeRequests

Messages = list[dict[str, Any]]


def body(*parts: bytes, more: bool = False) -> Messages:
    """A body in these parts; `more`: without its end."""
    return [
        {"type": "http.request", "body": part, "more_body": more or number < len(parts)}
        for number, part in enumerate(parts, start=1)
    ]


def read(sent: Messages, headers: dict[str, str] | None = None) -> list[bytes] | None:
    """What an application behind it reads of a body, part by part; None where it is never asked."""
    found: list[bytes] | None = None

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal found
        found = []
        more = True
        while more:
            message = await receive()
            found.append(message.get("body", b""))
            more = message.get("more_body", False)

    async def receive() -> Any:
        return sent.pop(0) if sent else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError(message)

    scope = {"type": "http", "headers": [(key.encode(), value.encode()) for key, value in (headers or {}).items()]}
    asyncio.run(WholeRequests(app, 4)(scope, receive, send))
    return found


def test_a_body_comes_whole() -> None:
    assert read(body(b"a", b"b", b"cd")) == [b"abcd"]
    assert read(body(b"")) == [b""]


def test_half_a_body_never_comes() -> None:
    assert read(body(b"a", b"b", more=True)) is None
    assert read([]) is None


def test_a_long_body_comes_as_it_is_sent_and_none_of_it_is_lost() -> None:
    assert read(body(b"abc", b"def", b"ghi", b"j")) == [b"abcdef", b"ghi", b"j"]
    assert read(body(b"abc", b"def"), {"content-length": "6"}) == [b"", b"abc", b"def"]
