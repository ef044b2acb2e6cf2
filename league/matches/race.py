"""Where a race for the champion's place starts: from all that the match log knows; and the promotion it may end in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from league.config import LeagueConfig
from league.games.base import GameSpec
from league.ladder.promotion import Race
from league.ladder.records import How, Match, Promotion, Snapshot
from league.ladder.trials import Trial
from league.pool.store import Store
from league.rollout.arena import seatings

CLOCKS_S = 3600.0
"""How far the clocks of two machines may be apart that dated what is in the log, each by its own in older versions: so
much of it is read beyond the age of a snapshot."""


def start_race(
    store: Store,
    config: LeagueConfig,
    spec: GameSpec,
    *,
    candidates: Sequence[Snapshot],
    champion: Snapshot | None,
    pool: Sequence[str],
    succession: bool = False,
) -> Race:
    """A race of `candidates` for the place of `champion`, with all that the log knows of it.

    `champion` None: there is none, or its weights cannot be read. `pool`: names of the snapshots that can be played.
    `succession`: whether the candidates have to prove not to be weaker, instead of stronger.
    """
    seated, names = seatings(spec.seats), [snapshot.name for snapshot in candidates]
    return Race(
        candidates=names,
        champion=None if champion is None else champion.name,
        pool=pool,
        config=config.promotion,
        group=len(seated),
        batch=config.arena.games,
        payoff=store.payoff_between([*names, *([] if champion is None else [champion.name])], pool, seated),
        played=[] if champion is None else _since(store, candidates, champion),
        succession=succession,
    )


def _since(store: Store, candidates: Sequence[Snapshot], champion: Snapshot) -> Iterator[Match]:
    """The matches since one of the candidates could have met the champion, newest first."""
    oldest = max(min(s.created_s for s in candidates), champion.created_s) - CLOCKS_S
    for match in store.matches(newest_first=True):
        if match.played_s < oldest:
            return
        yield match


def promotion_of(
    trial: Trial, snapshot: Snapshot, *, now_s: float, by: str, how: How, reason: str | None = None
) -> Promotion:
    """The entry in the champion's history for a candidate that has passed; `now_s`: the store's time."""
    return Promotion(
        policy=snapshot.name,
        digest=snapshot.digest,
        by=by,
        reason=reason or trial.reason,
        promoted_s=now_s,
        how=how,
        against=trial.champion,
        evidence=trial.to_json(),
    )
