"""Ray Serve's proxy, which takes the connections where there are several replicas, as bounded as a single one is."""

from __future__ import annotations

from typing import Any, Final

from starlette.middleware import Middleware
from starlette.types import ASGIApp

from league.connections import bound
from league.interfaces.serve.whole import WholeRequests

CALLBACK: Final = {"RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "league.interfaces.serve.proxy:bounded"}
"""Ray Serve's setting for what its proxies call before they listen; they read it from the environment."""
MOST: Final = 4 * 2**20
"""Bytes of a body that is waited for: a longer one, perhaps of another application, is handed on as it comes."""


def bounded() -> list[Middleware]:
    """Bound the connections of the proxy in this process, and let only whole requests through it that it can read.

    Ray Serve has an option for the second (it wraps its application in what is returned), and none for the first.
    """
    from ray.serve._private import proxy

    listen = proxy.start_asgi_http_server

    async def start(app: ASGIApp, *args: Any, **options: Any) -> Any:
        serving, server = await listen(app, *args, **options)
        bound(server.config)  # Which `serving` reads once it begins.
        return serving, server

    proxy.start_asgi_http_server = start
    return [Middleware(WholeRequests, MOST)]
