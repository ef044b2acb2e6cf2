"""The match log, and what is derived from it: payoff and ratings."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from league.config import RatingConfig
from league.errors import StoreError, UnknownMatchError
from league.ladder.payoff import OUTCOMES, SEPARATOR, Payoff, check_policy_name, match_counts, totals
from league.ladder.ratings import Rating, rate, recompute
from league.ladder.records import Match, Plain, Replay, Tally
from league.pool.connection import Command, Connection, dumps

T = TypeVar("T")

CHUNK: Final = 1000
"""Matches that are read from the log per request."""


@dataclass(frozen=True, kw_only=True)
class Rebuild(Plain):
    """What was derived anew from the match log."""

    matches: int
    ratings: int
    repaired: tuple[str, ...]
    """One line for each value in which the store differed from the log; none if they agreed, to the last bit."""


class Matches(Connection):
    """Part of the store: an append-only log of matches, each applied once."""

    def record(self, match: Match) -> bool:
        """Append a match together with the payoff and the ratings that follow, in one transaction.

        Returns:
            Whether it counted just now. False if a match with this id had counted before, which also says so
            after the reply to the first attempt was lost: either way it counts exactly once.

        Raises:
            StoreError: a policy's name cannot be used.
            WrongLeagueError: there is no league.
        """
        for name in (match.row, match.column):
            try:
                check_policy_name(name)
            except ValueError as error:
                raise StoreError(f"match {match.match_id}: {error}") from error
        # Every record appends to the log: watching it puts all of them in one order, the order of the ratings.
        return self._transact(
            [self._keys.meta, self._keys.matches, self._keys.match_index, self._keys.ratings],
            lambda pipe: self._attempt_record(pipe, match),
        )

    def _attempt_record(self, pipe: Any, match: Match) -> bool:
        read: Command = pipe.execute_command
        if read("HEXISTS", self._keys.match_index, match.match_id):
            return False
        config = self.require_config(read)
        policies = [match.row, match.column]
        stored = read("HMGET", self._keys.ratings, *policies)
        ratings = read_ratings({n.encode(): data for n, data in zip(policies, stored, strict=True) if data is not None})
        last = read_entries(read("XREVRANGE", self._keys.matches, "+", "-", "COUNT", 1))
        entry = f"{entry_number(last[0][0]) + 1 if last else 1}-0"
        pipe.multi()
        queue: Command = pipe.execute_command
        queue("XADD", self._keys.matches, entry, "match", dumps(match.to_json()))
        queue("HSET", self._keys.match_index, match.match_id, entry)
        if match.replays and config.arena.replays:
            queue("XADD", self._keys.replays, "MAXLEN", config.arena.replays, entry, "games", dumps(match.replays))
        for field, count in match_counts(match).items():
            queue("HINCRBY", self._keys.payoff, field, count)
        self._queue_ratings(queue, rate(ratings, match, config.ratings))
        return True

    def matches(self, count: int | None = None, *, newest_first: bool = False) -> Iterator[Match]:
        """Read the log in chunks, in its order or from its end; at most `count` of them.

        Raises `StoreError` at an entry that is not a match.
        """
        for entry, fields in self._log(count, newest_first):
            yield read_match(entry, fields)

    def match(self, match_id: str) -> Match:
        """One match by its id, with its `replays` if they are still kept.

        Raises:
            UnknownMatchError: no match has this id.
            StoreError: what is stored is not a match.
        """
        entry = self._call("HGET", self._keys.match_index, match_id)
        if entry is None:
            raise UnknownMatchError(f"no match {match_id!r} in league {self.league!r}")
        found, kept = self._together(
            *(("XRANGE", key, entry, entry) for key in (self._keys.matches, self._keys.replays))
        )
        if not found:
            raise StoreError(f"match {match_id} is in the index, but not in the log")
        match = read_match(*read_entries(found)[0])
        return replace(match, replays=read_replays(*read_entries(kept)[0])) if kept else match

    def match_count(self) -> int:
        """How many matches there are."""
        return int(self._call("XLEN", self._keys.matches))

    def payoff(self) -> Payoff:
        """Who beat whom, over all matches."""
        return read_payoff(self._call("HGETALL", self._keys.payoff))

    def totals(self) -> dict[str, Tally]:
        """Games of each policy against all others, over all matches, from its own point of view."""
        return _readable(totals, self._call("HGETALL", self._keys.payoff))

    def payoff_among(self, policies: Sequence[str], seatings: Iterable[str]) -> Payoff:
        """`payoff` of every two of these alone, over these seatings: for a few of many policies much less to read."""
        counted = [
            SEPARATOR.join((row, column, seating, outcome))
            for row, column in itertools.permutations(policies, 2)
            for seating in seatings
            for outcome in OUTCOMES
        ]
        counts = self._call("HMGET", self._keys.payoff, *counted) if counted else []
        stored = zip(counted, counts, strict=True)
        return read_payoff({field.encode(): count for field, count in stored if count is not None})

    def ratings(self) -> dict[str, Rating]:
        """The rating of everyone who was in a match, exact to the last bit."""
        return read_ratings(self._call("HGETALL", self._keys.ratings))

    def rebuild(self) -> Rebuild:
        """Derive payoff, ratings and index anew from the log: the repair of what `verify` finds in them.

        Returns:
            What was derived, and in what the store differed from it until now.

        Raises:
            WrongLeagueError: there is no league.
            StoreError: an entry of the log is not a match.
        """
        rebuilds: list[Rebuild] = []

        def attempt(pipe: Any) -> None:
            read: Command = pipe.execute_command
            config = self.require_config(read)
            log = self._read_log(read)
            derived = self._derived(log, config.ratings)
            repaired = [line for key, fields in derived.items() for line in _differences(key, read, fields)]
            rated = len(derived[self._keys.ratings])
            rebuilds.append(Rebuild(matches=len(log), ratings=rated, repaired=tuple(repaired)))
            pipe.multi()
            self._queue_derived(pipe.execute_command, derived)

        derived_keys = [self._keys.payoff, self._keys.ratings, self._keys.match_index]
        self._transact([self._keys.meta, self._keys.matches, *derived_keys], attempt)
        return rebuilds[-1]

    def _read_log(self, read: Command) -> dict[str, Match]:
        """By entry id. A match id that comes a second time, which only tampering makes, is passed over."""
        unique: dict[str, tuple[str, Match]] = {}
        for entry, fields in self._log(read=read):
            match = read_match(entry, fields)
            unique.setdefault(match.match_id, (entry, match))
        return dict(unique.values())

    def _derived(self, log: Mapping[str, Match], config: RatingConfig) -> dict[str, dict[str, bytes]]:
        """Every hash that follows from the log, by key, as it is stored."""
        payoff = Payoff()
        for match in log.values():
            payoff.add(match)
        return {
            self._keys.payoff: {field: str(count).encode() for field, count in payoff.to_counts().items()},
            self._keys.ratings: {
                name: dumps(rating.to_json()).encode() for name, rating in recompute(log.values(), config).items()
            },
            self._keys.match_index: {match.match_id: entry.encode() for entry, match in log.items()},
        }

    def _queue_derived(self, queue: Command, derived: Mapping[str, Mapping[str, bytes]]) -> None:
        for key, fields in derived.items():
            queue("DEL", key)
            for field, value in fields.items():
                queue("HSET", key, field, value)

    def _queue_ratings(self, queue: Command, ratings: Mapping[str, Rating]) -> None:
        for name, rating in ratings.items():
            queue("HSET", self._keys.ratings, name, dumps(rating.to_json()))

    def _log(
        self,
        count: int | None = None,
        newest_first: bool = False,
        *,
        first: str = "-",
        last: str = "+",
        read: Command | None = None,
        key: str | None = None,
    ) -> Iterator[tuple[str, dict[bytes, bytes]]]:
        """Raw entries, at most `count`, from the id `first` to `last`; read by `read` to be part of a transaction.

        `key` is that of another stream than the log.
        """
        read, key = read or self._call, key or self._keys.matches
        command, start, end = ("XREVRANGE", last, first) if newest_first else ("XRANGE", first, last)
        left = count
        while left is None or left > 0:
            size = CHUNK if left is None else min(CHUNK, left)
            chunk = read_entries(read(command, key, start, end, "COUNT", size))
            yield from chunk
            if len(chunk) < size:
                return
            start = f"({chunk[-1][0]}"
            left = None if left is None else left - size


def _differences(key: str, read: Command, derived: Mapping[str, bytes]) -> Iterator[str]:
    """One line for each field of a hash that is not what follows from the log."""
    kind = key.rpartition(":")[2]
    stored = {field.decode(errors="replace"): value for field, value in read("HGETALL", key).items()}
    for field in sorted(stored.keys() | derived.keys()):
        if stored.get(field) != derived.get(field):
            was, now = (data.get(field, b"nothing").decode(errors="replace") for data in (stored, derived))
            yield f"{kind} {field}: stored {was}, the match log gives {now}"


def read_entries(reply: Any) -> list[tuple[str, dict[bytes, bytes]]]:
    """Entries of the log as `XRANGE` returns them: id and fields."""
    return [(entry.decode(), fields) for entry, fields in reply or []]


def entry_number(entry: str) -> int:
    """Of an entry of the log, by its id: 1 is the first."""
    return int(entry.partition("-")[0])


def read_match(entry: str, fields: Mapping[bytes, bytes]) -> Match:
    """A match as it is stored; raises `StoreError` for what is none."""
    try:
        return Match.from_json(json.loads(fields[b"match"]))
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"entry {entry} of the match log is not a match: {error}") from error


def read_replays(entry: str, fields: Mapping[bytes, bytes]) -> tuple[Replay, ...]:
    """The games of a match as they are stored; raises `StoreError` for what is none."""
    try:
        return tuple(Replay.from_json(game) for game in json.loads(fields[b"games"]))
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"entry {entry} of the replays holds no games: {error}") from error


def read_ratings(stored: Mapping[bytes, bytes]) -> dict[str, Rating]:
    """Ratings as they are stored; raises `StoreError` for what is none."""
    try:
        return {name.decode(): Rating.from_json(json.loads(data)) for name, data in stored.items()}
    except (TypeError, ValueError) as error:
        raise StoreError(f"the store holds a rating that is none: {error}") from error


def read_payoff(counts: Mapping[bytes, bytes]) -> Payoff:
    """The payoff as it is stored; raises `StoreError` for what is none."""
    return _readable(Payoff.from_counts, counts)


def _readable(read: Callable[[Mapping[str, int]], T], counts: Mapping[bytes, bytes]) -> T:
    try:
        fields = b"\n".join(counts).decode().split("\n") if counts else []  # At once: names have no blanks.
        return read(dict(zip(fields, map(int, counts.values()), strict=True)))
    except ValueError as error:
        raise StoreError(f"the store holds a payoff that is none: {error}") from error
