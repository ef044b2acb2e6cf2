"""The options that commands share, and the league that they name."""

from __future__ import annotations

import getpass
import math
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.exceptions import TyperException

from league.config import presets
from league.pool.address import Address

if TYPE_CHECKING:
    from league.config import LeagueConfig
    from league.pool.store import Store

STORE: Final = "runs/league"
LEAGUE: Final = "league"
SEEDS: Final = 2**31 - 1
"""The largest seed."""
LONGEST_NUMBER: Final = 40
"""Characters of what was typed for a number that are shown."""
MINUTES: Final = 10**7
"""The most that can be asked for: nineteen years."""


def number(*names: str, least: float, most: float = 10**9, help: str, metavar: str | None = None) -> Any:
    """An option that is a number with bounds, which not-a-number is beyond."""
    return typer.Option(*names, min=least, max=most, help=help, metavar=metavar)


def in_words(error: TyperException) -> str:
    """What is wrong with what was typed; of a number or a choice which it is, and what it may be."""
    said, cause = error.format_message(), error.__cause__
    if not isinstance(cause, ValueError) or not hasattr(cause, "errors"):
        return said
    found = cause.errors()[0]  # As Pydantic says it.
    given, limits, kind = str(found["input"]).strip(), found.get("ctx", {}), found["type"]
    if kind == "value_error":
        return f"{said.partition(': ')[0]}: {str(limits['error']).rstrip('.')}"
    try:
        finite = kind == "int_parsing_size" or math.isfinite(float(given))
    except ValueError:
        finite = True
    wrong = {
        "less_than_equal": f"is more than {limits.get('le')}",
        "greater_than_equal": f"is less than {limits.get('ge')}",
        "int_parsing": "is not a whole number",
        "int_from_float": "is not a whole number",
        "float_parsing": "is not a number",
        "int_parsing_size": "has too many digits",
    }.get(kind if finite else "")
    if wrong is None and finite:
        return said
    shown = given if len(given) <= LONGEST_NUMBER else f"{given[:LONGEST_NUMBER]}…"
    return f"{said.partition(': ')[0]}: {shown!r} {wrong or 'is not a finite number'}"


def settings(help: str) -> Any:
    """The option that gives knobs other values."""
    return typer.Option("--set", metavar="KEY=VALUE", help=help)


def _address(store: str) -> str:
    """The address of a store, refused before anything that takes seconds where it cannot be one."""
    Address.parse(store)
    return store


StoreOption = Annotated[
    str,
    typer.Option(
        "--store",
        envvar="LEAGUE_STORE",
        callback=_address,
        help="The league's folder, or the redis:// URL of its server.",
    ),
]
LeagueOption = Annotated[str, typer.Option("--league", envvar="LEAGUE_NAME", help="Name of the league in the store.")]
GameOption = Annotated[str | None, typer.Option(help="A game of `league games`, or your own module.")]
PresetOption = Annotated[str | None, typer.Option(help=f"Start from: {', '.join(presets())}.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
ReasonOption = Annotated[str | None, typer.Option(help="Why, for the history.")]
SeedOption = Annotated[int | None, number(least=0, most=SEEDS, help="Equal seeds, equal games; drawn if not given.")]
HostOption = Annotated[str, typer.Option(help="Where to listen; only this machine can ask unless you say otherwise.")]
PortOption = Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port and prints it.")]
AddressOption = Annotated[
    str | None, typer.Option(envvar="RAY_ADDRESS", help="A Ray cluster to join; without it Ray starts here.")
]
RunbookOption = Annotated[
    str,
    typer.Option(
        metavar="URL",
        show_default=False,
        help="Where alerts lead to; default: /runbook of `league dashboard` on this machine.",
    ),
]
SearchOption = Annotated[
    int | None,
    number(
        "--search",
        least=1,
        most=100_000,
        metavar="N",
        help="The policy looks ahead, N simulations a move: POLICY+searchN.",
    ),
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
