"""The frozen policies that a league holds: how strong each is, and why its weights are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from league.config import LeagueConfig
from league.ladder.ratings import Rating, elo
from league.ladder.records import Snapshot
from league.ladder.retention import Pruned, retention
from league.pool.keeping import who_matters
from league.pool.store import Store
from league.view.words import moment


@dataclass(frozen=True, kw_only=True)
class Holding:
    """What is known of one snapshot of a league."""

    snapshot: Snapshot
    champion: bool
    """Whether it is the champion now."""
    rating: Rating | None
    elo: tuple[float, float] | None
    """Points and half the 95% interval; None without games."""
    reasons: Sequence[str]
    """Why its weights are kept."""
    pruned: Pruned | None
    """When and by whom its weights were deleted; None while they are there."""

    def to_json(self) -> dict[str, Any]:
        """Plain data: the snapshot's, its strength, and what becomes of its weights."""
        row = self.snapshot.to_json()
        points, interval = self.elo or (None, None)
        return {
            "policy": row.pop("name"),
            "sha256": row.pop("digest"),
            **row,
            "is_champion": self.champion,
            "elo": points,
            "interval": interval,
            "games": self.games,
            "keep": bool(self.reasons),
            "kept_because": list(self.reasons),
            "pruned": None if self.pruned is None else self.pruned.to_json(),
        }

    @property
    def weights(self) -> str:
        """What became of its weights, for people."""
        if self.pruned is not None:
            return f"pruned {moment(self.pruned.pruned_s)}"
        return ", ".join(self.reasons) or "no rule keeps them"

    @property
    def strength(self) -> str:
        """Its Elo with its 95% interval, for people."""
        return "unrated" if self.elo is None else f"{self.elo[0]:+z.0f} ± {self.elo[1]:.0f}"

    @property
    def games(self) -> int:
        """Number of games behind its rating."""
        return 0 if self.rating is None else self.rating.games


def holdings(store: Store, config: LeagueConfig, noted: Mapping[str, float] | None) -> dict[str, Holding]:
    """Every snapshot of the league by name, oldest first, those that were pruned among them.

    `noted` is the Nash mixture, where it is known from when retention looked last; None: it is found anew.
    """
    ratings, promotions, pruned = store.ratings(), store.promotions(), store.pruned()
    champions = [promotion.policy for promotion in promotions]
    mixture = who_matters(store) if noted is None else noted
    snapshots = store.snapshots()
    present = [snapshot for snapshot in snapshots if snapshot.digest not in pruned]
    kept = retention(present, ratings, set(champions), mixture, config.retention)
    reasons = {one.snapshot.name: one.reasons for one in kept}
    lines = {}
    for snapshot in snapshots:
        rating = ratings.get(snapshot.name)
        lines[snapshot.name] = Holding(
            snapshot=snapshot,
            champion=champions[-1:] == [snapshot.name],
            rating=rating,
            elo=None if rating is None or not rating.games else elo(rating, ratings, config.ratings),
            reasons=reasons.get(snapshot.name, ()),
            pruned=pruned.get(snapshot.digest),
        )
    return lines
