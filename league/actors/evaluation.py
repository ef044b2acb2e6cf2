"""The coordinator's desk for matches: which are played, and by whom."""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass
from typing import Any

from league.actors.futures import Futures, LostError
from league.actors.gate import Gate
from league.actors.roster import Roster
from league.actors.spawn import Place, spawn_match_worker
from league.errors import CorruptSnapshotError, PrunedPolicyError, StoreUnreachableError
from league.ladder.matchmaking import evaluation_pair
from league.ladder.promotion import Wanted
from league.ladder.records import Match

SETTLED_MATCHES = 4
"""A rating rests on enough after so many matches."""


@dataclass(kw_only=True)
class Slot:
    """What the coordinator knows of one match worker."""

    name: str
    actor: Any
    match: Wanted | None = None
    """Under way."""
    rests_until: float = 0.0
    """So that matches take no more than their share of the time."""


class Evaluation:
    """All match workers of the league."""

    def __init__(self, place: Place, roster: Roster, futures: Futures) -> None:
        self.roster = roster
        self.futures = futures
        self.gate = Gate(roster)
        workers = range(roster.config.arena.workers)
        self.slots = [Slot(name=f"match-{n}", actor=spawn_match_worker(place, n)) for n in workers]
        self.unrecorded: list[Match] = []
        """Results that the store has not taken yet: it did not answer."""

    @property
    def busy(self) -> bool:
        """Whether a match is being played."""
        return any(slot.match is not None for slot in self.slots)

    @property
    def settled(self) -> bool:
        """Whether every snapshot has played enough, and none is left that might become champion."""
        return not self.unrated and not self.gate.busy

    @property
    def unrated(self) -> int:
        """Matches that snapshots lack until each has played enough, at most: one match may serve two of them."""
        games, ratings = self.roster.config.arena.games, self.roster.ratings
        played = (ratings[name].games if name in ratings else 0 for name in self.roster.playable())
        return sum(max(0, math.ceil(SETTLED_MATCHES - count / games)) for count in played)

    def to_json(self) -> dict[str, Any]:
        """Workers and backlog, as the status shows them."""
        candidates, gate = self.gate.backlog
        return {
            "workers": len(self.slots),
            "busy": sum(slot.match is not None for slot in self.slots),
            "candidates": candidates,
            "wanted": {"gate": gate, "rating": self.unrated},
        }

    def assign(self, *, resting: bool = True) -> None:
        """Give every idle worker a match; `resting`: unless it has had its share of the time."""
        self.record()
        for slot in self.slots:
            if slot.match is not None or (resting and time.monotonic() < slot.rests_until):
                continue
            match = self._next_match()
            if match is not None:
                seed = int(self.roster.rng.integers(2**31))
                self._watch(slot, slot.actor.play.remote(match.row, match.column, match.games, seed), match)

    def _next_match(self) -> Wanted | None:
        """For the champion's place if anybody is after it, else for the ratings."""
        roster = self.roster
        wanted = self.gate.wanted([(s.match.row, s.match.column) for s in self.slots if s.match is not None])
        if wanted is not None:
            return wanted
        pair = evaluation_pair(roster.playable(), roster.bots, roster.ratings, roster.config.ratings, roster.rng)
        return None if pair is None else Wanted(*pair, roster.config.arena.games, gate=False)

    def record(self) -> None:
        """Store the results; those that the store does not take are kept for the next time."""
        while self.unrecorded:
            self.roster.record(self.unrecorded[0])
            self.gate.add(self.unrecorded.pop(0))

    def _watch(self, slot: Slot, future: Any, wanted: Wanted) -> None:
        slot.match = wanted
        share = self.roster.config.arena.share

        def played(result: tuple[Match, float]) -> None:
            match, seconds = result
            slot.match = None
            self.roster.lost.discard(slot.name)
            self.roster.totals["match_seconds"]["gate" if wanted.gate else "rating"] += seconds
            slot.rests_until = time.monotonic() + seconds * (1 / share - 1)
            self.unrecorded.append(dataclasses.replace(match, gate=wanted.gate))
            self.record()

        def failed(error: Exception) -> None:
            slot.match = None
            match error:
                case CorruptSnapshotError():
                    self.roster.quarantine([wanted.row, wanted.column])
                case PrunedPolicyError():
                    self.roster.read_snapshots()
                case LostError():
                    self.roster.count_lost(slot.name, "match_worker")
                    self.roster.say("lost", f"a match of {wanted.row} against {wanted.column}: {error}")
                case StoreUnreachableError():
                    pass
                case _:
                    raise error

        self.futures.watch(future, played, failed)
