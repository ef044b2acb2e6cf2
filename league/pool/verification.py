"""Checks the store against itself: derived data against the log, bytes against their hashes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from league.config import RatingConfig
from league.errors import CorruptSnapshotError, DamagedStoreError, PrunedPolicyError, StoreError
from league.ladder.payoff import Payoff
from league.ladder.people import Person, PersonGame
from league.ladder.ratings import recompute
from league.ladder.records import Match, Promotion, Snapshot
from league.ladder.retention import Pruned
from league.pool.champion import Champion
from league.pool.connection import read_json
from league.pool.learners import Learners
from league.pool.matches import Matches, read_entries, read_match, read_payoff, read_ratings
from league.pool.snapshots import Snapshots


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What was looked at and what was wrong."""

    matches: int
    snapshots: int
    promotions: int
    checkpoints: int
    problems: tuple[str, ...]
    """One line each; none if the store is whole."""


class Verifier(Snapshots, Matches, Champion, Learners):
    """Part of the store: its self-check."""

    def verify(self) -> Verification:
        """Read everything and compare; changes nothing, and may run beside a league at work.

        Ratings and payoff are derived again from the log and must be equal to the last bit; match ids must be unique
        and all in the index; checkpoints must have their hashes, and so must weights that were not pruned; every
        champion must be a snapshot, and not pruned.

        Raises:
            WrongLeagueError: there is no league.
        """
        config = self.require_config()
        matches, problems = self._verify_matches(config.ratings)
        learners = self.learners()
        if unreadable := [line for line, _ in self._unreadable()]:  # What follows would fail for it.
            problems += [*unreadable, *self._corrupt(learners)]
            return Verification(
                matches=matches, snapshots=0, promotions=0, checkpoints=len(learners), problems=tuple(problems)
            )
        snapshots, promotions = self.snapshots(), self.promotions()
        problems += [*self._lost_snapshots(snapshots), *self._corrupt_weights(snapshots), *self._corrupt(learners)]
        known, pruned = {(snapshot.name, snapshot.digest) for snapshot in snapshots}, self.pruned()
        for promotion in promotions:
            if (promotion.policy, promotion.digest) not in known:
                problems.append(f"champion {promotion.policy} ({promotion.digest[:12]}) is not among the snapshots")
            elif promotion.digest in pruned:
                problems.append(f"champion {promotion.policy} ({promotion.digest[:12]}) was pruned")
        return Verification(
            matches=matches,
            snapshots=len(snapshots),
            promotions=len(promotions),
            checkpoints=len(learners),
            problems=tuple(problems),
        )

    def _verify_matches(self, config: RatingConfig) -> tuple[int, list[str]]:
        # The derived data of one moment and the log up to that moment, which does not change any more.
        newest, index, payoff, ratings = self._together(
            ("XREVRANGE", self._keys.matches, "+", "-", "COUNT", 1),
            ("HGETALL", self._keys.match_index),
            ("HGETALL", self._keys.payoff),
            ("HGETALL", self._keys.ratings),
        )
        problems: list[str] = []
        log: dict[str, Match] = {}
        for last, _ in read_entries(newest):
            for entry, fields in self._log(last=last):
                try:
                    log[entry] = read_match(entry, fields)
                except StoreError as error:
                    problems.append(str(error))
        problems += _index_problems(log, {key.decode(): entry.decode() for key, entry in index.items()})
        try:
            folded = Payoff()
            for match in log.values():
                folded.add(match)
            if folded != read_payoff(payoff):
                problems.append("the payoff is not what the match log gives")
            rated, stored = recompute(log.values(), config), read_ratings(ratings)
            for name in sorted({name for name in rated.keys() | stored.keys() if rated.get(name) != stored.get(name)}):
                problems.append(f"rating of {name}: stored {stored.get(name)}, the match log gives {rated.get(name)}")
        except (StoreError, ValueError) as error:
            problems.append(str(error))
        return len(log), problems

    def _unreadable(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """A line for each entry that is not what should be there, and the command that removes it."""
        hashes: tuple[tuple[str, Callable[[Any], Any]], ...] = (
            (self._keys.snapshots, Snapshot.from_json),
            (self._keys.pruned, Pruned.from_json),
            (self._keys.people, Person.from_json),
            (self._keys.people_opponents, Person.from_json),
        )
        lists: tuple[tuple[str, Callable[[Any], Any]], ...] = (
            (self._keys.promotions, Promotion.from_json),
            (self._keys.people_games, PersonGame.from_json),
            (self._keys.events, lambda event: (event["kind"], event["text"], event["at_s"])),
        )
        for key, read in hashes:
            for field, data in self._call("HGETALL", key).items():
                if not _readable(read, data):
                    yield f"{_kind(key)} {field.decode(errors='replace')} cannot be read", ("HDEL", key, field)
        for key, read in lists:
            for number, data in enumerate(self._call("LRANGE", key, 0, -1), start=1):
                if not _readable(read, data):
                    yield f"{_kind(key)}: entry {number} cannot be read", ("LREM", key, 0, data)
        status = self._call("GET", self._keys.status)
        if status is not None and not _readable(lambda said: said["heartbeat_s"] + 0.0, status):
            yield "the status cannot be read", ("DEL", self._keys.status)

    def _lost_snapshots(self, snapshots: list[Snapshot]) -> Iterator[str]:
        order, known = self._together(("LRANGE", self._keys.snapshot_order, 0, -1), ("HKEYS", self._keys.snapshots))
        for name in sorted(set(order) ^ set(known)):
            lacks = "its description" if name in order else "a place in the order"
            yield f"snapshot {name.decode()} lacks {lacks}"
        if len(order) != len(set(order)):
            yield "a snapshot is listed twice"

    def _corrupt_weights(self, snapshots: list[Snapshot]) -> Iterator[str]:
        for digest in dict.fromkeys(snapshot.digest for snapshot in snapshots):
            try:
                self.weights(digest)
            except PrunedPolicyError:
                pass
            except CorruptSnapshotError as error:
                yield str(error)

    def _corrupt(self, learners: list[str]) -> Iterator[str]:
        for learner in learners:
            try:
                if self.checkpoint(learner) is None:
                    yield f"the checkpoint of learner {learner!r} is missing"
            except CorruptSnapshotError as error:
                yield str(error)


def _readable(read: Callable[[Any], Any], data: bytes) -> bool:
    try:
        read_json(read, data)
    except DamagedStoreError:
        return False
    return True


def _kind(key: str) -> str:
    return key.rpartition(":")[2]


def _index_problems(log: dict[str, Match], index: dict[str, str]) -> Iterator[str]:
    entries: dict[str, str] = {}
    for entry, match in log.items():
        if match.match_id in entries:
            yield f"match {match.match_id} counts twice: entries {entries[match.match_id]} and {entry} of the log"
        elif index.get(match.match_id) != entry:
            yield f"match {match.match_id} is entry {entry} of the log, but {index.get(match.match_id)} in the index"
        entries.setdefault(match.match_id, entry)
    for match_id in sorted(index.keys() - entries.keys()):
        yield f"match {match_id} is in the index, but not in the log"
