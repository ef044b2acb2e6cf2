"""What is new in a league, for whoever looks often at a store that is large."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from league.ladder.payoff import Payoff
from league.ladder.records import Match, Promotion, Snapshot
from league.pool.connection import Connection
from league.pool.journal import read_event_counts
from league.pool.matches import CHUNK, read_entries, read_match, read_payoff


@dataclass(frozen=True, kw_only=True)
class News:
    """All of one moment; of what is only appended to, what had not been read before."""

    now_s: float
    """That moment, by the server's clock (Unix, s)."""
    names: int
    """Snapshots in the pool that had not been read before."""
    snapshots: list[Snapshot]
    """Those of them that are stored, oldest first."""
    promotions: list[Promotion]
    """Entries of the champion's history that had not been read before, oldest first."""
    pruned: frozenset[str]
    """Digests of weights that were pruned."""
    ratings: dict[bytes, bytes]
    """By name, as they are stored."""
    matches: int
    """Number of matches in the log."""
    newest: int
    """Number of the last match in the log, 0 without any."""
    latest: list[Match]
    """The last of those after the match that was known, newest first; as many as were asked for."""
    payoff: Payoff | None
    """With the `newest` match; None where it was not asked for."""
    status: Mapping[str, Any] | None
    events: dict[str, int]
    """How many there were, by kind."""
    last_events: list[dict[str, Any]]
    """Newest first, as many as were asked for: `kind`, `text`, `at_s`."""
    refusals: dict[str, int]
    """Candidates of people that were not promoted, by outcome."""


class Latest(Connection):
    """Part of the store: reading on from where one was."""

    def identity(self) -> list[bytes | None]:
        """Another one if the league was set up anew or has another configuration."""
        found: list[bytes | None] = self._call("HMGET", self._keys.meta, "created_s", "config")
        return found

    def news(
        self, *, snapshots: int, promotions: int, match: int, latest: int = 0, events: int = 0, payoff: bool = False
    ) -> News:
        """What came after the first `snapshots` and `promotions` and after the match with that number.

        `latest` and `events`: so many of the newest at most. The large `payoff` only if it is asked for.
        """
        keys = self._keys
        commands = [
            ("TIME",),
            ("XREVRANGE", keys.matches, "+", "-", "COUNT", 1),
            ("XLEN", keys.matches),
            ("HGETALL", keys.ratings),
            ("LRANGE", keys.snapshot_order, snapshots, -1),
            ("HKEYS", keys.pruned),
            ("LRANGE", keys.promotions, promotions, -1),
            ("GET", keys.status),
            ("HGETALL", keys.event_counts),
            ("HGETALL", keys.refusals),
            ("XREVRANGE", keys.matches, "+", f"({match}-0", "COUNT", latest),
            ("LRANGE", keys.events, 0, events),  # One more: of none, the last index would mean all.
            *([("HGETALL", keys.payoff)] if payoff else []),
        ]
        now, last, count, ratings, order, pruned, history, status, counted, refusals, fresh, said, *counts = (
            self._together(*commands)
        )
        stored = self._call("HMGET", keys.snapshots, *order) if order else []
        return News(
            now_s=self._clock.set(now),
            names=len(order),
            snapshots=[Snapshot.from_json(json.loads(data)) for data in stored if data is not None],
            promotions=[Promotion.from_json(json.loads(entry)) for entry in history],
            pruned=frozenset(digest.decode() for digest in pruned),
            ratings=ratings,
            matches=count,
            newest=max((int(entry.partition("-")[0]) for entry, _ in read_entries(last)), default=0),
            latest=[read_match(entry, fields) for entry, fields in read_entries(fresh)],
            payoff=read_payoff(counts[0]) if payoff else None,
            status=None if status is None else json.loads(status),
            events=read_event_counts(counted),
            last_events=[json.loads(event) for event in said[:events]],
            refusals={outcome.decode(): int(count) for outcome, count in refusals.items()},
        )

    def matches_after(self, number: int, newest: int) -> list[Match]:
        """The matches of the log after that `number`, up to the `newest`."""
        matches: list[Match] = []
        while number < newest:
            reply = self._call("XRANGE", self._keys.matches, f"({number}-0", f"{newest}-0", "COUNT", CHUNK)
            chunk = read_entries(reply)
            if not chunk:
                break
            matches += [read_match(entry, fields) for entry, fields in chunk]
            number = int(chunk[-1][0].partition("-")[0])
        return matches
