"""Ray Serve's proxy, which takes the connections where there are several replicas, as bounded as a single one is."""

from __future__ import annotations

from typing import Final

import uvicorn
from starlette.middleware import Middleware

from league.connections import bound
from league.interfaces.serve.whole import WholeRequests

CALLBACK: Final = {"RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "league.interfaces.serve.proxy:bounded"}
"""Ray Serve's setting for what its proxies call before they listen; they read it from the environment."""
MOST: Final = 4 * 2**20
"""Bytes of a body that is waited for: a longer one, perhaps of another application, is handed on as it comes."""


class Server(uvicorn.Server):
    """One whose connections are bounded."""

    def __init__(self, config: uvicorn.Config) -> None:
        """As uvicorn makes it."""
        bound(config)
        super().__init__(config)


def bounded() -> list[Middleware]:
    """Bound the connections of the proxy in this process, and let only whole requests through it that it can read.

    Ray Serve wraps its application in what is returned. For connections it has no option, so the server that it will
    start is another one.
    """
    uvicorn.Server = Server  # type: ignore[misc]
    return [Middleware(WholeRequests, MOST)]
