"""Checks the store against itself: derived data against the log, bytes against their hashes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from league.config import RatingConfig
from league.errors import CorruptSnapshotError, DamagedStoreError, PrunedPolicyError, SegmentError, StoreError
from league.ladder.people import Person, PersonGame
from league.ladder.records import Match, Promotion, Snapshot
from league.ladder.retention import Pruned
from league.pool.champion import Champion
from league.pool.connection import read_json
from league.pool.derivation import Derivation
from league.pool.fold import Fold, Hash, Seen
from league.pool.learners import Learners
from league.pool.log import Watch
from league.pool.matches import RULES, read_payoff, read_ratings, read_standings
from league.pool.segments import Segment
from league.pool.snapshots import Snapshots

PIECE: Final = 20_000
"""Derived values that are parsed together."""


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What was looked at and what was wrong."""

    matches: int
    snapshots: int
    promotions: int
    checkpoints: int
    problems: tuple[str, ...]
    """One line each; none if the store is whole."""


class Verifier(Snapshots, Derivation, Champion, Learners):
    """Part of the store: its self-check."""

    def verify(self, watch: Watch = lambda line: None) -> Verification:
        """Read everything and compare; changes nothing, and may run beside a league at work.

        The log is read piece by piece, from wherever it is. `watch` is called with a line of progress after each.

        Ratings and payoff are derived again from the log and must be equal to the last bit; match ids must be unique
        and all in the index; checkpoints must have their hashes, and so must weights that were not pruned; every
        champion must be a snapshot, and not pruned.

        Raises:
            WrongLeagueError: there is no league.
        """
        config = self.require_config()
        matches, problems = self._verify_matches(config.ratings, watch)
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

    def _verify_matches(self, config: RatingConfig, watch: Watch) -> tuple[int, list[str]]:
        """What was derived at one moment, against the log up to that moment, which does not change any more."""
        stored, problems = self.stored(), list[str]()
        fold, twice = Fold(config, stored.sealed, stored.kinds), list[str]()

        def second(number: int, match: Match) -> None:
            first = self._first(match.match_id, number)
            twice.append(f"match {match.match_id} counts twice: entries {first}-0 and {number}-0 of the log")

        whole = True

        def damaged(error: StoreError) -> None:
            nonlocal whole
            whole = whole and not isinstance(error, SegmentError)
            problems.append(str(error))

        self.fold(fold, Seen(), stored.last, damaged=damaged, twice=second, watch=watch)
        problems += [*self._wrong_segments(), *twice, *_index_problems(fold, stored.index)]
        if not whole:
            return fold.matches, [*problems, "ratings and payoff cannot be checked without that part of the log"]
        hashes = ((read_payoff, stored.payoff), (read_ratings, stored.ratings), (read_standings, stored.standings))
        for read, hashed in hashes:
            fields = iter(hashed.items())
            try:
                while piece := dict(islice(fields, PIECE)):  # Millions of counts of a payoff, not all of them at once.
                    read({field.encode("utf-8", "surrogateescape"): value for field, value in piece.items()})
            except StoreError as error:
                problems.append(str(error))
        if fold.differing("payoff", stored.payoff):
            problems.append("the payoff is not what the match log gives")
        for name in sorted(fold.differing("ratings", stored.ratings)):
            was = stored.ratings.get(name, b"nothing").decode(errors="replace")
            problems.append(f"rating of {name}: stored {was}, the match log gives {fold.ratings.get(name)}")
        # Those of an older version are counted by whoever trains the league next.
        for name in sorted(fold.differing("standings", stored.standings)) if stored.rules >= RULES else ():
            problems.append(f"the standing of {name} is not what the match log gives")
        return fold.matches + len(twice), problems

    def _wrong_segments(self) -> Iterator[str]:
        """What is not as sealing leaves it; their files are read with the log."""
        stored, sealed = self._together(("HGETALL", self._keys.segments), ("HGETALL", self._keys.sealed))
        segments = sorted((read_json(Segment.from_json, data) for data in stored.values()), key=lambda one: one.number)
        said = {field.decode(): int(value) for field, value in sealed.items()}
        before = 0
        for expected, segment in enumerate(segments, start=1):
            if segment.number != expected or segment.first <= before:
                yield f"{segment.about} does not follow the one before it"
            before = segment.last
        if segments and said != {
            "last": segments[-1].last,
            "segments": len(segments),
            "matches": sum(one.matches for one in segments),
        }:
            yield "the totals of the segments of the match log are not theirs"

    def _unreadable(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """A line for each entry that is not what should be there, and the command that removes it."""
        hashes: tuple[tuple[str, Callable[[Any], Any]], ...] = (
            (self._keys.snapshots, Snapshot.from_json),
            (self._keys.pruned, Pruned.from_json),
            (self._keys.people, Person.from_json),
            (self._keys.people_opponents, Person.from_json),
            (self._keys.segments, Segment.from_json),
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
        pruned = self.pruned()
        for digest in dict.fromkeys(snapshot.digest for snapshot in snapshots if snapshot.digest not in pruned):
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


def _index_problems(fold: Fold, index: Hash) -> Iterator[str]:
    stored = {match_id: entry.decode(errors="replace") for match_id, entry in index.items()}
    for match_id in sorted(fold.differing("index", index)):
        if match_id not in fold.index:
            yield f"match {match_id} is in the index, but not in the log"
        else:
            where = fold.index[match_id]
            yield f"match {match_id} is entry {where}-0 of the log, but {stored.get(match_id)} in the index"
