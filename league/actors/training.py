"""The coordinator's desk for learners: whom they meet, when they are frozen, when they are saved."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from league.actors.futures import Futures, LostError
from league.actors.learner import Report
from league.actors.roster import Roster
from league.actors.spawn import Place, cluster_size, plan_hardware, spawn_learner
from league.config import RoleConfig
from league.errors import CorruptSnapshotError, PrunedPolicyError, StoreUnreachableError
from league.ladder.matchmaking import Experience, all_beaten, learn_of, training_opponents
from league.ladder.payoff import LivePayoff
from league.ladder.quality import Qualities
from league.ladder.records import Snapshot

DIVERGED_LIMIT = 3
"""A learner that diverges so many times in a row is stopped."""

LIMIT_FACTOR = 4
"""Of `freeze_steps`, for a role with `freeze_win_rate` and no limit of its own."""

SMOOTHING = 0.8
"""Of the speeds that are shown, per iteration."""


@dataclass(kw_only=True)
class Slot:
    """What the coordinator knows of one learner."""

    name: str
    role: RoleConfig
    actor: Any
    experience: Experience
    frozen_steps: int
    """Steps at its latest snapshot."""
    used_s: float = 0.0
    """Seconds that it has been at work: whose turn it is."""
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
    trained_at: float | None = None
    """When its latest iteration ended."""
    steps_per_s: float = 0.0
    plies_per_s: float = 0.0
    losses: dict[str, float] = field(default_factory=dict)
    report: Report | None = None
    """The latest."""
    reported_s: float | None = None
    """When it came, in seconds of Unix time."""
    saved_s: float | None = None
    """When its latest checkpoint of this run was made, in seconds of Unix time."""

    @property
    def stopped(self) -> bool:
        """Whether it has been given up."""
        return self.diverged >= DIVERGED_LIMIT

    def to_json(self) -> dict[str, Any]:
        """As the status shows it."""
        report = self.report
        return {
            "steps": self.steps,
            "steps_per_s": self.steps_per_s,
            "plies_per_s": self.plies_per_s,
            "losses": self.losses,
            "opponents": self.opponents,
            "stopped": self.stopped,
            "lag_steps": max(0, self.steps - self.frozen_steps),
            "reported_s": self.reported_s,
            "saved_s": self.saved_s,
            "parts_s": {} if report is None else dict(report.parts_s),
            "usage": None if report is None or report.usage is None else asdict(report.usage),
        }


class Training:
    """All learners of the league."""

    def __init__(self, place: Place, roster: Roster, futures: Futures) -> None:
        self.roster = roster
        self.futures = futures
        config = roster.config
        hardware = plan_hardware(config, *cluster_size())
        self.at_once = hardware.at_once
        self.slots: list[Slot] = []
        for number, (name, role) in enumerate(config.learners().items()):
            latest = roster.latest(name)
            slot = Slot(
                name=name,
                role=config.roles[role],
                actor=spawn_learner(place, name, number, hardware, config),
                experience=self._experience(name),
                frozen_steps=latest.steps if latest else 0,
            )
            self.slots.append(slot)
            self._ask_ready(slot)

    def _experience(self, name: str) -> Experience:
        """What the learner's checkpoint says that it knows of its opponents."""
        try:
            checkpoint = self.roster.store.checkpoint(name)
        except CorruptSnapshotError:
            checkpoint = None  # The learner finds it too, and says so.
        progress = checkpoint[1] if checkpoint else {}
        return Experience(
            live=LivePayoff.from_json(progress.get("live", {}), self.roster.config.matchmaking.memory_games),
            qualities=Qualities.from_json(progress.get("qualities", {})),
        )

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
        """Give idle learners their next task, freeze, save or train: first those that have worked least."""
        at_work = sum(slot.busy for slot in self.slots)
        idle = [slot for slot in self.slots if not slot.busy and not slot.stopped]
        for slot in sorted(idle, key=lambda slot: slot.used_s)[: max(0, self.at_once - at_work)]:
            if self._freeze_due(slot):
                self._freeze(slot)
            elif time.monotonic() - slot.saved_at >= self.roster.config.snapshots.checkpoint_every_s:
                self._save(slot)
            else:
                self._train(slot)

    def _freeze_due(self, slot: Slot) -> bool:
        snapshots, role = self.roster.config.snapshots, slot.role
        steps = slot.steps - slot.frozen_steps
        if not self.roster.latest(slot.name):
            return True
        if steps > 0 and time.monotonic() - slot.frozen_at >= snapshots.timeout_s:
            return True
        least = role.freeze_steps or snapshots.every_steps
        if steps < least or role.freeze_win_rate is None:
            return steps >= least
        limit = role.freeze_limit_steps or LIMIT_FACTOR * least
        return steps >= limit or all_beaten(role, self.roster.pool(), slot.experience, role.freeze_win_rate)

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
            slot.opponents = training_opponents(
                slot.role, self.roster.pool(), slot.experience, matchmaking, self.roster.rng
            )
        slot.held += 1

        def trained(report: Report) -> None:
            self._take(slot, report)

        self._ask(slot, slot.actor.train.remote(slot.opponents), trained)

    def _take(self, slot: Slot, report: Report) -> None:
        slot.steps, slot.report, slot.reported_s = report.steps, report, time.time()
        self.roster.totals["steps"][slot.name] += report.learned
        if report.usage is not None:
            self.roster.totals["restarts"]["runner"] += report.usage.runner_restarts
        self.roster.count_dropped(report.dropped, "training", f"training of {slot.name}: {report.error}")
        if report.error is not None and not report.dropped:
            self.roster.say("lost", f"{slot.name}: {report.error}")
        if report.diverged is not None:
            slot.diverged += 1
            end = f"; {slot.name} is stopped" if slot.stopped else ""
            self.roster.say("diverged", f"{report.diverged}{end}")
            return
        slot.diverged = 0
        slot.losses = dict(report.losses)
        learn_of(slot.role, self.roster.pool(), slot.experience, report.results)
        # While others had their turn it did not learn: the speed is over all of the time.
        seconds = time.monotonic() - slot.trained_at if slot.trained_at else report.seconds
        slot.trained_at = time.monotonic()
        slot.steps_per_s = _smoothed(slot.steps_per_s, report.learned / seconds)
        slot.plies_per_s = _smoothed(slot.plies_per_s, report.plies / seconds)

    def _freeze(self, slot: Slot) -> None:
        latest = self.roster.latest(slot.name)

        def frozen(snapshot: Snapshot) -> None:
            self.roster.add(snapshot)
            self.roster.retain([name for one in self.slots for name in one.opponents])
            slot.frozen_steps, slot.frozen_at, slot.held = snapshot.steps, time.monotonic(), 0
            if latest is not None and self.roster.rng.random() < slot.role.reset_probability:
                self._begin_anew(slot)
            else:
                self._save(slot)

        name = self.roster.next_name(slot.name)
        self._ask(slot, slot.actor.freeze.remote(name, latest.name if latest else None), frozen)

    def _begin_anew(self, slot: Slot) -> None:
        """The learner starts from other weights; what its old ones knew of their opponents is gone with them."""
        own = [s.name for s in self.roster.pool() if s.learner == slot.name]
        start = str(self.roster.rng.choice(own)) if slot.role.reset_to == "past" and own else None

        def begun(steps: int) -> None:
            slot.experience = Experience(
                live=LivePayoff(self.roster.config.matchmaking.memory_games), qualities=Qualities()
            )
            self.roster.say("reset", f"{slot.name} begins anew from {start or 'its first weights'}")
            self._save(slot)

        self._ask(slot, slot.actor.begin_anew.remote(start), begun)

    def _save(self, slot: Slot) -> None:
        def saved(steps: int) -> None:
            slot.steps, slot.saved_at, slot.saved_s = steps, time.monotonic(), time.time()

        known = {"live": slot.experience.live.to_json(), "qualities": slot.experience.qualities.to_json()}
        self._ask(slot, slot.actor.checkpoint.remote(known), saved)

    def _ask_ready(self, slot: Slot) -> None:
        def ready(steps: int) -> None:
            slot.steps, slot.ready = steps, True
            # One that it froze just before it died is in the store, though nobody here has heard of it.
            self.roster.read_snapshots()

        self._ask(slot, slot.actor.ready.remote(), ready)

    def _ask(self, slot: Slot, future: Any, done: Callable[[Any], None]) -> None:
        """Watch a call to a learner; whatever is lost is asked for again from the learner's last checkpoint."""
        slot.busy, started = True, time.monotonic()

        def finished(result: Any) -> None:
            slot.busy = False
            self.roster.lost.discard(slot.name)
            seconds = time.monotonic() - started
            slot.used_s += seconds
            self.roster.totals["busy_seconds"][slot.name] += seconds
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
                    self.roster.count_lost(slot.name, "learner")
                    self.roster.say("lost", f"{slot.name}: {error}; it starts again from its last checkpoint")
                    self._ask_ready(slot)
                case StoreUnreachableError():
                    self._ask_ready(slot)
                case _:
                    raise error

        self.futures.watch(future, finished, failed)


def _smoothed(old: float, new: float) -> float:
    return SMOOTHING * old + (1 - SMOOTHING) * new if old else new
