"""The leaderboard as every interface shows it: read from the store, without the game and its heavy imports."""

from __future__ import annotations

from collections.abc import Iterable

from league.config import LeagueConfig
from league.ladder.leaderboard import Row, leaderboard
from league.ladder.payoff import Payoff
from league.ladder.ratings import ANCHOR, Ratings
from league.ladder.records import Snapshot
from league.pool.store import Store


def fixed_bots(config: LeagueConfig, snapshots: Iterable[Snapshot], ratings: Ratings) -> list[str]:
    """The bots of a league: those that its configuration names, and whoever has a rating without being a snapshot."""
    known = {snapshot.name for snapshot in snapshots}
    return list(dict.fromkeys([*(config.arena.bots or ()), *(name for name in ratings if name not in known)]))


def standings(store: Store, config: LeagueConfig, *, scores: bool = True) -> list[Row]:
    """The ranked rows of a league. Without `scores` they lack their `score`, and the large payoff is not read."""
    # Ratings first: a snapshot that is added meanwhile must not pass for a bot.
    ratings, payoff = store.ratings(), store.payoff() if scores else Payoff()
    snapshots, champion = store.snapshots(), store.champion()
    name = champion.policy if champion else None
    return leaderboard(snapshots, fixed_bots(config, snapshots, ratings), ratings, payoff, name, config.ratings)


def bots_of(store: Store, config: LeagueConfig) -> list[str]:
    """Names that are bots as far as the store knows; `uniform` always is one."""
    ratings = store.ratings()
    return list(dict.fromkeys([ANCHOR, *fixed_bots(config, store.snapshots(), ratings)]))
