"""`league compare`: leagues of one game side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import RenderableType
from rich.markup import escape

from league.interfaces.cli import options
from league.interfaces.cli.console import Column, Columns, progress, show_page, tabulate
from league.interfaces.cli.files import replacing
from league.view.words import duration, percent

if TYPE_CHECKING:
    from league.api.comparison import Comparison, Cross, Side

SIDES: Final[Columns[Side]] = (
    Column("league", lambda side: side.name, fold=True),
    Column(">snapshots", lambda side: len(side.curve)),
    Column(">steps", lambda side: f"{max((one.steps for one in side.curve), default=0):,}"),
    Column(">time", lambda side: duration(max((one.seconds for one in side.curve), default=0.0))),
    Column("champion", lambda side: side.champion.policy if side.champion else "none yet"),
    Column(">best Elo", lambda side: f"{side.best.elo:+z.0f}" if side.best else ""),
    Column(">± 95%", lambda side: f"{side.best.interval:.0f}" if side.best else ""),
)
CROSSES: Final[Columns[Cross]] = (
    Column("champion of", lambda one: one.row, fold=True),
    Column("against that of", lambda one: one.column, fold=True),
    Column(">games", lambda one: one.total.games),
    Column(">W/D/L", lambda one: "/".join(map(str, one.total))),
    Column(">score", lambda one: percent(one.score.value)),
    Column(">95% from", lambda one: percent(one.score.low)),
    Column(">to", lambda one: percent(one.score.high)),
)


def compare(
    stores: Annotated[list[str], typer.Argument(help="Folders or redis:// URLs; STORE#NAME names the league in it.")],
    league: options.LeagueOption = options.LEAGUE,
    games: Annotated[int, options.number(least=0, most=100_000, help="Of each match; 0: none is played.")] = 200,
    seed: options.SeedOption = None,
    image: Annotated[
        Path | None, typer.Option(help="Draw Elo over steps and over time, a .png or .svg file (extra: plot).")
    ] = None,
    json: options.JsonOption = False,
) -> None:
    """Compare leagues of one game: Elo over steps and wall clock, and a match between their champions.

    Elo counts from `uniform` in each of them; the match is what decides between two that are near.
    """
    from league.api.comparison import compare as compared

    kind = None
    if image is not None:
        from league.interfaces.cli.heatmap import image_format

        kind = image_format(image)
    with progress() as shown:
        task = shown.add_task("", total=None)
        found = compared(
            stores, league, games=games, seed=seed, watch=lambda line: shown.update(task, description=escape(line))
        )
    if image is not None and kind is not None:
        from league.interfaces.cli.curves import draw_curves

        with replacing(image) as part:
            draw_curves(found, part, kind=kind)
    show_page(_page(found), found.to_json, json=json)


def _page(found: Comparison) -> Iterator[RenderableType]:
    yield tabulate(found.sides, SIDES)
    if found.crosses:
        yield ""
        yield tabulate(found.crosses, CROSSES)
