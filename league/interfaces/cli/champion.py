"""`league champion` and `league rollback`: who is served, who decided it and on what grounds."""

from __future__ import annotations

import json as encoding
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from league.interfaces.cli import options
from league.interfaces.cli.console import Column, Columns, facts, say, show_page, tabulate
from league.ladder.records import Promotion
from league.view.plain import promotion as plain
from league.view.words import evidence, moment

NONE: Final = "no champion yet"
HISTORY: Final[Columns[Promotion]] = (
    Column("since", lambda one: moment(one.promoted_s)),
    Column("champion", lambda one: one.policy),
    Column("hash", lambda one: one.digest[:12]),
    Column("by", lambda one: one.by),
    Column("pinned", lambda one: "pinned" if one.pinned else ""),
    Column("evidence", evidence),
    Column("why", lambda one: one.reason, fold=True),
)


def rollback(
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    reason: options.ReasonOption = None,
) -> None:
    """Go back to the champion before the present one, and pin it, so that the league does not undo it.

    Several in a row go further back; `league promote` without a policy hands the choice back to the league.
    """
    with options.open_league(store, league) as (opened, _):
        promotion = opened.rollback(options.user(), opened.now_s(), reason or "rollback")
    say(f"{promotion.policy} is the champion again; pinned: the league keeps it")


def champion(
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    history: Annotated[bool, typer.Option("--history", help="All champions, the latest first.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="A line for the champion and for each change, until Ctrl-C.")
    ] = False,
    json: options.JsonOption = False,
) -> None:
    """Show the champion: since when, by whom, why, and the evidence."""
    from league.api.opened import OpenLeague

    with OpenLeague.open(store, league) as opened:
        if follow:
            for promotion in opened.watch_champion():
                print(_line(promotion, json), flush=True)
        promotions = opened.promotions()[::-1]
    if history:
        table = tabulate(promotions, HISTORY) if promotions else NONE
        show_page([table], lambda: [plain(one) for one in promotions], json=json)
    else:
        latest = promotions[0] if promotions else None
        page = facts(_facts(latest)) if latest else NONE
        show_page([page], lambda: latest and plain(latest), json=json)


def _pairs(counts: Sequence[int] | None) -> str | None:
    """Groups of games that shared an opening, by the points that they brought the candidate; the best first."""
    if not counts:
        return None
    return (
        ", ".join(f"{number:,} with {points / 2:g}" for points, number in reversed(list(enumerate(counts))) if number)
        + " points"
    )


def _line(promotion: Promotion, as_json: bool) -> str:
    if as_json:
        return encoding.dumps(plain(promotion))
    who = f"{promotion.policy}  {promotion.digest[:12]}"
    return f"{moment(promotion.promoted_s)}  {who}  by {promotion.by}: {promotion.reason}"


def _facts(promotion: Promotion) -> dict[str, object]:
    return {
        "champion": promotion.policy,
        "sha256": promotion.digest,
        "since": moment(promotion.promoted_s),
        "by": promotion.by,
        "why": promotion.reason,
        "pinned": "yes: the league keeps it" if promotion.pinned else "no: the league may replace it",
        "evidence": evidence(promotion) or None,
        "pairs of games": _pairs(promotion.evidence.get("counts")),
    }
