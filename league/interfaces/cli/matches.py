"""`league matches`: who beats whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import RenderableType
from rich.text import Text

from league.errors import PolicyError
from league.interfaces.cli import options
from league.interfaces.cli.console import Column, Columns, show_page, stdout, tabulate
from league.interfaces.cli.files import replacing
from league.ladder.payoff import Payoff
from league.ladder.records import Match
from league.view import plain
from league.view.strongest import SEATINGS, STRONGEST, left_out, payoff_of, strongest
from league.view.words import counted, moment, percent

NONE: Final = "no matches yet"
CELL_WIDTH = 11
NAME_WIDTH = 22

LATEST: Final[Columns[Match]] = (
    Column("when", lambda match: moment(match.played_s)),
    Column("row", lambda match: match.row),
    Column("column", lambda match: match.column),
    Column(">W/D/L", lambda match: "/".join(map(str, match.total))),
    Column(">score", lambda match: percent(match.total.score)),
    Column(">dropped", lambda match: match.dropped),
    Column("match", lambda match: match.match_id[:12], spare=True),
)


def matches(
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    image: Annotated[
        Path | None, typer.Option(help="Draw the table as a heat map, a .png or .svg file (extra: plot).")
    ] = None,
    last: Annotated[int | None, options.number(least=1, help="The last so many matches as rows instead.")] = None,
    cycles: Annotated[
        bool, typer.Option("--cycles", help="Rock-paper-scissors triples instead, the surest first.")
    ] = False,
    nash: Annotated[
        bool, typer.Option("--nash", help="Which snapshots matter instead: their Nash mixture, who exploits whom.")
    ] = False,
    top: Annotated[int, options.number(least=2, help="Of so many of the strongest, and of the bots.")] = STRONGEST,
    json: options.JsonOption = False,
) -> None:
    """Show the score of each policy (row) against each other one (column), strongest first."""
    if (last is not None) + cycles + nash > 1:
        raise typer.BadParameter("give one of --last, --cycles and --nash")
    from league.pool.mirror import Mirror
    from league.view.overview import Overview

    with options.open_league(store, league) as (opened, config):
        overview = Overview.read(Mirror(opened, standings=False, latest=max(last or 0, SEATINGS)))
        names = strongest(overview, top)
        payoff = payoff_of(opened, overview, names) if last is None or image is not None else Payoff()
    champion, played, rest = overview.champion, set(payoff.policies()), left_out(overview, names)
    policies = [name for name in names if name in played]
    if cycles or nash:
        from league.interfaces.cli.meta_game import show_cycles, show_nash  # With scipy, which takes its time.

        if nash:
            show_nash(payoff, list(overview.snapshots), champion.policy if champion else None, json, rest)
        else:
            show_cycles(payoff, json, rest)
        return
    if image is not None:
        _draw(policies, payoff, image, f"{config.game}: score of row against column")
    if last is not None:
        latest = overview.latest[:last]
        show_page(
            [tabulate(latest, LATEST) if latest else NONE], lambda: [plain.match(one) for one in latest], json=json
        )
    else:
        show_page(_payoff(policies, payoff, rest), lambda: _pairs(policies, payoff), json=json)


def _pairs(policies: Sequence[str], payoff: Payoff) -> list[dict[str, Any]]:
    """Each pair with games once, from the point of view of the stronger."""
    return [
        {
            "row": row,
            "column": column,
            **plain.tally(tally),
            **plain.seatings(payoff.by_seating(row, column)),
        }
        for number, row in enumerate(policies)
        for column in policies[number + 1 :]
        if (tally := payoff.tally(row, column)).games
    ]


def _payoff(policies: Sequence[str], payoff: Payoff, others: str) -> Iterator[RenderableType]:
    """All columns where nothing is cut off, on a terminal as many as it has room for."""
    if not policies:
        yield NONE
        return
    shown = policies[: max(1, (stdout().width - NAME_WIDTH) // CELL_WIDTH)]
    columns = [
        Column[tuple[int, str]](">", lambda row: row[0]),
        Column[tuple[int, str]]("policy", lambda row: row[1]),
        *(_against(number, column, payoff) for number, column in enumerate(shown, start=1)),
    ]
    yield tabulate(enumerate(policies, start=1), columns)
    left_out = len(policies) - len(shown)
    do = "does" if left_out == 1 else "do"
    rest = f"; {counted(left_out, 'column')} {do} not fit here: --image FILE.png shows all" if left_out else ""
    yield f"score of the row against the column, and games; columns are numbered as the rows{rest}{others}"


def _against(number: int, column: str, payoff: Payoff) -> Column[tuple[int, str]]:
    def cell(row: tuple[int, str]) -> Text:
        tally = payoff.tally(row[1], column)
        if not tally.games:
            return Text("—" if row[1] == column else "·", style="dim")
        return Text(f"{100 * tally.score:.0f}% {tally.games}", style=_style(tally.score))

    return Column(f">{number}", cell)


def _style(score: float) -> str:
    """Blue is good and red is bad, bold where it is clear: told apart by colour-blind people, too."""
    if score > 0.55:
        return "bold blue" if score > 0.75 else "blue"
    if score < 0.45:
        return "bold red" if score < 0.25 else "red"
    return ""


def _draw(policies: Sequence[str], payoff: Payoff, path: Path, title: str) -> None:
    from league.interfaces.cli.heatmap import draw_heatmap, image_format

    kind = image_format(path)
    if not policies:
        raise PolicyError("no matches yet: nothing to draw")
    with replacing(path) as part:
        draw_heatmap(policies, payoff, part, title=title, kind=kind)
