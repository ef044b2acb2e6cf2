"""What the page shows, read from the store. It works while the league is down, too."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from league.config import LeagueConfig
from league.ladder.leaderboard import Row, leaderboard
from league.ladder.payoff import Payoff
from league.ladder.records import Match, Promotion, Snapshot
from league.ladder.retention import kept_bytes
from league.pool.store import Store
from league.status import LearnerStatus, Status
from league.view.standings import fixed_bots

HEAT: Final = 10
"""Policies in the payoff heat map."""
HEAT_OF: Final = 20
"""The strongest, of whom they are chosen."""
LATEST: Final = 12
"""Matches that are listed."""
EVENTS: Final = 6


@dataclass(frozen=True, kw_only=True)
class Board:
    """One reading of a league."""

    league: str
    address: str
    game: str
    read_s: float
    """When, in seconds of Unix time."""
    phase: str
    status: Status
    """What the coordinator said last."""
    rows: list[Row]
    """Everyone, the strongest first; their `score` is not read."""
    snapshots: dict[str, Snapshot]
    """By name, oldest first."""
    pruned: frozenset[str]
    """Names of snapshots without weights."""
    bytes: int
    """Of all weights."""
    matches: int
    promotions: list[Promotion]
    """Oldest first."""
    heat: list[str]
    """The policies of the heat map, the strongest first."""
    payoff: Payoff
    """Of `heat`, and of few others."""
    latest: list[Match]
    """Newest first, without replays."""
    events: list[dict[str, Any]]
    """Newest first."""

    @property
    def champion(self) -> Promotion | None:
        """The present one."""
        return self.promotions[-1] if self.promotions else None

    @property
    def learners(self) -> Mapping[str, LearnerStatus]:
        """By name, as the coordinator told."""
        return self.status.learners

    @property
    def promotable(self) -> list[str]:
        """Snapshots with weights, without the champion, the strongest first."""
        champion = self.champion.policy if self.champion else None
        return [
            row.policy
            for row in self.rows
            if row.kind == "snapshot" and row.policy not in self.pruned and row.policy != champion
        ]


def read(store: Store, config: LeagueConfig) -> Board:
    """Read a league. What grows with its matches is read in part: the latest, and the payoff of the strongest."""
    now_s = time.time()
    # Ratings first: a snapshot that is added meanwhile must not pass for a bot.
    ratings = store.ratings()
    snapshots, pruned, promotions = store.snapshots(), store.pruned(), store.promotions()
    bots = fixed_bots(config, snapshots, ratings)
    champion = promotions[-1].policy if promotions else None
    rows = leaderboard(snapshots, bots, ratings, Payoff(), champion, config.ratings)
    latest = list(store.matches(LATEST, newest_first=True))
    rated = [row for row in rows if row.games]
    wanted = [row.policy for row in rated if row.champion or row.kind == "bot"]
    among = list(dict.fromkeys([*wanted, *(row.policy for row in rated[:HEAT_OF])]))
    payoff = store.payoff_among(among, {seating for match in latest for seating in match.results})
    heat = who_met(payoff, wanted[:HEAT], [row.policy for row in rated if row.policy in among], HEAT)
    status = Status.from_json(store.status())
    return Board(
        league=store.league,
        address=store.address,
        game=config.game,
        read_s=now_s,
        phase=status.phase_at(now_s),
        status=status,
        rows=rows,
        snapshots={snapshot.name: snapshot for snapshot in snapshots},
        pruned=frozenset(snapshot.name for snapshot in snapshots if snapshot.digest in pruned),
        bytes=kept_bytes(snapshots, pruned),
        matches=store.match_count(),
        promotions=promotions,
        heat=heat,
        payoff=payoff,
        latest=latest,
        events=store.events(EVENTS),
    )


def who_met(payoff: Payoff, wanted: list[str], ranked: list[str], count: int) -> list[str]:
    """`count` of `ranked`, in its order: those `wanted`, then whoever met most of the chosen, the stronger first."""
    chosen, left = list(wanted), [name for name in ranked if name not in wanted]
    met = {name: {other for pair in payoff.pairs() if name in pair for other in pair} for name in ranked}
    while left and len(chosen) < count:
        best = max(left, key=lambda name: len(met[name].intersection(chosen)))
        chosen.append(best)
        left.remove(best)
    return [name for name in ranked if name in chosen]
