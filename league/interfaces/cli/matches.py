"""`league matches`: who beats whom."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from league.interfaces.cli.options import LEAGUE, STORE, JsonOption, LeagueOption, StoreOption, open_league

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from league.ladder.payoff import Payoff
    from league.ladder.records import Match

CELL_WIDTH = 11
NAME_WIDTH = 22


def matches(
    store: StoreOption = STORE,
    league: LeagueOption = LEAGUE,
    image: Annotated[
        Path | None, typer.Option(help="Draw the table as a heat map, a .png or .svg file (extra: plot).")
    ] = None,
    last: Annotated[int | None, typer.Option(min=1, help="The last so many matches as rows instead.")] = None,
    cycles: Annotated[
        bool, typer.Option("--cycles", help="Rock-paper-scissors triples instead, the surest first.")
    ] = False,
    nash: Annotated[
        bool, typer.Option("--nash", help="Which snapshots matter instead: their Nash mixture, who exploits whom.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show the score of each policy (row) against each other one (column), strongest first."""
    from league.interfaces.cli import console
    from league.pool.mirror import Mirror
    from league.view.overview import Overview

    if (last is not None) + cycles + nash > 1:
        raise typer.BadParameter("give one of --last, --cycles and --nash")
    if cycles or nash:
        _show_meta_game(store, league, nash=nash, json=json)
        return
    with open_league(store, league) as (opened, config):
        latest = list(opened.matches(last, newest_first=True)) if last is not None else []
        overview = Overview.read(Mirror(opened))
    ratings, payoff = overview.ratings, overview.payoff
    policies = sorted(payoff.policies(), key=lambda name: -ratings[name].mu if name in ratings else 0.0)
    if image is not None:
        _draw(policies, payoff, image, f"{config.game}: score of row against column")
    if json:
        console.print_json([match.to_json() for match in latest] if last is not None else _pairs(policies, payoff))
    elif not policies:
        console.stdout().print("no matches yet")
    elif last is not None:
        console.stdout().print(_latest_table(latest))
    else:
        _print_payoff(console.stdout(), policies, payoff)


def _show_meta_game(store: str, league: str, *, nash: bool, json: bool) -> None:
    from league.interfaces.cli.meta_game import show_cycles, show_nash
    from league.pool.mirror import Mirror
    from league.view.overview import Overview

    with open_league(store, league) as (opened, _):
        overview = Overview.read(Mirror(opened))
    champion = overview.champion
    if nash:
        show_nash(overview.payoff, list(overview.snapshots), champion.policy if champion else None, json)
    else:
        show_cycles(overview.payoff, json)


def _pairs(policies: Sequence[str], payoff: Payoff) -> list[dict[str, Any]]:
    """Each pair with games once, from the point of view of the stronger."""
    return [
        {
            "row": row,
            "column": column,
            "games": tally.games,
            "score": tally.score,
            "results": dict(zip(("wins", "draws", "losses"), tally, strict=True)),
            "by_seating": {seating: list(games) for seating, games in payoff.by_seating(row, column).items()},
        }
        for number, row in enumerate(policies)
        for column in policies[number + 1 :]
        if (tally := payoff.tally(row, column)).games
    ]


def _print_payoff(console: Console, policies: Sequence[str], payoff: Payoff) -> None:
    """All columns where nothing is cut off, on a terminal as many as it has room for."""
    shown = policies[: max(1, (console.width - NAME_WIDTH) // CELL_WIDTH)]
    console.print(_payoff_table(policies, shown, payoff))
    console.print(
        f"score of the row against the column, and games; columns are numbered as the rows{_rest(policies, shown)}"
    )


def _rest(policies: Sequence[str], shown: Sequence[str]) -> str:
    left_out = len(policies) - len(shown)
    return f"; {left_out} columns do not fit here: --image FILE.png shows all" if left_out else ""


def _payoff_table(policies: Sequence[str], columns: Sequence[str], payoff: Payoff) -> Table:
    from rich.text import Text

    from league.interfaces.cli.console import table

    made = table(">", "policy", *(f">{number}" for number, _ in enumerate(columns, start=1)))
    for number, row in enumerate(policies, start=1):
        cells = []
        for column in columns:
            tally = payoff.tally(row, column)
            style = _style(tally.score) if tally.games else "dim"
            text = f"{100 * tally.score:.0f}% {tally.games}" if tally.games else ("—" if row == column else "·")
            cells.append(Text(text, style=style))
        made.add_row(str(number), row, *cells)
    return made


def _style(score: float) -> str:
    """Blue is good and red is bad, bold where it is clear: told apart by colour-blind people, too."""
    if score > 0.55:
        return "bold blue" if score > 0.75 else "blue"
    if score < 0.45:
        return "bold red" if score < 0.25 else "red"
    return ""


def _latest_table(latest: Sequence[Match]) -> Table:
    from league.interfaces.cli.console import table
    from league.view.words import moment, percent

    made = table("when", "row", "column", ">wins", ">draws", ">losses", ">score", ">dropped", "match")
    for match in latest:
        total = match.total
        made.add_row(
            moment(match.played_s),
            match.row,
            match.column,
            *map(str, total),
            percent(total.score),
            str(match.dropped),
            match.match_id[:12],
        )
    return made


def _draw(policies: Sequence[str], payoff: Payoff, path: Path, title: str) -> None:
    from league.errors import PolicyError
    from league.interfaces.cli.files import replacing
    from league.interfaces.cli.heatmap import draw_heatmap, image_format

    kind = image_format(path)
    if not policies:
        raise PolicyError("no matches yet: nothing to draw")
    with replacing(path) as part:
        draw_heatmap(policies, payoff, part, title=title, kind=kind)
