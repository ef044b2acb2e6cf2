"""`league leaderboard`: who is how strong."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from league.interfaces.cli.options import (
    DEFAULT_LEAGUE,
    DEFAULT_STORE,
    JsonOption,
    LeagueOption,
    StoreOption,
    open_league,
)

if TYPE_CHECKING:
    from rich.table import Table

    from league.ladder.leaderboard import Row


def leaderboard(
    store: StoreOption = DEFAULT_STORE,
    league: LeagueOption = DEFAULT_LEAGUE,
    top: Annotated[int | None, typer.Option(min=1, help="Only the first so many.")] = None,
    json: JsonOption = False,
    svg: Annotated[Path | None, typer.Option(help="Save the table as a picture, too.")] = None,
) -> None:
    """Show the ranked policies: Elo above `uniform` with its 95% interval; the champion has a star."""
    from league.interfaces.cli import console
    from league.pool.mirror import Mirror
    from league.view.overview import Overview

    with open_league(store, league) as (opened, config):
        rows = Overview.read(Mirror(opened)).rows[:top]
    if svg is not None:
        _save_picture(_table(rows), svg, f"league leaderboard · {config.game}")
    if json:
        console.print_json([row.to_json() for row in rows])
    elif rows:
        console.stdout().print(_table(rows))
    else:
        console.stdout().print("no policies yet")


def _table(rows: Sequence[Row]) -> Table:
    from league.interfaces.cli.console import table
    from league.view.words import percent

    made = table(">rank", "policy", ">Elo", ">± 95%", ">games", ">W/D/L", ">score", ">steps")
    for row in rows:
        rated = row.games > 0
        made.add_row(
            str(row.rank),
            f"★ {row.policy}" if row.champion else row.policy,
            f"{row.elo:+.0f}" if rated else "unrated",
            f"{row.interval:.0f}" if rated else "",
            f"{row.games:,}",
            "/".join(map(str, row.score)),
            percent(row.score.score),
            row.kind if row.steps is None else f"{row.steps:,}",
            style="bold green" if row.champion else ("dim" if row.kind == "bot" else None),
        )
    return made


def _save_picture(table: Table, path: Path, title: str) -> None:
    from rich.console import Console

    from league.interfaces.cli.files import replacing

    picture = Console(file=StringIO(), record=True, force_terminal=True, color_system="truecolor", no_color=False)
    picture.width = 1000
    picture.width = picture.measure(table).maximum
    picture.print(table)
    with replacing(path) as part:
        picture.save_svg(str(part), title=title)
