"""A league in memory, kept up by reading only what is new: for whoever looks often at a store that is large."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from league.config import LeagueConfig
from league.ladder.payoff import Payoff
from league.ladder.ratings import Rating
from league.ladder.records import Match, Promotion, Snapshot
from league.pool.latest import News
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
    """Else those since the last time, in the order of the log; of a mirror without the payoff none."""


class Mirror:
    """What people look at of one league, as of the last `refresh`. Not thread-safe.

    The log, the snapshots and the champion's history are only appended to, so of these only what came since is read.
    The payoff is read once and then follows from the log; it alone is changed in place, everything else is replaced, so
    that whoever took it keeps what it was.
    """

    store: Store

    now_s: float
    """When it was read, by the server's clock (Unix, s)."""
    config: LeagueConfig
    snapshots: dict[str, Snapshot]
    """Every snapshot by its name, oldest first."""
    pruned: frozenset[str]
    """Digests of weights that were pruned."""
    promotions: list[Promotion]
    """The champion's whole history, oldest first."""
    ratings: dict[str, Rating]
    payoff: Payoff
    """Empty in a mirror without it."""
    matches: int
    """Number of matches in the log."""
    latest: list[Match]
    """The last of them, newest first, as many as were asked for."""
    status: Mapping[str, Any] | None
    events: dict[str, int]
    """How many there were, by kind."""
    last_events: list[dict[str, Any]]
    """Newest first, as many as were asked for: `kind`, `text`, `at_s`."""
    refusals: dict[str, int]
    """Candidates of people that were not promoted, by outcome."""

    def __init__(self, store: Store, *, payoff: bool = True, latest: int = 0, events: int = 0) -> None:
        """Read nothing yet. The store stays the caller's, to be closed.

        Args:
            store: of the league, which need not be there yet.
            payoff: follow it. It is by far the largest, and costs a read of every match from then on.
            latest: how many matches to have at hand.
            events: how many events.
        """
        self.store = store
        self._with_payoff, self._latest, self._events = payoff, latest, events
        self._identity: list[bytes | None] | None = None
        self._forget()

    def _forget(self) -> None:
        self.snapshots, self.promotions, self.ratings, self.payoff, self.latest = {}, [], {}, Payoff(), []
        self._rated: dict[bytes, bytes] = {}
        """The ratings as they are stored: only those that have changed are parsed."""
        self._names = 0
        """Number of snapshots that were read so far."""
        self._number: int | None = None
        """Of the last match in the log; None: nothing was read yet."""

    def refresh(self) -> Refreshed:
        """Read what is new, all of one moment; raises what the store's own methods do."""
        identity = self.store.identity()
        if identity != self._identity:
            self._forget()
            config = self.store.config()  # Raises for a newer schema.
            if config is None:
                return Refreshed(found=False)
            self.config, self._identity = config, identity
        anew, known = self._number is None, self._number or 0
        news = self.store.news(
            snapshots=self._names,
            promotions=len(self.promotions),
            match=known,
            latest=self._latest,
            events=self._events,
            payoff=anew and self._with_payoff,
        )
        if news.newest < known:  # The server has come back without its last writes.
            self._identity = None
            return self.refresh()
        matches: Sequence[Match] = () if anew or not self._with_payoff else self.store.matches_after(known, news.newest)
        self._take(news)
        for match in matches:
            self.payoff.add(match)
        return Refreshed(found=True, anew=anew, matches=matches)

    def _take(self, news: News) -> None:
        self.now_s = news.now_s
        self._rate(news.ratings)
        self.snapshots = self.snapshots | {snapshot.name: snapshot for snapshot in news.snapshots}
        self.promotions = self.promotions + news.promotions
        self.latest = [*news.latest, *self.latest][: self._latest]
        self.matches, self.pruned, self.status = news.matches, news.pruned, news.status
        self.events, self.last_events, self.refusals = news.events, news.last_events, news.refusals
        self.payoff = self.payoff if news.payoff is None else news.payoff
        self._names, self._number = self._names + news.names, news.newest

    def _rate(self, ratings: dict[bytes, bytes]) -> None:
        if len(ratings) < len(self._rated):  # They were derived anew, and somebody is not in the log.
            self.ratings, self._rated = {}, {}
        changed = {name: data for name, data in ratings.items() if self._rated.get(name) != data}
        self.ratings = self.ratings | read_ratings(changed)
        self._rated = ratings
