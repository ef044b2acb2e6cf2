"""Serving the page on which people play."""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
from typing import Final
from urllib.parse import urlsplit

import gradio as gr
import uvicorn
from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from league.connections import bound
from league.interfaces.play.layout import blocks, style, theme
from league.interfaces.play.page import Page

CLOSING_S: Final = 1
"""Whoever is being answered has so long once the server was told to end."""
_CLOSED: Final = ("/gradio_api/upload", "/gradio_api/stream", "/gradio_api/component_server", "/monitoring")
"""What Gradio answers and no part of this page uses: nobody leaves files here."""


class Guard:
    """Stands before the page: no uploads, no frames of other sites, and on loopback no other name for this machine."""

    def __init__(self, app: ASGIApp, *, host: str) -> None:
        """`host`: where the page listens."""
        self._app = app
        self._loopback = _is_loopback(host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "same-origin"
            await send(message)

        if scope["path"].startswith(_CLOSED):
            return await PlainTextResponse("there is no such page", 404)(scope, receive, send)
        if self._loopback and not _is_loopback(_hostname(Headers(scope=scope))):
            text = "this page answers to the name of this machine alone: open it on localhost"
            return await PlainTextResponse(text, 421)(scope, receive, send)
        await self._app(scope, receive, send_guarded)


class Server(uvicorn.Server):
    """Serves a page; ends in order, as uvicorn does."""

    def __init__(self, page: Page, *, host: str) -> None:
        """`host`: where it listens."""
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
        site = gr.mount_gradio_app(
            FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
            blocks(page),
            path="",
            footer_links=[],
            run_history=False,
            show_error=True,
            max_file_size=1,
            ssr_mode=False,
            theme=theme(),
            css=style(),
        )
        config = uvicorn.Config(
            Guard(site, host=host),
            log_config=None,  # Its own would end every handler of this process first.
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=CLOSING_S,
        )
        bound(config)
        super().__init__(config)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End in order; tabs that listen for news are cut off, which is no error."""
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        await super().shutdown(sockets)


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _hostname(headers: Headers) -> str:
    try:
        return urlsplit(f"//{headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""
