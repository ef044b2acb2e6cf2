"""`league champion` and `league rollback`: who is served, who decided it and on what grounds."""

from __future__ import annotations

import json as encoding
import time
from typing import TYPE_CHECKING, Annotated

import typer

from league.interfaces.cli.options import (
    DEFAULT_LEAGUE,
    DEFAULT_STORE,
    JsonOption,
    LeagueOption,
    ReasonOption,
    StoreOption,
    open_league,
    user,
)

if TYPE_CHECKING:
    from league.ladder.records import Promotion


def rollback(
    store: StoreOption = DEFAULT_STORE, league: LeagueOption = DEFAULT_LEAGUE, reason: ReasonOption = None
) -> None:
    """Go back to the champion before the present one, and pin it, so that the league does not undo it.

    Several in a row go further back; `league promote` without a policy hands the choice back to the league.
    """
    with open_league(store, league) as (opened, _):
        promotion = opened.rollback(user(), time.time(), reason or "rollback")
    print(f"{promotion.policy} is the champion again; pinned: the league keeps it")


def champion(
    store: StoreOption = DEFAULT_STORE,
    league: LeagueOption = DEFAULT_LEAGUE,
    history: Annotated[bool, typer.Option("--history", help="All champions, the latest first.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="A line for the champion and for each change, until Ctrl-C.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show the champion: since when, by whom, why, and the evidence."""
    from league.interfaces.cli import console

    with open_league(store, league) as (opened, _):
        if follow:
            for promotion in opened.watch_champion():
                print(_line(promotion, json), flush=True)
        promotions = opened.promotions()[::-1]
    if json:
        rows = [promotion.to_json() for promotion in promotions]
        console.print_json(rows if history else next(iter(rows), None))
    elif not promotions:
        print("no champion yet")
    elif history:
        console.stdout().print(_history_table(promotions))
    else:
        console.stdout().print(_facts(promotions[0]))


def _line(promotion: Promotion, as_json: bool) -> str:
    from league.view.words import moment

    if as_json:
        return encoding.dumps(promotion.to_json())
    who = f"{promotion.policy}  {promotion.digest[:12]}"
    return f"{moment(promotion.promoted_s)}  {who}  by {promotion.by}: {promotion.reason}"


def _history_table(promotions: list[Promotion]) -> object:
    from league.interfaces.cli.console import table
    from league.view.words import evidence, moment

    made = table("since", "champion", "hash", "by", "pinned", "evidence", "why")
    for one in promotions:
        pinned = "pinned" if one.pinned else ""
        grounds = evidence(one)
        made.add_row(moment(one.promoted_s), one.policy, one.digest[:12], one.by, pinned, grounds, one.reason)
    made.columns[6].no_wrap, made.columns[6].overflow = False, "fold"
    return made


def _facts(promotion: Promotion) -> object:
    from league.interfaces.cli.console import facts
    from league.view.words import evidence, moment

    return facts(
        {
            "champion": promotion.policy,
            "sha256": promotion.digest,
            "since": moment(promotion.promoted_s),
            "by": promotion.by,
            "why": promotion.reason,
            "pinned": "yes: the league keeps it" if promotion.pinned else "no: the league may replace it",
            "evidence": evidence(promotion) or None,
            "counts of pairs": promotion.evidence.get("counts"),
        }
    )
