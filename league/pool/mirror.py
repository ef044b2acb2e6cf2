"""A league in memory, kept up by reading only what is new: for whoever looks often at a store that is large."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from league.config import LeagueConfig
from league.ladder.ratings import Ratings
from league.ladder.records import Match, Promotion, Snapshot
from league.ladder.standings import Kind, Standings, count
from league.pool.latest import Moment, News
from league.pool.matches import read_ratings
from league.pool.store import Store


@dataclass(frozen=True, kw_only=True)
class Refreshed:
    """What a mirror has read."""

    found: bool
    """Whether there is a league."""
    anew: bool = False
    """Whether all was read, matches as the standings: the first time, after a change of the configuration, and where
    what was known is not there any more."""
    matches: Sequence[Match] = ()
    """Else those since the last time, in the order of the log; of a mirror without the standings none."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Known(Moment):
    """All that a mirror has read of a league; what it was not asked for is empty."""

    config: LeagueConfig
    snapshots: Mapping[str, Snapshot] = field(default_factory=dict)
    """Every snapshot by its name, oldest first."""
    promotions: Sequence[Promotion] = ()
    """The champion's whole history, oldest first."""
    ratings: Ratings = field(default_factory=dict)
    standings: Standings = field(default_factory=dict)
    """Grow as the mirror is read on."""
    latest: Sequence[Match] = ()
    """The last matches, newest first, without replays."""


class Mirror:
    """What people look at of one league, as of the last `refresh`. Not thread-safe.

    The log, the snapshots and the champion's history are only appended to, so of these only what came since is read.
    The standings are read once and then follow from the log; they alone are changed in place, everything else is
    replaced, so that whoever took it keeps what it was.
    """

    known: Known
    """Of a league that `refresh` has found."""

    def __init__(self, store: Store, *, standings: bool = True, latest: int = 0, events: int = 0) -> None:
        """Read nothing yet. The store stays the caller's, to be closed.

        Args:
            store: of the league, which need not be there yet.
            standings: follow them, which costs a read of every match from then on.
            latest: how many matches to have at hand.
            events: how many events.
        """
        self.store = store
        self._with_standings, self._latest, self._events = standings, latest, events
        self._identity: list[bytes | None] | None = None
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
            self._identity = None
            config = self.store.config()  # Raises for a newer schema.
            if config is None:
                return Refreshed(found=False)
            self.known, self._identity = Known(config=config), identity
            self._rated, self._names, self._number = {}, 0, None
        anew, before = self._number is None, self._number or 0
        news = self.store.news(
            snapshots=self._names,
            promotions=len(self.known.promotions),
            match=before,
            latest=self._latest,
            events=self._events,
            standings=anew and self._with_standings,
        )
        if news.newest < before:  # The server has come back without its last writes.
            self._identity = None
            return self.refresh()
        follows = self._with_standings and not anew
        matches = self.store.matches_after(before, news.newest) if follows else ()
        self._take(news)
        snapshots = self.known.snapshots
        for match in matches:
            count(self.known.standings, match, lambda name: Kind.of(snapshots.get(name)))
        return Refreshed(found=True, anew=anew, matches=matches)

    def _take(self, news: News) -> None:
        known = self.known
        self.known = replace(
            known,
            **{f.name: getattr(news, f.name) for f in fields(Moment)},
            snapshots={**known.snapshots, **{snapshot.name: snapshot for snapshot in news.snapshots}},
            promotions=[*known.promotions, *news.promotions],
            ratings=self._rate(news.ratings),
            standings=known.standings if news.standings is None else news.standings,
            latest=[*news.latest, *known.latest][: self._latest],
        )
        self._names, self._number = self._names + news.names, news.newest

    def _rate(self, ratings: dict[bytes, bytes]) -> Ratings:
        anew = len(ratings) < len(self._rated)  # They were derived anew, and somebody is not in the log.
        changed = {name: data for name, data in ratings.items() if anew or self._rated.get(name) != data}
        self._rated = ratings
        return {**({} if anew else self.known.ratings), **read_ratings(changed)}
