"""`league check`: whether somebody's game is fit to be trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from league.interfaces.cli import options
from league.interfaces.cli.console import Column, Columns, say, show
from league.interfaces.cli.starting import loading
from league.view.words import counted

if TYPE_CHECKING:
    from league.games.checking import Finding

STYLES: Final = {"ok": "green", "note": "yellow", "fault": "bold red"}
COLUMNS: Final[Columns[Finding]] = (
    Column("", lambda one: one.level.upper() if one.level == "fault" else one.level),
    Column("check", lambda one: one.check),
    Column("found", lambda one: one.text, fold=True),
    Column("where", lambda one: one.where or "", fold=True),
)


def check(
    game: Annotated[str, typer.Argument(help="As `--game` takes it: a module, module:function, module:Class, a name.")],
    games: Annotated[int, options.number(least=1, help="To be played, fewer where they take long.")] = 20,
    seed: options.SeedOption = None,
    json: options.JsonOption = False,
) -> None:
    """Play a game in every way that training will, and name each fault with its file and line; exit code 1 if any.

    It looks at spaces, masks, agents that are out, rewards, lengths, seeds, boards side by side, and speed.
    """
    with loading():
        from league.games.checking import check_game

    found = list(check_game(game, games=games, seed=1 if seed is None else seed))
    show(found, COLUMNS, json=json, style=lambda one: STYLES[one.level] if one.level != "ok" else None)
    faults = sum(one.level == "fault" for one in found)
    if not json:
        say(f"{game}: {counted(faults, 'fault') if faults else 'OK'}")
    if faults:
        raise typer.Exit(1)
