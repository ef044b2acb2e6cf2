"""`league repair`: what can be saved of a damaged store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import RenderableType
from rich.styled import Styled

from league.errors import DamagedStoreError, LeagueError, StoreUnreachableError, WrongLeagueError
from league.interfaces.cli import console, options
from league.pool.address import Address

if TYPE_CHECKING:
    from league.pool.repair import Repair


def repair(
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    json: options.JsonOption = False,
) -> None:
    """Save what can be saved of a damaged store, say by name what is lost, and keep the damaged files.

    Of a folder the append-only file is read past damage. Of any store what cannot be read is removed, and payoff,
    ratings and index are derived anew from the matches. Nobody may use the league meanwhile. Exit code 1: not all could
    be put right.
    """
    from league.pool.repair import Repair, keep_files, repair_files
    from league.pool.store import Store

    address = Address.parse(store)
    folder = address.folder
    kept, lost = (None, []) if folder is None else repair_files(folder)
    try:
        with Store.open(store, league, create=False) as opened:
            problems = opened.verify().problems
    except StoreUnreachableError as error:
        if folder is not None:
            raise
        hint = "where its own files are damaged, end it and give the folder that has its appendonlydir as --store"
        raise StoreUnreachableError(f"{error}; {hint}") from error
    except (DamagedStoreError, WrongLeagueError) as error:
        if kept is None and isinstance(error, WrongLeagueError):
            raise
        raise DamagedStoreError(
            f"{address} cannot be repaired: restore the last backup ({_why(error, kept)})"
        ) from error
    if problems and folder is not None and kept is None:
        kept = keep_files(folder)
    with Store.open(store, league, create=False) as opened:
        gone, derived = opened.repair() if problems or lost else ([], [])
        left = opened.verify().problems
    made = Repair(kept=None if kept is None else str(kept), lost=(*lost, *gone), derived=tuple(derived))
    console.show_page(_page(made, left), lambda: {**made.to_json(), "problems": list(left)}, json=json)
    if left:
        raise typer.Exit(1)


def _why(error: LeagueError, kept: Path | None) -> str:
    """What is missing, and where the files are that were there before."""
    if kept is None:
        return str(error)
    missing = "its configuration is lost" if isinstance(error, WrongLeagueError) else str(error)
    return f"{missing}; the files as they were: {kept}"


def _page(made: Repair, left: tuple[str, ...]) -> Iterator[RenderableType]:
    for line in made.lost:
        yield Styled(f"lost  {line}", "red")
    for line in made.derived:
        yield f"derived anew  {line}"
    if made.kept is not None:
        yield f"the files as they were: {made.kept}"
    for problem in left:
        yield Styled(f"problem  {problem}", "red")
    if not left:
        done = made.lost or made.derived or made.kept
        yield Styled("the store is whole" if done else "the store is whole: nothing to repair", "green")
