"""The coordinator's desk for matches: which are played, and by whom."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ray

from league.actors.futures import Futures, LostError
from league.actors.gate import Gate
from league.actors.roster import Roster
from league.actors.spawn import Place, spawn_match_worker
from league.cluster.nodes import Node, match_nodes
from league.cluster.plan import Bundle
from league.errors import CorruptSnapshotError, PrunedPolicyError, StoreUnavailableError
from league.ladder.matchmaking import evaluation_pair
from league.ladder.records import Match
from league.ladder.trials import Wanted

SETTLED_MATCHES = 4
"""A rating rests on enough after so many matches."""


WAITING_MATCHES = 4
"""For every so many matches that wait there may be a further worker."""


@dataclass(kw_only=True)
class WorkerSlot:
    """What the coordinator knows of one match worker."""

    number: int
    cpus: float = 0.0
    """That it asks for."""
    node: Node | None = None
    """Where it belongs."""
    actor: Any = None
    """None: Ray has not yet let go of its name."""
    match: Wanted | None = None
    """Under way."""
    absent: bool = False
    """Ray has not started it yet, or starts it again."""
    rests_until: float = 0.0
    """So that matches take no more than their share of the time."""

    @property
    def name(self) -> str:
        """Of the actor."""
        return f"match-{self.number}"


class Evaluation:
    """All match workers of the league."""

    def __init__(self, place: Place, roster: Roster, futures: Futures) -> None:
        self.place = place
        self.roster = roster
        self.futures = futures
        self.gate = Gate(roster)
        self.slots = [WorkerSlot(number=number) for number in range(roster.config.arena.workers)]
        self._needed_at = time.monotonic()
        """When as many workers as there are were last needed."""
        self.unrecorded: list[Match] = []
        """Results that the store has not taken yet: it did not answer."""

    @property
    def busy(self) -> bool:
        """Whether a match is being played."""
        return any(slot.match is not None for slot in self.slots)

    @property
    def settled(self) -> bool:
        """Whether every snapshot has played enough, and none races for the champion's place, as of `record`."""
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

    @property
    def backlog(self) -> int:
        """How many matches wait: until all ratings are settled, and of the race for the champion's place."""
        return self.unrated + self.gate.backlog[1]

    @property
    def bundles(self) -> list[Bundle]:
        """What the further workers ask for."""
        return [{"CPU": slot.cpus} for slot in self.slots if slot.cpus]

    def review(self, nodes: Sequence[Node]) -> None:
        """Have as many workers as the backlog needs, each on a node where matches are played."""
        config, homes = self.roster.config, match_nodes(nodes)
        further = min(config.capacity.match_workers, self.backlog // WAITING_MATCHES)
        now = time.monotonic()
        present = len(self.slots) - config.arena.workers
        if further >= present:
            self._needed_at = now
        elif now - self._needed_at < config.capacity.idle_s:
            further = present
        for number in range(len(self.slots), config.arena.workers + further):
            self.slots.append(WorkerSlot(number=number, cpus=1.0))
        while len(self.slots) > config.arena.workers + further and self.slots[-1].match is None:
            self._end(self.slots.pop())
        for slot in self.slots:
            if slot.match is None and (slot.actor is None or slot.node not in homes):
                self._start(slot, homes[slot.number % len(homes)])

    def _start(self, slot: WorkerSlot, node: Node) -> None:
        self._end(slot)
        try:
            slot.actor = spawn_match_worker(self.place, slot.number, node, cpus=slot.cpus)
        except ValueError:  # Ray has not yet let go of the name: at the next review.
            return
        slot.node = node
        self._await(slot)

    def _end(self, slot: WorkerSlot) -> None:
        if slot.actor is not None:
            self.futures.forget(slot.actor)
            ray.kill(slot.actor)
        slot.actor = slot.node = None

    def assign(self, *, resting: bool = True) -> None:
        """Give every idle worker a match; `resting`: unless it has had its share of the time."""
        self.record()
        under_way = [slot.match for slot in self.slots if slot.match is not None]
        for slot in self.slots:
            if slot.actor is None or slot.match is not None or slot.absent:
                continue
            if resting and time.monotonic() < slot.rests_until:
                continue
            match = self._next_match(under_way)
            if match is not None:
                under_way.append(match)
                seed = int(self.roster.rng.integers(2**31))
                self._watch(slot, slot.actor.play.remote(match.row, match.column, match.games, seed), match)

    def _next_match(self, under_way: Sequence[Wanted]) -> Wanted | None:
        """For the champion's place if anybody is after it, else for the ratings."""
        roster, wanted = self.roster, self.gate.wanted(under_way)
        if wanted is not None:
            return wanted
        pair = evaluation_pair(roster.playable(), roster.bots, roster.ratings, roster.config.ratings, roster.rng)
        return None if pair is None else Wanted(*pair, roster.config.arena.games, gate=False)

    def record(self) -> None:
        """Store the results, and let the race advance; those that the store does not take are kept for next time."""
        while self.unrecorded:
            self.roster.record(self.unrecorded[0])
            self.gate.add(self.unrecorded.pop(0))
        self.gate.advance()

    def _watch(self, slot: WorkerSlot, future: Any, wanted: Wanted) -> None:
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
                    self.roster.stale = True
                case LostError():
                    self.roster.count_lost(slot.name, "match_worker")
                    self.roster.say("lost", f"a match of {wanted.row} against {wanted.column}: {error}")
                    self._await(slot)
                case StoreUnavailableError():
                    pass  # It tried for a while; another match is due.
                case _:
                    raise error

        self.futures.watch(future, played, failed)

    def _await(self, slot: WorkerSlot) -> None:
        """Give it no match until Ray has started it."""
        slot.absent = True

        def back(nothing: None) -> None:
            slot.absent = False

        self.futures.when_ready(slot.actor, back)
