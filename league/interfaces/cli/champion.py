"""`league promote`, `league rollback`, `league champion`: who is served, and who decided it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from league.errors import CorruptSnapshotError, PolicyError
from league.interfaces.cli.options import (
    DEFAULT_LEAGUE,
    DEFAULT_STORE,
    JsonOption,
    LeagueOption,
    StoreOption,
    open_league,
)
from league.interfaces.cli.user import user as _user

if TYPE_CHECKING:
    from league.config import LeagueConfig
    from league.ladder.records import Promotion, Snapshot
    from league.pool.store import Store

ReasonOption = Annotated[str | None, typer.Option(help="Why, for the history.")]


def promote(
    policy: Annotated[
        str | None, typer.Argument(help="A snapshot, or the start of its hash; without it the best one, unpinned.")
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    league: LeagueOption = DEFAULT_LEAGUE,
    reason: ReasonOption = None,
) -> None:
    """Make a snapshot the champion and pin it, so that the league leaves your choice alone.

    Without POLICY: the snapshot with the highest lower bound of its rating, not pinned, which hands the choice back to
    the league.
    """
    with open_league(store, league) as (opened, config):
        promotion = _best(opened, config, reason) if policy is None else _chosen(opened, config, policy, reason)
        if promotion is not None:
            opened.promote(promotion)
            pinned = "pinned: the league keeps it" if promotion.pinned else "the league may choose another one"
            print(f"{promotion.policy} is the champion; {pinned}")


def _chosen(store: Store, config: LeagueConfig, word: str, reason: str | None) -> Promotion:
    from league.interfaces.standings import bots_of
    from league.ladder.records import Promotion

    named = store.resolve(word, bots_of(store, config))
    if named.digest is None:
        raise PolicyError(f"{named.name} is a fixed bot: only a snapshot can be the champion")
    champion = store.champion()
    if champion is not None and champion.policy == named.name:
        raise PolicyError(f"{named.name} is the champion already")
    store.weights(named.digest)  # Raises if they are damaged.
    return Promotion(
        policy=named.name,
        digest=named.digest,
        by=_user(),
        reason=reason or "chosen by hand",
        promoted_s=time.time(),
        pinned=True,
    )


def _best(store: Store, config: LeagueConfig, reason: str | None) -> Promotion | None:
    """None where the best one is the champion by the league's own choice already."""
    from league.ladder.leaderboard import CANDIDATE_MATCHES, best_candidate
    from league.ladder.ratings import lower_bound
    from league.ladder.records import Promotion

    ratings, min_games = store.ratings(), CANDIDATE_MATCHES * config.arena.games
    pruned = store.pruned()
    readable = [snapshot for snapshot in store.snapshots() if snapshot.digest not in pruned]
    while (best := best_candidate(readable, ratings, min_games)) is not None and not _readable(store, best):
        readable.remove(best)
    if best is None:
        raise PolicyError(
            f"no snapshot has {min_games} games behind its rating yet: name one, or let the league play on"
        )
    bound, champion = lower_bound(ratings[best.name]), store.champion()
    if champion is not None and champion.policy == best.name and not champion.pinned:
        print(f"{best.name} is the champion already, and has the highest lower bound: nothing changed")
        return None
    return Promotion(
        policy=best.name,
        digest=best.digest,
        by=_user(),
        reason=reason or f"lower bound of the rating {bound:.2f}, the highest",
        promoted_s=time.time(),
        evidence={"lower_bound": bound, "games": ratings[best.name].games},
    )


def _readable(store: Store, snapshot: Snapshot) -> bool:
    try:
        store.weights(snapshot.digest)
    except CorruptSnapshotError as error:
        typer.echo(f"league: {error}; passed over", err=True)
        return False
    return True


def rollback(
    store: StoreOption = DEFAULT_STORE, league: LeagueOption = DEFAULT_LEAGUE, reason: ReasonOption = None
) -> None:
    """Go back to the champion before the present one, and pin it.

    Several in a row go further back; `league promote` without a policy hands the choice back to the league.
    """
    with open_league(store, league) as (opened, _):
        promotion = opened.rollback(_user(), time.time(), reason or "rollback")
    print(f"{promotion.policy} is the champion again; pinned: the league keeps it")


def champion(
    store: StoreOption = DEFAULT_STORE,
    league: LeagueOption = DEFAULT_LEAGUE,
    history: Annotated[bool, typer.Option("--history", help="All champions, the latest first.")] = False,
    json: JsonOption = False,
) -> None:
    """Show the champion: since when, by whom and why."""
    from league.interfaces.cli import console

    with open_league(store, league) as (opened, _):
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


def _history_table(promotions: list[Promotion]) -> object:
    from league.interfaces.cli.console import moment, table

    made = table("since", "champion", "hash", "by", "pinned", "why")
    for one in promotions:
        made.add_row(
            moment(one.promoted_s), one.policy, one.digest[:12], one.by, "pinned" if one.pinned else "", one.reason
        )
    made.columns[5].no_wrap, made.columns[5].overflow = False, "fold"
    return made


def _facts(promotion: Promotion) -> object:
    from league.interfaces.cli.console import facts, moment

    return facts(
        {
            "champion": promotion.policy,
            "sha256": promotion.digest,
            "since": moment(promotion.promoted_s),
            "by": promotion.by,
            "why": promotion.reason,
            "pinned": "yes: the league keeps it" if promotion.pinned else "no: the league may choose another one",
            **promotion.evidence,
        }
    )
