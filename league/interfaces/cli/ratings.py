"""`league ratings`: two estimates of every policy's strength, side by side, and the repair of what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer
from rich.console import RenderableType
from rich.styled import Styled

from league.interfaces.cli import options
from league.interfaces.cli.console import Column, Columns, show, show_page, watching
from league.view.strongest import SEATINGS, STRONGEST, left_out, payoff_of, strongest
from league.view.words import counted

if TYPE_CHECKING:
    from league.ladder.agreement import Estimates
    from league.pool.derivation import Rebuild


def ratings(
    action: Annotated[
        Literal["recompute"] | None,
        typer.Argument(help="`recompute`: derive ratings and payoff anew from the match log, and store them."),
    ] = None,
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    top: Annotated[int, options.number(least=2, help="Of so many of the strongest, and of the bots.")] = STRONGEST,
    json: options.JsonOption = False,
) -> None:
    """Show each policy's Elo twice: OpenSkill's, match by match, and Bradley-Terry's, from all games at once.

    `league ratings recompute` derives all that follows from the match log anew, also while the league trains. It ends
    with exit code 0 where that equals what was stored, and with 1 where it did not: it does by then.
    """
    if action == "recompute":
        with options.open_league(store, league) as (opened, _), watching() as watch:
            rebuild = opened.rebuild(watch)
        show_page(_rebuild(rebuild), rebuild.to_json, json=json)
        raise typer.Exit(1 if rebuild.repaired else 0)

    from league.ladder.agreement import estimates
    from league.pool.mirror import Mirror
    from league.view.overview import Overview

    with options.open_league(store, league) as (opened, config):
        overview = Overview.read(Mirror(opened, standings=False, latest=SEATINGS))
        names = strongest(overview, top)
        rows = estimates(overview.ratings, payoff_of(opened, overview, names), config.ratings)
    apart = sum(row.apart for row in rows)
    verdict = f"{apart} of {len(rows)} pairs of intervals lie apart" if apart else "all pairs of intervals overlap"
    verdict += left_out(overview, names)
    note = f"Elo above uniform with its 95% interval, by OpenSkill and by Bradley-Terry; {verdict}"
    show(rows, COLUMNS, json=json, empty="no matches yet", note=note, style=lambda row: "yellow" if row.apart else None)


COLUMNS: Final[Columns[Estimates]] = (
    Column("policy", lambda row: row.policy),
    Column(">OpenSkill", lambda row: f"{row.openskill.points:+z.0f}"),
    Column(">± 95%", lambda row: f"{row.openskill.interval:.0f}"),
    Column(">Bradley-Terry", lambda row: f"{row.bradley_terry.points:+z.0f}"),
    Column(">± 95%", lambda row: f"{row.bradley_terry.interval:.0f}"),
    Column(">difference", lambda row: f"{row.difference:+z.0f}"),
    Column(">games", lambda row: f"{row.games:,}"),
    Column("verdict", lambda row: "apart" if row.apart else ""),
)


def _rebuild(rebuild: Rebuild) -> Iterator[RenderableType]:
    for line in rebuild.repaired:
        yield Styled(line, "yellow")
    derived = f"from {counted(rebuild.matches, 'match')}: {counted(rebuild.ratings, 'rating')}"
    if rebuild.repaired:
        yield f"{derived}; {len(rebuild.repaired):,} of what was stored differed and is repaired"
    else:
        yield f"{derived}; ratings, payoff and index equal what was stored, to the last bit"
