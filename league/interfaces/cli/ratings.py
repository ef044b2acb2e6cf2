"""`league ratings`: two estimates of every policy's strength, side by side, and the repair of what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
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

    from league.ladder.agreement import Estimates
    from league.pool.matches import Rebuild


class Action(Enum):
    """What may be done beside showing."""

    RECOMPUTE = "recompute"


def ratings(
    action: Annotated[
        Action | None,
        typer.Argument(help="`recompute`: derive ratings and payoff anew from the match log, and store them."),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    league: LeagueOption = DEFAULT_LEAGUE,
    json: JsonOption = False,
) -> None:
    """Show each policy's Elo twice: OpenSkill's, match by match, and Bradley-Terry's, from the whole log at once.

    `league ratings recompute` derives all that follows from the match log anew. It ends with exit code 0 where that
    equals what was stored, and with 1 where it did not: it does by then.
    """
    from league.interfaces.cli import console

    if action is Action.RECOMPUTE:
        with open_league(store, league) as (opened, _):
            rebuild = opened.rebuild()
        if json:
            console.print_json(rebuild.to_json())
        else:
            _print_rebuild(rebuild)
        raise typer.Exit(1 if rebuild.repaired else 0)

    from league.ladder.agreement import estimates

    with open_league(store, league) as (opened, config):
        rows = estimates(opened.ratings(), opened.payoff(), config.ratings)
    if json:
        console.print_json([row.to_json() for row in rows])
    elif rows:
        _print_estimates(rows)
    else:
        console.stdout().print("no matches yet")


def _print_rebuild(rebuild: Rebuild) -> None:
    from league.interfaces.cli.console import stdout

    output = stdout()
    for line in rebuild.repaired:
        output.print(line, style="yellow")
    derived = f"from {rebuild.matches:,} matches: {rebuild.ratings:,} ratings"
    if rebuild.repaired:
        output.print(f"{derived}; {len(rebuild.repaired):,} of what was stored differed and is repaired")
    else:
        output.print(f"{derived}; ratings, payoff and index equal what was stored, to the last bit")


def _print_estimates(rows: Sequence[Estimates]) -> None:
    from league.interfaces.cli.console import stdout

    output, apart = stdout(), sum(row.apart for row in rows)
    output.print(_table(rows))
    verdict = f"{apart} of {len(rows)} pairs of intervals lie apart" if apart else "all pairs of intervals overlap"
    output.print(f"Elo above uniform with its 95% interval, by OpenSkill and by Bradley-Terry; {verdict}")


def _table(rows: Sequence[Estimates]) -> Table:
    from league.interfaces.cli.console import table

    made = table("policy", ">OpenSkill", ">± 95%", ">Bradley-Terry", ">± 95%", ">difference", ">games", "verdict")
    for row in rows:
        made.add_row(
            row.policy,
            f"{row.openskill.points:+.0f}",
            f"{row.openskill.interval:.0f}",
            f"{row.bradley_terry.points:+.0f}",
            f"{row.bradley_terry.interval:.0f}",
            f"{row.difference:+.0f}",
            f"{row.games:,}",
            "apart" if row.apart else "",
            style="yellow" if row.apart else None,
        )
    return made
