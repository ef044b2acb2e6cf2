"""A league in memory, kept up by reading only what is new: for whoever looks often at a store that is large."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from league.config import LeagueConfig
from league.ladder.payoff import Payoff
from league.ladder.ratings import Rating
from league.ladder.records import Match, Promotion, Snapshot
from league.pool.journal import read_event_counts
from league.pool.matches import CHUNK, read_entries, read_match, read_payoff, read_ratings
from league.pool.store import Store


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
    refusals: dict[str, int]
    """Candidates of people that were not promoted, by outcome."""

    def __init__(self, store: Store) -> None:
        """Read nothing yet. The store stays the caller's, to be closed."""
        self._store = store
        self._meta: list[bytes | None] | None = None
        self._forget()

    @property
    def league(self) -> str:
        """The name of the league on its server."""
        return self._store.league

    def _forget(self) -> None:
        self.snapshots, self.promotions, self.ratings, self.payoff = {}, [], {}, Payoff()
        self._rated: dict[bytes, bytes] = {}
        """The ratings as they are stored: only those that have changed are parsed."""
        self._frozen = 0
        """Names read of the order of snapshots."""
        self._number: int | None = None
        """Of the last match that is in `payoff`; None: the payoff was not read yet."""

    def refresh(self) -> list[Match] | None:
        """Read what is new, all of one moment; raises what the store's own methods do.

        Returns:
            The matches since the last `refresh`, in the order of the log; none of them the first time, when all were
            read as the payoff, which is also so where the league was set up anew. None if there is no league.
        """
        keys = self._store._keys
        meta = self._store._call("HMGET", keys.meta, "created_s", "config")
        if meta != self._meta:
            self._forget()
            config = self._store.config()  # Raises for a newer schema.
            if config is None:
                return None
            self.config, self._meta = config, meta
        commands = [
            ("XREVRANGE", keys.matches, "+", "-", "COUNT", 1),
            ("XLEN", keys.matches),
            ("HGETALL", keys.ratings),
            ("LRANGE", keys.snapshot_order, self._frozen, -1),
            ("HKEYS", keys.pruned),
            ("LRANGE", keys.promotions, len(self.promotions), -1),
            ("GET", keys.status),
            ("HGETALL", keys.event_counts),
            ("HGETALL", keys.refusals),
        ]
        first = self._number is None
        replies = self._store._together(*commands, *([("HGETALL", keys.payoff)] if first else []))
        entries, self.matches, ratings, order, pruned, history, status, events, refusals = replies[: len(commands)]
        newest = max((int(entry.partition("-")[0]) for entry, _ in read_entries(entries)), default=0)
        if self._number is not None and newest < self._number:  # The server has come back without its last writes.
            self._meta = None
            return self.refresh()
        if len(ratings) < len(self._rated):  # They were derived anew, and somebody is not in the log.
            self.ratings, self._rated = {}, {}
        self.ratings |= read_ratings({name: data for name, data in ratings.items() if self._rated.get(name) != data})
        self._rated = ratings
        self.pruned = frozenset(digest.decode() for digest in pruned)
        self.promotions += [Promotion.from_json(json.loads(entry)) for entry in history]
        self.status = None if status is None else json.loads(status)
        self.events = read_event_counts(events)
        self.refusals = {outcome.decode(): int(count) for outcome, count in refusals.items()}
        self._read_snapshots(order)
        if first:
            self.payoff = read_payoff(replies[-1])
        matches = [] if self._number is None else self._read_log(self._number, newest)
        self._number = newest
        return matches

    def _read_snapshots(self, order: list[bytes]) -> None:
        if order:
            stored = self._store._call("HMGET", self._store._keys.snapshots, *order)
            found = [Snapshot.from_json(json.loads(data)) for data in stored if data is not None]
            self.snapshots |= {snapshot.name: snapshot for snapshot in found}
            self._frozen += len(order)

    def _read_log(self, last: int, newest: int) -> list[Match]:
        """The matches after `last` up to `newest`, which are in the payoff from here on."""
        matches: list[Match] = []
        while last < newest:
            reply = self._store._call("XRANGE", self._store._keys.matches, f"({last}-0", f"{newest}-0", "COUNT", CHUNK)
            chunk = read_entries(reply)
            if not chunk:
                break
            matches += [read_match(entry, fields) for entry, fields in chunk]
            last = int(chunk[-1][0].partition("-")[0])
        for match in matches:
            self.payoff.add(match)
        return matches
