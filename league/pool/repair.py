"""Bringing a damaged store back to what can be saved of it, and saying by name what cannot."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from league.errors import (
    CorruptSnapshotError,
    LeaseError,
    PrunedPolicyError,
    SegmentError,
    StoreError,
    WrongLeagueError,
)
from league.ladder.retention import Pruned
from league.pool import appendlog
from league.pool.connection import dumps
from league.pool.embedded import alone, server_binary
from league.pool.entries import read_match
from league.pool.verification import Verifier

BY: Final = "repair"
"""Who pruned weights that were damaged."""


@dataclass(frozen=True, kw_only=True)
class Repair:
    """What became of a damaged store."""

    kept: str | None
    """Folder with the files as they were; None where there is none, or nothing was damaged."""
    lost: tuple[str, ...]
    """A line for each thing that could not be saved."""
    derived: tuple[str, ...]
    """A line for each value that was derived anew from the match log."""

    def to_json(self) -> dict[str, Any]:
        """The report as plain data for JSON, under the names of the fields."""
        return asdict(self)


class Repairs(Verifier):
    """Part of the store: what can be put right in it."""

    def repair(self) -> tuple[list[str], list[str]]:
        """Remove what cannot be read, and derive anew what follows from the rest. Nobody may train the league.

        Weights that are damaged or missing count as pruned from now on, by `repair`; an archive that holds them brings
        them back. A learner without a whole checkpoint goes on from its newest snapshot.

        Returns:
            What was lost, and what was derived anew, a line each.

        Raises:
            WrongLeagueError: there is no league.
            LeaseError: a run trains it.
            DamagedStoreError: its configuration cannot be read.
        """
        self.require_config()
        lease = self._call("GET", self._keys.lease)
        if lease is not None:
            raise LeaseError(f"league {self.league!r} at {self.address} is being trained: end that run first")
        lost = [
            *self._without(self._unreadable()),
            *self._without(self._unreadable_matches()),
            *self._without(self._half_snapshots()),
            *self._without(self._damaged_weights()),
            *self._without(self._damaged_checkpoints()),
        ]
        lost += [f"match {number} of the log is missing" for number in self._missing_matches()]
        gone = list(self._lost_segments())
        if gone:
            return [*lost, *gone, "ratings, payoff and index stay as they are stored, until it is back"], []
        return lost, list(self.rebuild().repaired)

    def _lost_segments(self) -> Iterator[str]:
        for segment in self.segments():
            try:
                self.segment_bytes(segment)
            except SegmentError as error:
                yield str(error)

    def _without(self, found: Iterator[tuple[str, tuple[Any, ...]]]) -> Iterator[str]:
        for line, command in list(found):
            self._write(command)
            yield line

    def _unreadable_matches(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        for entry, fields in self._log():
            try:
                read_match(entry, fields)
            except StoreError as error:
                yield str(error), ("XDEL", self._keys.matches, entry)

    def _missing_matches(self) -> Iterator[str]:
        expected = int(self._call("HGET", self._keys.sealed, "last") or 0) + 1
        for entry, _ in self._log():
            number = int(entry.partition("-")[0])
            if number > expected:
                yield f"{expected:,}" if number == expected + 1 else f"{expected:,} to {number - 1:,}"
            expected = number + 1

    def _half_snapshots(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        order, known = self._together(("LRANGE", self._keys.snapshot_order, 0, -1), ("HKEYS", self._keys.snapshots))
        for name in dict.fromkeys(order):
            if name not in known:
                yield f"the description of snapshot {name.decode()}", ("LREM", self._keys.snapshot_order, 0, name)
        for name in known:
            if name not in order:
                line = f"the place of snapshot {name.decode()} in the order: it counts as the newest"
                yield line, ("RPUSH", self._keys.snapshot_order, name)

    def _damaged_weights(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        record = dumps(Pruned(by=BY, pruned_s=self.now_s()).to_json())
        pruned = self.pruned()
        for digest in dict.fromkeys(s.digest for s in self.snapshots() if s.digest not in pruned):
            try:
                self.weights(digest)
            except PrunedPolicyError:
                pass
            except CorruptSnapshotError as error:
                self._write(("DEL", self._keys.weights(digest)))
                yield str(error), ("HSET", self._keys.pruned, digest, record)

    def _damaged_checkpoints(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        for learner in self.learners():
            try:
                if self.checkpoint(learner) is not None:
                    continue
                line = f"the checkpoint of learner {learner!r} is missing"
            except (CorruptSnapshotError, ValueError):
                line = f"the checkpoint of learner {learner!r} is not what was saved"
            self._write(("DEL", self._keys.checkpoint(learner)))
            yield line, ("SREM", self._keys.learners, learner)


def repair_files(folder: Path) -> tuple[Path | None, list[str]]:
    """Write the append-only file of a folder anew without what is damaged in it; the one that was there is kept.

    Returns:
        The folder with the files as they were, None where they are whole; and what was lost, a line each.

    Raises:
        WrongLeagueError: there is no store in the folder.
        StoreError: it is in use, or cannot be written.
    """
    if not (folder / appendlog.FOLDER).is_dir():
        raise WrongLeagueError(f"no league at {folder}: nothing to repair")
    try:
        with alone(folder):
            kept, lost = appendlog.repaired(folder, server_binary())
    except OSError as error:
        raise StoreError(f"{folder} cannot be repaired, and is as it was: {error.strerror or error}") from error
    return kept, [str(one) for one in lost]


def keep_files(folder: Path) -> Path:
    """Copy the append-only file of a folder aside, before what it holds is changed; where it is now.

    Raises `StoreError` where it is in use, or there is no room.
    """
    kept = appendlog.beside(folder)
    try:
        with alone(folder):
            shutil.copytree(folder / appendlog.FOLDER, kept)
    except OSError as error:
        with suppress(OSError):
            shutil.rmtree(kept)
        raise StoreError(f"{folder} cannot be repaired, and is as it was: {error.strerror or error}") from error
    return kept
