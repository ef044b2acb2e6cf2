"""A league in memory, kept up by reading only what is new: for whoever looks often at a store that is large."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from league.config import LeagueConfig
from league.ladder.payoff import Payoff
from league.ladder.ratings import Rating
from league.ladder.records import Match, Promotion, Snapshot
from league.pool.matches import read_ratings
from league.pool.store import Store


@dataclass(frozen=True, kw_only=True)
class Refreshed:
    """What a mirror has read."""

    found: bool
    """Whether there is a league."""
    anew: bool = False
    """Whether all was read, matches as the payoff: the first time, after a change of the configuration, and where what
    was known is not there any more."""
    matches: Sequence[Match] = ()
    """Else those since the last time, in the order of the log."""


class Mirror:
    """What people look at of one league, as of the last `refresh`. Not thread-safe.

    The log, the snapshots and the champion's history are only appended to, so of these only what came since is read.
    The payoff is read once and then follows from the log.
    """

    config: LeagueConfig
    snapshots: dict[str, Snapshot]
    """By name, oldest first."""
    pruned: frozenset[str]
    """Digests of weights that were pruned."""
    promotions: list[Promotion]
    """Oldest first."""
    ratings: dict[str, Rating]
    payoff: Payoff
    matches: int
    status: Mapping[str, Any] | None
    events: dict[str, int]
    """How many there were, by kind."""

    def __init__(self, store: Store) -> None:
        """Read nothing yet. The store stays the caller's, to be closed."""
        self._store = store
        self._identity: list[bytes | None] | None = None
        self._forget()

    @property
    def league(self) -> str:
        """The name of the league on its server."""
        return self._store.league

    def _forget(self) -> None:
        self.snapshots, self.promotions, self.ratings, self.payoff = {}, [], {}, Payoff()
        self._rated: dict[bytes, bytes] = {}
        """The ratings as they are stored: only those that have changed are parsed."""
        self._names = 0
        """Snapshots that were read."""
        self._number: int | None = None
        """Of the last match that is in `payoff`; None: the payoff was not read yet."""

    def refresh(self) -> Refreshed:
        """Read what is new, all of one moment; raises what the store's own methods do."""
        identity = self._store.identity()
        if identity != self._identity:
            self._forget()
            config = self._store.config()  # Raises for a newer schema.
            if config is None:
                return Refreshed(found=False)
            self.config, self._identity = config, identity
        news = self._store.news(snapshots=self._names, promotions=len(self.promotions), payoff=self._number is None)
        if news.newest < (self._number or 0):  # The server has come back without its last writes.
            self._identity = None
            return self.refresh()
        self._rate(news.ratings)
        self.snapshots |= {snapshot.name: snapshot for snapshot in news.snapshots}
        self.promotions += news.promotions
        self.matches, self.pruned, self.status, self.events = news.matches, news.pruned, news.status, news.events
        self._names += news.names
        if news.payoff is not None:
            self.payoff, self._number = news.payoff, news.newest
            return Refreshed(found=True, anew=True)
        matches = self._store.matches_after(self._number or 0, news.newest)
        for match in matches:
            self.payoff.add(match)
        self._number = news.newest
        return Refreshed(found=True, matches=matches)

    def _rate(self, ratings: dict[bytes, bytes]) -> None:
        if len(ratings) < len(self._rated):  # They were derived anew, and somebody is not in the log.
            self.ratings, self._rated = {}, {}
        self.ratings |= read_ratings({name: data for name, data in ratings.items() if self._rated.get(name) != data})
        self._rated = ratings
