"""The coordinator's desk for learners: whom they meet, when they are frozen, when they are saved."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import ray

from league.actors.futures import Futures, LostError
from league.actors.learner import Report
from league.actors.learner_slot import LearnerSlot
from league.actors.roster import Roster
from league.actors.spawn import Place, spawn_learner
from league.actors.waiting import RETRY_S
from league.cluster.hardware import Hardware
from league.cluster.placement import Placement
from league.cluster.plan import Bundle
from league.errors import CorruptSnapshotError, PrunedPolicyError, StoreUnavailableError
from league.ladder.matchmaking import Experience, all_beaten, fresh_starts, learn_of, training_opponents
from league.ladder.payoff import LivePayoff
from league.ladder.quality import Qualities
from league.ladder.records import Snapshot

LIMIT_FACTOR = 4
"""Of `freeze_steps`, for a role with `freeze_win_rate` and no limit of its own."""

WAITING_S = 90.0
"""A learner that has not started for so long is said to wait."""


class Training:
    """All learners of the league."""

    def __init__(self, place: Place, roster: Roster, futures: Futures) -> None:
        self.place = place
        self.roster = roster
        self.futures = futures
        config = roster.config
        self.placement = Placement(config)
        self.missing: str | None = None
        """What the league asks for and cannot have."""
        known = {name: self._experience(name) for name in config.learners()}
        # From here on the store is not asked: the names of actors are taken, and this must not be repeated.
        self.slots: list[LearnerSlot] = []
        for name, role in config.learners().items():
            slot = LearnerSlot(name=name, role=config.roles[role], experience=known[name])
            self.slots.append(slot)
        self.review()

    def review(self) -> None:
        """Give learners a place as far as there is room, move them to a better one, and say what is missing."""
        plan = self.placement.review(self.slots)
        if plan is None:
            return
        for number, slot in enumerate(self.slots):
            if slot.stopped or (slot.hardware is not None and slot.ready):
                continue
            if number >= plan.learners:
                self._withdraw(slot)
            elif slot.hardware is None or _too_large(slot.hardware, plan.hardware):
                self._start(slot, number, plan.hardware)
        for slot in self.placement.movers(self.slots):
            slot.moves_to = plan.hardware
        missing = plan.missing or self._waiting()
        if missing != self.missing:
            self.missing = missing
            self.roster.say("room", missing or "nothing is missing any more")
        for node in self.placement.new_strangers():
            self.roster.say("version", self.placement.describe_stranger(node))

    def _waiting(self) -> str | None:
        """Who should have a place and has not answered for long: another league may have been faster."""
        late = time.monotonic() - WAITING_S
        names = [slot.name for slot in self.slots if slot.hardware and not slot.ready and slot.started_at < late]
        return f"{', '.join(names)}: no room yet, or slow to start" if names else None

    def _start(self, slot: LearnerSlot, number: int, hardware: Hardware) -> None:
        """Start the learner, again if need be; it takes up its last checkpoint."""
        self._withdraw(slot)
        try:
            slot.actor = spawn_learner(self.place, slot.name, number, hardware, self.roster.config)
        except ValueError:  # Ray has not yet let go of the name: at the next review.
            return
        slot.hardware = hardware
        self._ask_ready(slot)

    def _withdraw(self, slot: LearnerSlot) -> None:
        """End the learner's actor; it waits for a place."""
        if slot.actor is not None:
            self.futures.forget(slot.actor)
            ray.kill(slot.actor)
        slot.actor = slot.hardware = slot.moves_to = None
        slot.ready = slot.busy = False

    def _experience(self, name: str) -> Experience:
        """What the learner's checkpoint says that it knows of its opponents."""
        try:
            checkpoint = self.roster.store.checkpoint(name)
        except CorruptSnapshotError:
            checkpoint = None  # The learner finds it too, and says so.
        progress = checkpoint[1] if checkpoint else {}
        return Experience(
            live=LivePayoff.from_json(progress.get("results", {}), self.roster.config.matchmaking.memory_games),
            qualities=Qualities.from_json(progress.get("qualities", {})),
        )

    def to_json(self) -> dict[str, Any]:
        """The learners by name, as the status shows them."""
        latest = {slot.name: self.roster.latest(slot.name) for slot in self.slots}
        frozen = {name: 0 if snapshot is None else snapshot.steps for name, snapshot in latest.items()}
        return {slot.name: slot.to_json(frozen[slot.name]) for slot in self.slots}

    @property
    def steps(self) -> int:
        """Steps of all learners together."""
        return sum(slot.steps for slot in self.slots)

    @property
    def at_once(self) -> int:
        """How many learners train at the same time."""
        plan = self.placement.plan
        return plan.hardware.at_once if plan is not None else 0

    @property
    def bundles(self) -> list[Bundle]:
        """What the learners would use at full size, if there is any that has not been stopped."""
        plan = self.placement.plan
        return list(plan.bundles) if plan is not None and not self.all_stopped else []

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
        """Whether a learner is at work, beside those that still start."""
        return any(slot.busy and slot.ready for slot in self.slots)

    def assign(self) -> None:
        """Give idle learners their next task, freeze, save or train: first who has had least of its share."""
        self.review()
        at_work, now = sum(slot.busy and slot.ready for slot in self.slots), time.monotonic()
        idle = [slot for slot in self.slots if slot.ready and not slot.busy and not slot.stopped]
        idle = [slot for slot in idle if now >= slot.rests_until]
        for slot in sorted(idle, key=lambda slot: slot.used_s)[: max(0, self.at_once - at_work)]:
            if self._freeze_due(slot):
                self._freeze(slot)
            elif slot.moves_to or time.monotonic() - slot.saved_at >= self.roster.config.snapshots.checkpoint_every_s:
                self._save(slot)
            else:
                self._train(slot)

    def _freeze_due(self, slot: LearnerSlot) -> bool:
        snapshots, role = self.roster.config.snapshots, slot.role
        latest = self.roster.latest(slot.name)
        if latest is None:
            return True
        steps = slot.steps - latest.steps
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
            if slot.ready and not slot.busy and not slot.stopped:
                latest = self.roster.latest(slot.name)
                if latest is None or slot.steps > latest.steps:
                    self._freeze(slot)
                else:
                    self._save(slot)

    def _train(self, slot: LearnerSlot) -> None:
        matchmaking = self.roster.config.matchmaking
        if slot.held % matchmaking.hold_iterations == 0:
            slot.opponents = training_opponents(
                slot.role, self.roster.pool(), slot.experience, matchmaking, self.roster.rng
            )
        slot.held += 1

        def trained(report: Report) -> None:
            self._take(slot, report)

        self._ask(slot, slot.actor.train.remote(slot.opponents), trained)

    def _take(self, slot: LearnerSlot, report: Report) -> None:
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
        slot.learned(report)
        learn_of(slot.role, self.roster.pool(), slot.experience, report.results)

    def _freeze(self, slot: LearnerSlot) -> None:
        latest = self.roster.latest(slot.name)

        def frozen(snapshot: Snapshot) -> None:
            self.roster.add(snapshot)
            slot.frozen_at, slot.held = time.monotonic(), 0
            with contextlib.suppress(StoreUnavailableError):  # Then after the next one.
                self.roster.retain([name for one in self.slots for name in one.opponents])
            if latest is not None and self.roster.rng.random() < slot.role.reset_probability:
                self._begin_anew(slot)
            else:
                self._save(slot)

        name = self.roster.next_name(slot.name)
        self._ask(slot, slot.actor.freeze.remote(name, latest.name if latest else None), frozen)

    def _begin_anew(self, slot: LearnerSlot) -> None:
        """The learner starts from other weights; what its old ones knew of their opponents is gone with them."""
        starts = fresh_starts(slot.role, slot.name, self.roster.pool())
        start = str(self.roster.rng.choice(starts)) if starts else None

        def begun(steps: int) -> None:
            slot.experience = Experience(
                live=LivePayoff(self.roster.config.matchmaking.memory_games), qualities=Qualities()
            )
            self.roster.say("reset", f"{slot.name} begins anew from {start or 'its first weights'}")
            self._save(slot)

        self._ask(slot, slot.actor.begin_anew.remote(start), begun)

    def _save(self, slot: LearnerSlot) -> None:
        def saved(steps: int) -> None:
            slot.steps, slot.saved_at, slot.saved_s = steps, time.monotonic(), time.time()
            if slot.moves_to is not None:
                self._start(slot, self.slots.index(slot), slot.moves_to)

        known = {"results": slot.experience.live.to_json(), "qualities": slot.experience.qualities.to_json()}
        self._ask(slot, slot.actor.checkpoint.remote(known), saved)

    def _ask_ready(self, slot: LearnerSlot) -> None:
        slot.ready, slot.busy, slot.started_at = False, True, time.monotonic()

        def ready(steps: int) -> None:
            # Its turns count from now on: it does not catch up on those that others had while it was away.
            others = [other.used_s for other in self.slots if other.ready and not other.stopped]
            slot.used_s = max(slot.used_s, min(others, default=0.0))
            slot.steps, slot.ready, slot.busy = steps, True, False
            # What it learned before its checkpoint, the last coordinator may not have lived to count.
            counted = self.roster.totals["steps"]
            counted[slot.name] = max(counted[slot.name], steps)
            # One that it froze just before it died is in the store, though nobody here has heard of it.
            self.roster.stale = True

        self.futures.when_ready(slot.actor, ready)

    def _ask(self, slot: LearnerSlot, future: Any, done: Callable[[Any], None]) -> None:
        """Watch a call to a learner; whatever is lost is asked for again from the learner's last checkpoint."""
        slot.busy, started = True, time.monotonic()

        def finished(result: Any) -> None:
            slot.busy = False
            self.roster.lost.discard(slot.name)
            seconds = time.monotonic() - started
            slot.used_s += seconds / slot.role.share
            slot.rests_until = 0
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
                    self.roster.stale = True
                case LostError():
                    self.roster.count_lost(slot.name, "learner")
                    self.roster.say("lost", f"{slot.name}: {error}; it starts again from its last checkpoint")
                    if error.lives:
                        ray.kill(slot.actor, no_restart=False)
                    self._ask_ready(slot)
                case StoreUnavailableError():
                    # The same is due again, and bears to be repeated: nothing is lost.
                    if slot.rests_until == 0:
                        self.roster.say("store", f"{slot.name} waits: {error}")
                    slot.rests_until = time.monotonic() + RETRY_S
                case _:
                    raise error

        self.futures.watch(future, finished, failed, slot.actor)


def _too_large(hardware: Hardware, offer: Hardware) -> bool:
    """Whether a learner that was to start with `hardware` would wait for what is no longer there."""
    return hardware.gpus > offer.gpus or hardware.runners > offer.runners
