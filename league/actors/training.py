"""The league's learners together: who of them is placed where, and whose turn it is."""

from __future__ import annotations

import time

from league.actors.futures import Futures
from league.actors.learner_handle import LearnerHandle
from league.actors.place import Place
from league.actors.remote_worker import DEATHS_LIMIT
from league.actors.roster import Roster
from league.cluster.placement import Placement
from league.cluster.plan import Bundle, Hardware

WAITING_S = 90.0
"""A learner that has not started for so long is said to wait."""


class Training:
    """All learners of the league. Nobody is started before the first `review`."""

    def __init__(self, place: Place, roster: Roster, futures: Futures) -> None:
        self.roster = roster
        self.placement = Placement(roster.config, batched=roster.spec.batched)
        self.missing: str | None = None
        """What the league asks for and cannot have."""
        self.learners = [
            LearnerHandle(name, number, place, roster, futures, joins=self._join)
            for number, name in enumerate(roster.config.learners())
        ]

    def review(self) -> None:
        """Place learners as far as there is room, move them where they fare better, and say what is missing."""
        plan = self.placement.review(self.learners)
        if plan is None:
            return
        for number, learner in enumerate(self.learners):
            if learner.stopped or (learner.hardware is not None and learner.ready):
                continue
            if number >= plan.learners:
                learner.withdraw()
            elif learner.hardware is None or _too_large(learner.hardware, plan.hardware):
                learner.place_on(plan.hardware)
        for learner in self.placement.movers(self.learners):
            learner.moves_to = plan.hardware
        missing = plan.missing or self._waiting()
        if missing != self.missing:
            self.missing = missing
            self.roster.say("room", missing or "nothing is missing any more")
        for line in self.placement.new_strangers():
            self.roster.say("version", line)

    def _waiting(self) -> str | None:
        """Who is placed and has not answered for long: another league may have been faster."""
        late = time.monotonic() - WAITING_S
        names = [one.name for one in self.learners if one.hardware and not one.ready and one.started_at < late]
        return f"{', '.join(names)}: no room yet, slow to start, or the game does not answer" if names else None

    def _join(self, learner: LearnerHandle) -> None:
        """Its turns count from now on: it does not catch up on those that others had while it was away."""
        others = [other.used_s for other in self.learners if other.ready and not other.stopped and other is not learner]
        learner.used_s = max(learner.used_s, min(others, default=0.0))

    @property
    def steps(self) -> int:
        """Steps of all learners together."""
        return sum(learner.steps for learner in self.learners)

    @property
    def awaited(self) -> str:
        """Who has not started yet, for people."""
        names = [learner.name for learner in self.learners if not learner.ready]
        return f"{'learner' if len(names) == 1 else 'learners'} {self._waiting() or ', '.join(names)}"

    @property
    def bundles(self) -> list[Bundle]:
        """What the learners would use at full size, if there is any that has not been stopped."""
        plan = self.placement.plan
        return list(plan.bundles) if plan is not None and not self.all_stopped else []

    @property
    def ready(self) -> bool:
        """Whether a learner can train."""
        return any(learner.ready for learner in self.learners)

    @property
    def all_stopped(self) -> bool:
        """Whether every learner has been given up."""
        return all(learner.stopped for learner in self.learners)

    @property
    def why_stopped(self) -> str:
        """What to do where every learner has been given up."""
        dead = [learner.name for learner in self.learners if learner.given_up or learner.silent]
        if not dead:
            return "every learner has diverged: `league status` lists the events; lower learning.lr"
        return (
            f"every learner was given up, {', '.join(dead)} because its process died {DEATHS_LIMIT} times in a row: "
            "`league status` lists the events; something in the game ends the process, or its memory does not suffice"
        )

    @property
    def busy(self) -> bool:
        """Whether a learner is at work."""
        return any(learner.busy for learner in self.learners)

    def assign(self) -> None:
        """Have idle learners do what is due for them: first who has had least of its share."""
        self.review()
        plan = self.placement.plan
        free = plan.hardware.at_once - sum(learner.busy for learner in self.learners) if plan is not None else 0
        idle = [learner for learner in self.learners if learner.idle and not learner.stopped]
        for learner in sorted(idle, key=lambda one: one.used_s)[: max(0, free)]:
            learner.work()
        active = [learner for learner in self.learners if learner.ready and not learner.stopped]
        if plan is not None and plan.hardware.at_once >= len(active):  # Nobody waits for a turn.
            for learner in active:
                learner.work_ahead()

    def save_all(self) -> None:
        """Freeze learners that have moved since their last snapshot, and save every one that is idle."""
        for learner in self.learners:
            if learner.ready and not learner.busy and not learner.stopped:
                learner.keep()


def _too_large(hardware: Hardware, offer: Hardware) -> bool:
    """Whether a learner that was to start with `hardware` would wait for what is no longer there."""
    return hardware.gpus > offer.gpus or hardware.runners > offer.runners
