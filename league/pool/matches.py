"""Recording matches, and what is derived from them as they come: payoff and ratings."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from league.errors import DamagedStoreError, StoreError, UnknownMatchError
from league.ladder import standings as counting
from league.ladder.payoff import OUTCOMES, SEPARATOR, Payoff, check_policy_name, match_counts
from league.ladder.ratings import Rating, rate
from league.ladder.records import Match, Snapshot
from league.ladder.standings import Kind, Kinds, Standing, Standings
from league.pool.connection import Command, dumps, read_json
from league.pool.entries import entry_number, read_entries, read_match, read_replays
from league.pool.log import Log

T = TypeVar("T")

RULES: Final = 3
"""Version of what follows from the log: since 2 the games of a race count for neither payoff nor ratings; since 3 there
are `Keys.standings`."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What came of recording some matches."""

    counted: tuple[bool, ...]
    """Of each whether it counted just now, and had not before."""
    ratings: Mapping[str, Rating]
    """Of everyone in them, as they are now."""
    last: int
    """Number of the last match in the log."""


class Matches(Log):
    """Part of the store: each match is appended to the log and applied once."""

    def record(self, match: Match) -> bool:
        """Append a match together with the payoff and the ratings that follow, in one transaction.

        Returns:
            Whether it counted just now. False if a match with this id had counted before, which also says so
            after the reply to the first attempt was lost: either way it counts exactly once. Ids are remembered for as
            long as the match is not in a segment (`LogConfig.keep`).

        Raises:
            StoreError: a policy's name cannot be used.
            WrongLeagueError: there is no league.
        """
        return self.record_all([match]).counted[0]

    def record_all(self, matches: Sequence[Match]) -> Recorded:
        """Like `record` for several, in their order: all of them or none."""
        for match in matches:
            for name in (match.row, match.column):
                try:
                    check_policy_name(name)
                except ValueError as error:
                    raise StoreError(f"match {match.match_id}: {error}") from error
        # Every record appends to the log: watching it puts all of them in one order, the order of the ratings.
        return self._transact(
            [self._keys.meta, self._keys.matches, self._keys.match_index, self._keys.ratings, self._keys.standings],
            lambda pipe: self._attempt_record(pipe, matches),
        )

    def _attempt_record(self, pipe: Any, matches: Sequence[Match]) -> Recorded:
        read: Command = pipe.execute_command
        config = self.require_config(read)
        known = read("HMGET", self._keys.match_index, *(match.match_id for match in matches))
        policies = list(dict.fromkeys(name for match in matches for name in (match.row, match.column)))
        ratings = read_ratings(_there(policies, read("HMGET", self._keys.ratings, *policies)))
        standings = read_standings(_there(policies, read("HMGET", self._keys.standings, *policies)))
        kinds = read_kinds(_there(policies, read("HMGET", self._keys.snapshots, *policies)))
        last = self._last_number(read)
        seen = {match.match_id for match, entry in zip(matches, known, strict=True) if entry is not None}
        counted, new, changed = list[bool](), list[Match](), set[str]()
        for match in matches:
            counted.append(match.match_id not in seen)
            if counted[-1]:
                seen.add(match.match_id)
                new.append(match)
                rated = rate(ratings, match, config.ratings)
                ratings |= rated
                changed |= rated.keys()
                counting.count(standings, match, kinds)
        pipe.multi()
        self._queue_matches(pipe.execute_command, new, last + 1, config.arena.replays)
        self._queue_ratings(pipe.execute_command, {name: ratings[name] for name in changed})
        for name in changed & standings.keys():
            pipe.execute_command("HSET", self._keys.standings, name, dumps(standings[name].to_json()))
        return Recorded(counted=tuple(counted), ratings=ratings, last=last + len(new))

    def _queue_matches(self, queue: Command, matches: Sequence[Match], first: int, replays: int) -> None:
        counts = Counter[str]()
        for number, match in enumerate(matches, start=first):
            entry = f"{number}-0"
            queue("XADD", self._keys.matches, entry, "match", dumps(match.to_json()))
            queue("HSET", self._keys.match_index, match.match_id, entry)
            if match.replays and replays:
                queue("XADD", self._keys.replays, "MAXLEN", replays, entry, "games", dumps(match.replays))
            counts.update(match_counts(match))
        for field, count in counts.items():
            queue("HINCRBY", self._keys.payoff, field, count)

    def _queue_ratings(self, queue: Command, ratings: Mapping[str, Rating]) -> None:
        for name, rating in ratings.items():
            queue("HSET", self._keys.ratings, name, dumps(rating.to_json()))

    def _last_number(self, read: Command) -> int:
        """Number of the last match in the log, 0 without any; one that was removed counts, as it is not given again."""
        if not read("EXISTS", self._keys.matches):
            return int(read("HGET", self._keys.sealed, "last") or 0)
        words = read("XINFO", "STREAM", self._keys.matches)
        return entry_number(words[words.index(b"last-generated-id") + 1].decode())

    def match(self, match_id: str) -> Match:
        """One of the newest matches by its id, with its `replays` if they are still kept.

        Raises:
            UnknownMatchError: no match has this id, or it is in a segment.
            StoreError: what is stored is not a match.
        """
        entry = self._call("HGET", self._keys.match_index, match_id)
        if entry is None:
            older = ", nor is it one of those that are kept one by one" if self._call("HLEN", self._keys.sealed) else ""
            raise UnknownMatchError(f"no match {match_id!r} in league {self.league!r}{older}")
        found, kept = self._together(
            *(("XRANGE", key, entry, entry) for key in (self._keys.matches, self._keys.replays))
        )
        if not found:
            raise StoreError(f"match {match_id} is in the index, but not in the log")
        match = read_match(*read_entries(found)[0])
        return replace(match, replays=read_replays(*read_entries(kept)[0])) if kept else match

    def payoff(self) -> Payoff:
        """Who beat whom, over all matches."""
        return read_payoff(self._call("HGETALL", self._keys.payoff))

    def payoff_of(self, policies: Collection[str]) -> Payoff:
        """`payoff` of these among each other: of few it is asked pair by pair, else read through by the chunk."""
        seatings, names = self._latest_seatings(), list(dict.fromkeys(policies))
        asked = len(names) ** 2 * len(seatings) * len(OUTCOMES)
        if seatings and asked < int(self._call("HLEN", self._keys.payoff)):
            return self.payoff_among(names, seatings)
        return self._read_through(frozenset(names))

    def _latest_seatings(self) -> set[str]:
        """Those of the newest matches: each match has all that its game knows."""
        reply = self._call("XREVRANGE", self._keys.matches, "+", "-", "COUNT", _LATEST)
        return {seating for entry in read_entries(reply) for seating in read_match(*entry).results}

    def _read_through(self, names: frozenset[str]) -> Payoff:
        found, cursor = dict[bytes, bytes](), 0
        while True:
            cursor, flat = self._call("HSCAN", self._keys.payoff, cursor, "COUNT", _FIELDS)
            for field, count in flat.items() if isinstance(flat, dict) else zip(flat[::2], flat[1::2], strict=True):
                parts = field.decode(errors="replace").split(SEPARATOR, 2)
                if names.issuperset(parts[:2]):
                    found[field] = count
            if not int(cursor):
                return read_payoff(found)

    def standings(self) -> Standings:
        """Each policy's games by role and by anchor, over all matches: what `payoff` says, a line for each policy."""
        while True:
            source = self._standings_key()
            rules, found = self._together(("HGET", self._keys.meta, "rules"), ("HGETALL", source))
            if source == self._standings_key(rules):
                return self._read_standings(source, found, read_kinds(self._call("HGETALL", self._keys.snapshots)))

    def standing(self, policy: str) -> Standing:
        """That of one policy, which need not have played."""
        if self._standings_key() != self._keys.standings:
            return self.standings().get(policy, Standing())
        data = self._call("HGET", self._keys.standings, policy)
        return Standing() if data is None else read_standings({policy.encode(): data})[policy]

    def _standings_key(self, rules: bytes | None = None) -> str:
        """From where standings are read: until an older store is counted anew, from the payoff."""
        rules = rules or self._call("HGET", self._keys.meta, "rules")
        return self._keys.standings if int(rules or 1) >= RULES else self._keys.payoff

    def _read_standings(self, source: str, found: Mapping[bytes, bytes], kinds: Kinds) -> Standings:
        if source == self._keys.standings:
            return read_standings(found)
        return _readable(lambda counts: counting.of_counts(counts, kinds), found)

    def payoff_among(self, policies: Sequence[str], seatings: Iterable[str]) -> Payoff:
        """`payoff` of every two of these alone, over these seatings: for a few of many policies much less to read."""
        return self._payoff_of(itertools.permutations(policies, 2), seatings)

    def payoff_between(self, few: Sequence[str], many: Sequence[str], seatings: Iterable[str]) -> Payoff:
        """`payoff` of each of the `few` with each of the `many`, over these seatings."""
        pairs = {(row, column): None for row in few for column in many if row != column}
        return self._payoff_of([*pairs, *((column, row) for row, column in pairs)], seatings)

    def _payoff_of(self, pairs: Iterable[tuple[str, str]], seatings: Iterable[str]) -> Payoff:
        ends = ["".join((SEPARATOR, seating, SEPARATOR, outcome)) for seating in seatings for outcome in OUTCOMES]
        counted = [both + end for both in dict.fromkeys(map(SEPARATOR.join, pairs)) for end in ends]
        found: dict[bytes, bytes] = {}
        for start in range(0, len(counted), _FIELDS):
            fields = counted[start : start + _FIELDS]
            counts = self._call("HMGET", self._keys.payoff, *fields)
            found |= {field.encode(): count for field, count in zip(fields, counts, strict=True) if count is not None}
        return read_payoff(found)

    def ratings(self) -> dict[str, Rating]:
        """The rating of everyone who was in a match, exact to the last bit."""
        return read_ratings(self._call("HGETALL", self._keys.ratings))


_FIELDS: Final = 20_000
"""Of the payoff per request: more would keep others waiting."""
_LATEST: Final = 12
"""The last so many matches say which seatings there are."""


def read_ratings(stored: Mapping[bytes, bytes]) -> dict[str, Rating]:
    """Ratings as they are stored; raises `StoreError` for what is none."""
    try:
        return {name: Rating.from_json(data) for name, data in _parsed(stored)}
    except (TypeError, ValueError) as error:
        raise StoreError(f"the store holds a rating that is none: {error}") from error


def read_standings(stored: Mapping[bytes, bytes]) -> Standings:
    """Standings as they are stored; raises `StoreError` for what is none."""
    try:
        return {name: Standing.from_json(data) for name, data in _parsed(stored)}
    except (TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"the store holds a standing that is none: {error}") from error


def _parsed(stored: Mapping[bytes, bytes]) -> Iterator[tuple[str, Any]]:
    """Names and what their JSON says, parsed in one piece: ten thousand small ones take four times as long.

    Raises `ValueError` where one of them is no JSON, or is not one value.
    """
    values = json.loads(b"[" + b",".join(stored.values()) + b"]")
    return zip((name.decode() for name in stored), values, strict=True)


def read_kinds(stored: Mapping[bytes, bytes]) -> Kinds:
    """Of which kind each name is, of snapshots as they are stored: one that is not among them is a bot.

    So is one that cannot be read, which `repair` removes.
    """
    found = []
    for data in stored.values():
        with suppress(DamagedStoreError):
            found.append(read_json(Snapshot.from_json, data))
    return kinds_of(found)


def kinds_of(snapshots: Iterable[Snapshot]) -> Kinds:
    """Of which kind each name is, where these are all snapshots."""
    known, bot = {snapshot.name: Kind.of(snapshot) for snapshot in snapshots}, Kind.of(None)
    return lambda name: known.get(name, bot)


def _there(names: Iterable[str], stored: Iterable[bytes | None]) -> dict[bytes, bytes]:
    """What `HMGET` has found, as `HGETALL` would say it."""
    return {name.encode(): data for name, data in zip(names, stored, strict=True) if data is not None}


def read_payoff(counts: Mapping[bytes, bytes]) -> Payoff:
    """The payoff as it is stored; raises `StoreError` for what is none."""
    return _readable(Payoff.from_counts, counts)


def _readable(read: Callable[[Mapping[str, int]], T], counts: Mapping[bytes, bytes]) -> T:
    try:
        fields = b"\n".join(counts).decode().split("\n") if counts else []  # At once: names have no blanks.
        return read(dict(zip(fields, map(int, counts.values()), strict=True)))
    except ValueError as error:
        raise StoreError(f"the store holds a payoff that is none: {error}") from error
