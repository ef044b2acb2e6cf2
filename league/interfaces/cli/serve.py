"""`league serve`: the champion over HTTP, until Ctrl-C."""

from __future__ import annotations

import contextlib
import http.client
import json
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import typer

from league.errors import MissingExtraError
from league.interfaces.cli import options
from league.pool.address import absolute
from league.signals import Interruption, interrupts

LOOK_S: Final = 1.0
"""Between two looks at what is served."""


def serve(
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    host: options.HostOption = "127.0.0.1",
    port: options.PortOption = 8000,
    prefix: Annotated[str, typer.Option(help="Of all paths, to serve several leagues on one cluster.")] = "/",
    replicas: Annotated[int, options.number(least=1, most=10_000, help="Processes that answer, a CPU each.")] = 1,
    device: Annotated[Literal["cpu", "cuda"], typer.Option(help="Where the network computes.")] = "cpu",
    search: options.SearchOption = None,
    max_body_mib: Annotated[
        float, options.number(least=0.001, most=1024, help="Largest body of a request, in MiB.")
    ] = 4.0,
    address: options.AddressOption = None,
) -> None:
    """Serve the champion over HTTP and follow promotions, until Ctrl-C. POST /act answers positions."""
    for package in ("fastapi", "starlette", "uvicorn", "aiohttp", "watchfiles"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "serve")
    with options.open_league(store, league) as (_, config):
        # It is there. That it has no champion yet, or goes down later, is no reason not to serve.
        if search is not None:
            from league.games import game_spec
            from league.policies.search import Searched, check_searchable

            check_searchable(Searched("champion", search), game_spec(config.game))
    from league.interfaces.serve.application import Settings
    from league.interfaces.serve.session import serving

    settings = Settings(
        store=absolute(store),
        league=league,
        replicas=replicas,
        device=device,
        search=search,
        max_body_mib=max_body_mib,
    )
    with serving(settings, host=host, port=port, prefix=prefix, address=address) as url:
        print(url, flush=True)
        with interrupts() as stop:  # A second Ctrl-C does not wait.
            if address is None:
                _tell(url, stop)
            stop.wait()


def _tell(url: str, stop: Interruption) -> None:
    """Print on stderr who answers, and what is wrong, whenever that changes."""
    last: dict[str, Any] = {}
    pause_s = 0.0
    while not stop.wait(pause_s):
        pause_s = LOOK_S
        try:
            state = _look(url)
        except (OSError, http.client.HTTPException, ValueError):
            continue  # A replica that is being replaced.
        for line in _news(state, last):
            print(f"{time.strftime('%H:%M:%S')}  {line}", file=sys.stderr, flush=True)


def _look(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(parts.hostname or "", parts.hostname or "")  # noqa: S104
    with contextlib.closing(http.client.HTTPConnection(host, parts.port, timeout=5)) as connection:
        connection.request("GET", parts.path)
        state: dict[str, Any] = json.loads(connection.getresponse().read())
        return state


def _news(state: dict[str, Any], last: dict[str, Any]) -> Iterator[str]:
    """A line for each thing that changed; `last` is brought up to date."""
    policy, trouble = state["policy"], state["champion_refused"] or state["store_error"]
    if state["game"] is None and trouble is None:
        return  # It has not looked into the store yet.
    waits = policy is None and trouble is None and state["loading"] is None
    if trouble and trouble != last.get("trouble"):
        yield f"{trouble}; {f'{policy} goes on answering' if policy else 'nobody answers yet'}"
    if waits and not last.get("waits"):
        yield "no champion yet: /readyz and /act answer 503 until there is one"
    if policy and state["sha256"] != last.get("sha256"):
        yield f"{policy} answers, hash {state['sha256'][:12]}, by {state['promoted_by']}: {state['reason']}"
    if policy and not trouble and last.get("trouble"):
        yield "all is well again"
    last.update(trouble=trouble, waits=waits, sha256=state["sha256"])
