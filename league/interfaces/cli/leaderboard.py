"""`league leaderboard`: who is how strong."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from league.api.opened import OpenLeague
from league.interfaces.cli.console import Column, Columns, show, tabulate
from league.interfaces.cli.files import replacing
from league.interfaces.cli.options import LEAGUE, STORE, JsonOption, LeagueOption, StoreOption
from league.ladder.leaderboard import Row
from league.view.words import percent

COLUMNS: Final[Columns[Row]] = (
    Column(">rank", lambda row: row.rank),
    Column("policy", lambda row: f"★ {row.policy}" if row.champion else row.policy),
    Column(">Elo", lambda row: f"{row.elo:+.0f}" if row.games else "unrated"),
    Column(">± 95%", lambda row: f"{row.interval:.0f}" if row.games else ""),
    Column(">games", lambda row: f"{row.games:,}"),
    Column(">W/D/L", lambda row: "/".join(map(str, row.score))),
    Column(">score", lambda row: percent(row.score.score)),
    Column(">steps", lambda row: row.kind if row.steps is None else f"{row.steps:,}"),
)


def leaderboard(
    store: StoreOption = STORE,
    league: LeagueOption = LEAGUE,
    top: Annotated[int | None, typer.Option(min=1, help="Only the first so many.")] = None,
    json: JsonOption = False,
    svg: Annotated[Path | None, typer.Option(help="Save the table as a picture, too.")] = None,
) -> None:
    """Show the ranked policies: Elo above `uniform` with its 95% interval; the champion has a star."""
    with OpenLeague.open(store, league) as opened:
        rows = opened.standings()[:top]
    if svg is not None:
        _save_picture(tabulate(rows, COLUMNS, style=row_style), svg, f"league leaderboard · {opened.game}")
    show(rows, COLUMNS, json=json, empty="no policies yet", style=row_style)


def row_style(row: Row) -> str | None:
    """How a row of a leaderboard looks: the champion stands out, the fixed bots stand back."""
    return "bold green" if row.champion else ("dim" if row.kind == "bot" else None)


def _save_picture(table: Table, path: Path, title: str) -> None:
    picture = Console(file=StringIO(), record=True, force_terminal=True, color_system="truecolor", no_color=False)
    picture.width = 1000
    picture.width = picture.measure(table).maximum
    picture.print(table)
    with replacing(path) as part:
        picture.save_svg(str(part), title=title)
