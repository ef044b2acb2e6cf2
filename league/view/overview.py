"""What people see of a league, of one moment: every interface renders this."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

from league.config import LeagueConfig
from league.ladder.leaderboard import Row, anchors_of, fixed_bots, leaderboard, settling_games
from league.ladder.ratings import ANCHOR
from league.ladder.records import Promotion
from league.ladder.retention import kept_bytes
from league.pool.mirror import Known, Mirror, Refreshed
from league.pool.store import Store

if TYPE_CHECKING:
    from league.status import Status


@dataclass(frozen=True, kw_only=True, eq=False)
class Overview(Known):
    """One league, as a `Mirror` showed it."""

    league: str
    """Its name on its server."""
    address: str
    """Of the store, without a password."""
    news: Refreshed
    """What has come since the mirror was read before."""

    @classmethod
    def read(cls, mirror: Mirror) -> Self:
        """Read on in the mirror.

        Raises:
            WrongLeagueError: there is no league.
            StoreError: as the store's own methods do.
        """
        while not (news := mirror.refresh()).found:
            mirror.store.require_config()  # Raises, unless the league was made just now.
        store = mirror.store
        return cls(**vars(mirror.known), league=store.league, address=store.address, news=news)

    @cached_property
    def status(self) -> Status:
        """What the coordinator said last."""
        from league.status import Status  # Not above: who ranks policies need not wait for its models.

        return Status.from_json(self.said)

    @property
    def phase(self) -> str:
        """What the coordinator does (`Status.phase_at`)."""
        return self.status.phase_at(self.read_s)

    @property
    def champion(self) -> Promotion | None:
        """The present champion's entry in the history, None before the first."""
        return self.promotions[-1] if self.promotions else None

    @property
    def seatings(self) -> set[str]:
        """Those of the `latest` matches: each match has all that its game knows."""
        return {seating for match in self.latest for seating in match.results}

    @cached_property
    def bots(self) -> list[str]:
        """Names of all fixed bots, as `fixed_bots` finds them; the weakest first, those without games last."""
        found = fixed_bots(self.config, self.snapshots.values(), self.ratings)
        return sorted(found, key=lambda name: self.ratings[name].mu if name in self.ratings else math.inf)

    @cached_property
    def rows(self) -> list[Row]:
        """The leaderboard: everyone, the strongest first; without the standings each `score` is empty."""
        champion, snapshots = self.champion.policy if self.champion else None, list(self.snapshots.values())
        return leaderboard(snapshots, self.bots, self.ratings, self.standings, champion, self.config)

    @cached_property
    def anchors(self) -> frozenset[str]:
        """Names of those that tie the ratings to something that does not change."""
        return frozenset(anchors_of(self.config, self.snapshots.values(), self.bots))

    def is_settled(self, name: str) -> bool:
        """Whether an Elo rests on something (`Row.settled`), of a single policy."""
        games = self.standings[name].anchored(self.anchors) if name in self.standings else 0
        return name not in self.snapshots or games >= settling_games(self.config)

    @cached_property
    def pruned(self) -> frozenset[str]:
        """Names of the snapshots without weights."""
        return frozenset(name for name, one in self.snapshots.items() if one.digest in self.pruned_digests)

    @cached_property
    def promotable(self) -> dict[str, Row]:
        """The snapshots that a person may put forward, by name: with weights, not the champion, the strongest first."""
        may = (row for row in self.rows if row.kind == "snapshot" and not row.champion)
        return {row.policy: row for row in may if row.policy not in self.pruned}

    @property
    def bytes(self) -> int:
        """Size of all weights that were not pruned, in bytes."""
        return kept_bytes(self.snapshots.values(), self.pruned_digests)


def bots_of(store: Store, config: LeagueConfig) -> list[str]:
    """Names that are bots as far as the store knows; `uniform` always is one."""
    ratings = store.ratings()  # First: a snapshot that is added meanwhile must not pass for a bot.
    return list(dict.fromkeys([ANCHOR, *fixed_bots(config, store.snapshots(), ratings)]))
