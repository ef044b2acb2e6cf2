"""What is new in a league, for whoever looks often at a store that is large."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from league.ladder.records import Match, Promotion, Snapshot
from league.ladder.standings import Standings
from league.pool.connection import read_json
from league.pool.derivation import Derivation
from league.pool.entries import entry_number, read_entries, read_match
from league.pool.journal import read_event_counts
from league.pool.matches import kinds_of


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What is read anew whenever one looks: none of it grows with the length of history."""

    read_s: float = 0.0
    """When, by the server's clock (Unix, s), as every time in the store is."""
    pruned_digests: frozenset[str] = frozenset()
    """Of weights that were pruned."""
    matches: int = 0
    """Number of matches in the log."""
    said: Mapping[str, Any] | None = None
    """What the coordinator said last, as it is stored."""
    events: Sequence[Mapping[str, Any]] = ()
    """Newest first, as many as were asked for: `kind`, `text`, `at_s`."""
    event_counts: Mapping[str, int] = field(default_factory=dict)
    """How many there were, by kind."""
    refusals: Mapping[str, int] = field(default_factory=dict)
    """Candidates of people that were not promoted, by outcome."""


@dataclass(frozen=True, kw_only=True)
class News(Moment):
    """All of one moment; of what is only appended to, what had not been read before."""

    names: int
    """Snapshots in the pool that had not been read before."""
    snapshots: list[Snapshot]
    """Those of them that are stored, oldest first."""
    promotions: list[Promotion]
    """Entries of the champion's history that had not been read before, oldest first."""
    ratings: dict[bytes, bytes]
    """By name, as they are stored."""
    newest: int
    """Number of the last match in the log, 0 without any."""
    latest: list[Match]
    """The last of those after the match that was known, newest first; as many as were asked for."""
    standings: Standings | None
    """With the `newest` match; None where they were not asked for."""


class Latest(Derivation):
    """Part of the store: reading on from where one was."""

    def stored_last(self) -> int:
        """Number of the last match in the log, 0 without any."""
        return self._last_number(self._call)

    def age_s(self) -> float:
        """Seconds since the league began, by the server's clock; 0 where that is not known."""
        created, now = self._together(("HGET", self._keys.meta, "created_s"), ("TIME",))
        return 0.0 if created is None else max(0.0, self._clock.set(now) - float(created))

    def identity(self) -> list[bytes | None]:
        """Another one if the league was set up anew or has another configuration."""
        found: list[bytes | None] = self._call("HMGET", self._keys.meta, "created_s", "config")
        return found

    def news(
        self, *, snapshots: int, promotions: int, match: int, latest: int = 0, events: int = 0, standings: bool = False
    ) -> News:
        """What came after the first `snapshots` and `promotions` and after the match with that number.

        `latest` and `events`: so many of the newest at most. `standings` only if asked for, with all snapshots.
        """
        keys, source = self._keys, self._standings_key()
        now, last, sealed, count, ratings, order, pruned, history, status, counted, refusals, fresh, noted, *more = (
            self._together(
                ("TIME",),
                ("XREVRANGE", keys.matches, "+", "-", "COUNT", 1),
                ("HMGET", keys.sealed, "last", "matches"),
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
                *([("HGET", keys.meta, "rules"), ("HGETALL", source)] if standings else []),
            )
        )
        if standings and source != self._standings_key(more[0]):  # They were counted anew just now.
            return self.news(
                snapshots=snapshots, promotions=promotions, match=match, latest=latest, events=events, standings=True
            )
        stored = self._call("HMGET", keys.snapshots, *order) if order else []
        new = [read_json(Snapshot.from_json, data) for data in stored if data is not None]
        return News(
            read_s=self._clock.set(now),
            names=len(order),
            snapshots=new,
            promotions=[read_json(Promotion.from_json, entry) for entry in history],
            pruned_digests=frozenset(digest.decode() for digest in pruned),
            ratings=ratings,
            matches=count + int(sealed[1] or 0),
            newest=max((entry_number(entry) for entry, _ in read_entries(last)), default=int(sealed[0] or 0)),
            latest=[read_match(entry, fields) for entry, fields in read_entries(fresh)],
            standings=self._read_standings(source, more[1], kinds_of(new)) if standings else None,
            said=None if status is None else read_json(dict, status),
            event_counts=read_event_counts(counted),
            events=[read_json(dict, event) for event in noted[:events]],
            refusals={outcome.decode(): int(count) for outcome, count in refusals.items()},
        )

    def matches_after(self, number: int, newest: int) -> list[Match]:
        """The matches of the log after that `number`, up to the `newest`; raises as `history`."""
        return [match for _, match in self.history(number, newest)]
