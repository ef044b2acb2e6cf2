"""The coordinator's desk for learners: whom they meet, when they are frozen, when they are saved."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from league.actors.futures import Futures, LostError
from league.actors.learner import Report
from league.actors.roster import Roster
from league.actors.spawn import Place, cluster_size, plan_hardware, spawn_learner
from league.errors import CorruptSnapshotError, PrunedPolicyError, StoreUnreachableError
from league.ladder.matchmaking import training_opponents
from league.ladder.payoff import LivePayoff
from league.ladder.records import Snapshot

DIVERGED_LIMIT = 3
"""A learner that diverges so many times in a row is stopped."""

SMOOTHING = 0.8
"""Of the speeds that are shown, per iteration."""


@dataclass(kw_only=True)
class Slot:
    """What the coordinator knows of one learner."""

    name: str
    actor: Any
    live: LivePayoff
    frozen_steps: int
    """Steps at its latest snapshot."""
    steps: int = 0
    ready: bool = False
    """Whether it has answered since this process began."""
    busy: bool = True
    diverged: int = 0
    """How often in a row."""
    opponents: dict[str, float] = field(default_factory=dict)
    held: int = 0
    """Iterations that they have stayed."""
    frozen_at: float = field(default_factory=time.monotonic)
    saved_at: float = field(default_factory=time.monotonic)
    steps_per_s: float = 0.0
    plies_per_s: float = 0.0
    losses: dict[str, float] = field(default_factory=dict)

    @property
    def stopped(self) -> bool:
        """Whether it has been given up."""
        return self.diverged >= DIVERGED_LIMIT


class Training:
    """All learners of the league."""

    def __init__(self, place: Place, roster: Roster, futures: Futures) -> None:
        self.roster = roster
        self.futures = futures
        config = roster.config
        cpus, gpus = cluster_size()
        hardware = plan_hardware(config, cpus, gpus)
        self.slots: list[Slot] = []
        for number in range(config.mains):
            name = "main" if config.mains == 1 else f"main{number + 1}"
            latest = roster.latest(name)
            slot = Slot(
                name=name,
                actor=spawn_learner(place, name, number, hardware, config, cpus),
                live=self._live(name),
                frozen_steps=latest.steps if latest else 0,
            )
            self.slots.append(slot)
            self._ask_ready(slot)

    def _live(self, name: str) -> LivePayoff:
        memory = self.roster.config.matchmaking.memory_games
        try:
            checkpoint = self.roster.store.checkpoint(name)
        except CorruptSnapshotError:
            checkpoint = None  # The learner finds it too, and says so.
        return LivePayoff.from_json(checkpoint[1]["live"], memory) if checkpoint else LivePayoff(memory)

    @property
    def steps(self) -> int:
        """Steps of all learners together."""
        return sum(slot.steps for slot in self.slots)

    @property
    def ready(self) -> bool:
        """Whether a learner can train."""
        return any(slot.ready for slot in self.slots)

    @property
    def all_stopped(self) -> bool:
        """Whether every learner has been given up."""
        return all(slot.stopped for slot in self.slots)

    @property
    def busy(self) -> bool:
        """Whether a learner is at work."""
        return any(slot.busy for slot in self.slots)

    def assign(self) -> None:
        """Give every idle learner its next task: freeze, save or train."""
        snapshots, now = self.roster.config.snapshots, time.monotonic()
        for slot in self.slots:
            if slot.busy or slot.stopped:
                continue
            due = now - slot.frozen_at >= snapshots.timeout_s and slot.steps > slot.frozen_steps
            if due or slot.steps - slot.frozen_steps >= snapshots.every_steps or not self.roster.latest(slot.name):
                self._freeze(slot)
            elif now - slot.saved_at >= snapshots.checkpoint_every_s:
                self._save(slot)
            else:
                self._train(slot)

    def save_all(self) -> None:
        """Freeze learners that have moved since their last snapshot, and save every one that is idle."""
        for slot in self.slots:
            if not slot.busy and not slot.stopped:
                if slot.steps > slot.frozen_steps:
                    self._freeze(slot)
                else:
                    self._save(slot)

    def _train(self, slot: Slot) -> None:
        matchmaking = self.roster.config.matchmaking
        if slot.held % matchmaking.hold_iterations == 0:
            slot.opponents = training_opponents(self.roster.playable(), slot.live, matchmaking, self.roster.rng)
        slot.held += 1

        def trained(report: Report) -> None:
            self._take(slot, report)

        self._ask(slot, slot.actor.train.remote(slot.opponents), trained)

    def _take(self, slot: Slot, report: Report) -> None:
        slot.steps = report.steps
        self.roster.count_dropped(report.dropped, f"training of {slot.name}: {report.error}")
        if report.error is not None and not report.dropped:
            self.roster.say("lost", f"{slot.name}: {report.error}")
        if report.diverged is not None:
            slot.diverged += 1
            end = f"; {slot.name} is stopped" if slot.stopped else ""
            self.roster.say("diverged", f"{report.diverged}{end}")
            return
        slot.diverged = 0
        slot.losses = dict(report.losses)
        for name, tally in report.results.items():
            slot.live.add(name, tally)
        for speed in ("steps_per_s", "plies_per_s"):
            old, new = getattr(slot, speed), getattr(report, speed)
            setattr(slot, speed, SMOOTHING * old + (1 - SMOOTHING) * new if old else new)

    def _freeze(self, slot: Slot) -> None:
        latest = self.roster.latest(slot.name)

        def frozen(snapshot: Snapshot) -> None:
            self.roster.add(snapshot)
            self.roster.retain([name for one in self.slots for name in one.opponents])
            slot.frozen_steps, slot.frozen_at, slot.held = snapshot.steps, time.monotonic(), 0
            self._save(slot)

        name = self.roster.next_name(slot.name)
        self._ask(slot, slot.actor.freeze.remote(name, latest.name if latest else None), frozen)

    def _save(self, slot: Slot) -> None:
        def saved(steps: int) -> None:
            slot.steps, slot.saved_at = steps, time.monotonic()

        self._ask(slot, slot.actor.checkpoint.remote({"live": slot.live.to_json()}), saved)

    def _ask_ready(self, slot: Slot) -> None:
        def ready(steps: int) -> None:
            slot.steps, slot.ready = steps, True
            # One that it froze just before it died is in the store, though nobody here has heard of it.
            self.roster.read_snapshots()

        self._ask(slot, slot.actor.ready.remote(), ready)

    def _ask(self, slot: Slot, future: Any, done: Callable[[Any], None]) -> None:
        """Watch a call to a learner; whatever is lost is asked for again from the learner's last checkpoint."""
        slot.busy = True

        def finished(result: Any) -> None:
            slot.busy = False
            done(result)

        def failed(error: Exception) -> None:
            slot.busy = False
            match error:
                case CorruptSnapshotError():
                    self.roster.quarantine(list(slot.opponents))
                    slot.held = 0
                case PrunedPolicyError():  # Between being drawn and being loaded: whoever is drawn next is there.
                    slot.held = 0
                    self.roster.read_snapshots()
                case LostError():
                    self.roster.say("lost", f"{slot.name}: {error}; it starts again from its last checkpoint")
                    self._ask_ready(slot)
                case StoreUnreachableError():
                    self._ask_ready(slot)
                case _:
                    raise error

        self.futures.watch(future, finished, failed)
