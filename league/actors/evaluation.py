"""The coordinator's desk for matches: which are played, and by whom."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from league.actors.futures import Futures, LostError
from league.actors.roster import Roster
from league.actors.spawn import Place, spawn_match_worker
from league.errors import CorruptSnapshotError, PrunedPolicyError, StoreUnreachableError
from league.ladder.matchmaking import evaluation_pair
from league.ladder.records import Match

SETTLED_MATCHES = 4
"""A rating rests on enough after so many matches."""


@dataclass(kw_only=True)
class Slot:
    """What the coordinator knows of one match worker."""

    actor: Any
    busy: bool = False
    rests_until: float = 0.0
    """So that matches take no more than their share of the time."""


class Evaluation:
    """All match workers of the league."""

    def __init__(self, place: Place, roster: Roster, futures: Futures) -> None:
        self.roster = roster
        self.futures = futures
        self.slots = [Slot(actor=spawn_match_worker(place, n)) for n in range(roster.config.arena.workers)]
        self.unrecorded: list[Match] = []
        """Results that the store has not taken yet: it did not answer."""

    @property
    def busy(self) -> bool:
        """Whether a match is being played."""
        return any(slot.busy for slot in self.slots)

    @property
    def settled(self) -> bool:
        """Whether every snapshot has played enough."""
        enough = SETTLED_MATCHES * self.roster.config.arena.games
        ratings = self.roster.ratings
        return all(name in ratings and ratings[name].games >= enough for name in self.roster.playable())

    def assign(self, *, resting: bool = True) -> None:
        """Give every idle worker a match; `resting`: unless it has had its share of the time."""
        self.record()
        roster, arena = self.roster, self.roster.config.arena
        for slot in self.slots:
            if slot.busy or (resting and time.monotonic() < slot.rests_until):
                continue
            pair = evaluation_pair(roster.playable(), roster.bots, roster.ratings, roster.config.ratings, roster.rng)
            if pair is not None:
                seed = int(roster.rng.integers(2**31))
                self._watch(slot, slot.actor.play.remote(*pair, arena.games, seed), pair)

    def record(self) -> None:
        """Store the results; those that the store does not take are kept for the next time."""
        while self.unrecorded:
            self.roster.record(self.unrecorded[0])
            self.unrecorded.pop(0)

    def _watch(self, slot: Slot, future: Any, pair: tuple[str, str]) -> None:
        slot.busy = True
        share = self.roster.config.arena.share

        def played(result: tuple[Match, float]) -> None:
            match, seconds = result
            slot.busy = False
            slot.rests_until = time.monotonic() + seconds * (1 / share - 1)
            self.unrecorded.append(match)
            self.record()

        def failed(error: Exception) -> None:
            slot.busy = False
            match error:
                case CorruptSnapshotError():
                    self.roster.quarantine(list(pair))
                case PrunedPolicyError():
                    self.roster.read_snapshots()
                case LostError():
                    self.roster.say("lost", f"a match of {pair[0]} against {pair[1]}: {error}")
                case StoreUnreachableError():
                    pass
                case _:
                    raise error

        self.futures.watch(future, played, failed)
