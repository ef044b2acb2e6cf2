"""The options that commands share, and the league that they name."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from league.config import LeagueConfig
    from league.pool.store import Store

STORE: Final = "runs/league"
LEAGUE: Final = "league"

StoreOption = Annotated[
    str,
    typer.Option("--store", envvar="LEAGUE_STORE", help="The league's folder, or the redis:// URL of its server."),
]
LeagueOption = Annotated[str, typer.Option("--league", envvar="LEAGUE_NAME", help="Name of the league in the store.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
ReasonOption = Annotated[str | None, typer.Option(help="Why, for the history.")]


@contextmanager
def open_league(address: str, name: str) -> Iterator[tuple[Store, LeagueConfig]]:
    """Open a league that exists; a folder that does not is left alone.

    Raises `WrongLeagueError` if there is no such league, and what `Store.open` raises.
    """
    from league.pool.store import Store

    with Store.open(address, name, create=False) as store:
        yield store, store.require_config()


def user() -> str:
    """The login name; in a container without one, the number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
