"""The options that commands share, and the league that they name."""

from __future__ import annotations

import getpass
import os
import random
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
    str, typer.Option("--store", envvar="LEAGUE_STORE", help="The league's folder, or the redis:// URL of its server.")
]
LeagueOption = Annotated[str, typer.Option("--league", envvar="LEAGUE_NAME", help="Name of the league in the store.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
ReasonOption = Annotated[str | None, typer.Option(help="Why, for the history.")]
SeedOption = Annotated[int | None, typer.Option(min=0, help="Equal seeds, equal games; drawn if not given.")]
HostOption = Annotated[str, typer.Option(help="Where to listen; only this machine can ask unless you say otherwise.")]
PortOption = Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port and prints it.")]
AddressOption = Annotated[
    str | None, typer.Option(envvar="RAY_ADDRESS", help="A Ray cluster to join; without it Ray starts here.")
]
RunbookOption = Annotated[str, typer.Option(metavar="URL", help="Where alerts lead to; `league dashboard` has it.")]
SearchOption = Annotated[
    int | None,
    typer.Option("--search", min=1, metavar="N", help="The policy looks ahead, N simulations a move: POLICY+searchN."),
]
PolicyArgument = Annotated[str, typer.Argument(help="A snapshot, `champion`, a bot, or the start of a hash.")]
SnapshotArgument = Annotated[str, typer.Argument(help="A snapshot, `champion`, or the start of a hash.")]
CandidateArgument = Annotated[
    str | None, typer.Argument(help="A snapshot, or the start of its hash; without it the best ones race.")
]


@contextmanager
def open_league(address: str, name: str) -> Iterator[tuple[Store, LeagueConfig]]:
    """Open a league that exists; a folder that does not is left alone.

    Raises `WrongLeagueError` if there is no such league, and what `Store.open` raises.
    """
    from league.pool.store import Store

    with Store.open(address, name, create=False) as store:
        yield store, store.require_config()


def drawn(seed: int | None) -> int:
    """The seed that was given, or without one any below 2**31."""
    return random.SystemRandom().randrange(2**31) if seed is None else seed


def user() -> str:
    """The login name; in a container without one, the number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
