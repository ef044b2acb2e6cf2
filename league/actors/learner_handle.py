"""A learner, seen from the coordinator: what it is doing, and everything that it can be asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, ClassVar

from league.actors.futures import Futures, LostError
from league.actors.learner import Report
from league.actors.place import Place
from league.actors.remote_worker import DEATHS_LIMIT, RemoteWorker
from league.actors.roster import Roster
from league.actors.spawn import spawn_learner
from league.actors.waiting import RETRY_S
from league.cluster.plan import Hardware
from league.errors import CorruptSnapshotError, StoreUnavailableError
from league.every import Every
from league.ladder.freezing import in_time, is_due
from league.ladder.matchmaking import Memory, fresh_starts, learn_of, training_opponents
from league.ladder.records import Snapshot
from league.status import LearnerStatus

DIVERGED_LIMIT = 3
"""A learner that diverges so many times in a row is stopped."""


class LearnerHandle(RemoteWorker):
    """One learner of the league, whether it is placed on the cluster or waits for room."""

    kind: ClassVar[str] = "learner"

    def __init__(
        self,
        name: str,
        number: int,
        place: Place,
        roster: Roster,
        futures: Futures,
        *,
        joins: Callable[[LearnerHandle], None],
    ) -> None:
        """Read what its checkpoint knows of its opponents; start nothing yet.

        `number` tells learners apart in their seeds. `joins` is called whenever the learner has come, or come back.
        """
        super().__init__(name, roster, futures)
        config = roster.config
        self.number = number
        self.place = place
        self.role = config.roles[config.learners()[name]].with_bots(roster.bots)
        self.memory, steps = self._remembered()
        self.joins = joins
        self.hardware: Hardware | None = None
        """That the actor was started with; None: there is none, it waits for room."""
        self.started_at = 0.0
        """When the actor was started, or started again by Ray, by the monotonic clock."""
        self.moves_to: Hardware | None = None
        """With which it starts again once it is saved."""
        self.used_s = 0.0
        """Seconds that it has been at work, over its role's share: whose turn it is."""
        self.steps = steps
        """Its clock: steps since the league began; until it has started, those that it will go on from."""
        self.diverged = 0
        """How often in a row."""
        self.silent = 0
        """Iterations in a row in which nobody played, because every runner had died."""
        self.opponents: dict[str, float] = {}
        """Share of the games by name, of the latest draw."""
        self.held = 0
        """Iterations that they have stayed."""
        self._freezing = Every(config.snapshots.timeout_s)
        self._saving = Every(config.snapshots.checkpoint_every_s)
        self._trains = False
        """Whether the last thing that it was asked is to train."""
        self._trained_at: float | None = None
        """When its latest iteration ended, by the monotonic clock."""
        self._answered = 0.0
        """When its latest answer came."""
        self._status = LearnerStatus()
        self._remarked: str | None = None
        """What was said of its updates in this run; the same every iteration, it is said once."""

    def _remembered(self) -> tuple[Memory, int]:
        """What it knows of its opponents, and its steps, by its checkpoint, failing that by its newest snapshot."""
        try:
            checkpoint = self.roster.store.checkpoint(self.name)
        except CorruptSnapshotError:
            checkpoint = None  # The learner finds it too, and says so.
        progress = checkpoint[1] if checkpoint else {}
        latest = self.roster.latest(self.name)
        memory = Memory.from_json(progress, self.roster.config.matchmaking.memory_games)
        return memory, int(progress.get("steps", latest.steps if latest else 0))

    @property
    def stopped(self) -> bool:
        """Whether it has been given up."""
        return self.diverged >= DIVERGED_LIMIT or self.given_up or self.silent >= DEATHS_LIMIT

    @property
    def status(self) -> LearnerStatus:
        """What people and monitors see of the learner at this moment."""
        latest, hardware = self.roster.latest(self.name), self.hardware
        return self._status.model_copy(
            update={
                "steps": self.steps,
                "lag_steps": max(0, self.steps - (latest.steps if latest else 0)),
                "opponents": self.opponents,
                "stopped": self.stopped,
                "placed": hardware is not None,
                "gpus": hardware.gpus if hardware is not None else 0.0,
                "runners": hardware.runners if hardware is not None else 0,
            }
        )

    def place_on(self, hardware: Hardware) -> None:
        """Start the learner, again if need be; it takes up its last checkpoint."""
        self.withdraw()
        if self.start(lambda: spawn_learner(self.place, self.name, self.number, hardware, self.roster.config)):
            self.hardware, self.started_at = hardware, time.monotonic()

    def withdraw(self) -> None:
        """End the learner's actor; it waits for room."""
        self.end()
        self.hardware = self.moves_to = None

    def came(self, answer: int) -> None:
        """It can train from here: `answer` are the steps that it has made."""
        self.steps = answer
        # What it learned before its checkpoint, the last coordinator may not have lived to count.
        counted = self.roster.totals["steps"]
        counted[self.name] = max(counted[self.name], answer)
        # One that it froze just before it died is in the store, though nobody here has heard of it.
        self.roster.stale = True
        self.joins(self)

    def lost(self, error: LostError) -> str:
        """It goes on from its last checkpoint."""
        self.started_at = time.monotonic()
        return f"{self.name}: {error}; it starts again from its last checkpoint"

    def refused(self) -> None:
        """An opponent cannot be loaded: the next iteration draws anew."""
        self.held = 0

    def put_off(self, error: StoreUnavailableError) -> None:
        """The same is due again in a moment, and bears to be repeated: nothing is lost."""
        if self.rests_until == 0:
            self.roster.say("store", f"{self.name} waits: {error}")
        self.rests_until = time.monotonic() + RETRY_S

    def work(self) -> None:
        """Do what is due: freeze, save, or train for an iteration."""
        self.roster.outcomes.begin()  # Before it freezes its first weights it plays, too, to see what there is.
        if self._freeze_due():
            self.freeze()
        elif self.moves_to or self._saving.due:
            self.save()
        else:
            self.train()

    def work_ahead(self) -> None:
        """Where it trains, have it go on at once when this iteration has ended, before it is known how it went.

        What is due then comes after that one, whose steps it counts.
        """
        due = self.moves_to or self.diverged or self._saving.due or self._freeze_due()
        if self.asked == 1 and self._trains and self.ready and self.rests_until == 0 and not due:
            self.train()

    def keep(self) -> None:
        """Freeze it if it has moved since its last snapshot; save it in any case."""
        latest = self.roster.latest(self.name)
        if latest is None or self.steps > latest.steps:
            self.freeze()
        else:
            self.save()

    def _freeze_due(self) -> bool:
        snapshots, latest = self.roster.config.snapshots, self.roster.latest(self.name)
        if latest is not None and self._freezing.due and in_time(self.steps, latest.steps, snapshots):
            return True
        return is_due(self.role, snapshots, self.steps, latest, self.memory, self.roster.pool())

    def train(self) -> None:
        """Play and learn for one iteration, against whom matchmaking draws."""
        matchmaking = self.roster.config.matchmaking
        if self.held % matchmaking.hold_iterations == 0:
            self.opponents = training_opponents(
                self.role, self.roster.pool(), self.memory, matchmaking, self.roster.rng, self.roster.elo_of(self.name)
            )
            # Those before may be at their boards still.
            self.roster.in_play[self.name] = {*self.roster.in_play.get(self.name, ()), *self.opponents}
        self.held += 1
        self._trains = True
        # One that begins anew has schedules of its own.
        progress = None if self.role.reset_probability else self.roster.share
        self._ask(self.actor.train.remote(self.opponents, progress), self._take)

    def _take(self, report: Report) -> None:
        roster, iteration = self.roster, report.iteration
        self.deaths = 0  # Not when it was saved: that plays nothing.
        self.steps = report.steps
        self._status = self._status.model_copy(update={"reported_s": roster.store.now_s()})
        if report.diverged is not None or iteration is None:
            self.diverged += 1
            end = f"; {self.name} is stopped" if self.stopped else ""
            roster.say("diverged", f"{report.diverged}{end}")
            return
        roster.totals["steps"][self.name] += iteration.steps
        roster.totals["restarts"]["runner"] += iteration.usage.runner_restarts
        roster.count(
            "training",
            f"training of {self.name}",
            games=iteration.games,
            decided=iteration.decided,
            dropped=iteration.dropped,
            error=iteration.error,
        )
        self.silent = 0 if iteration.plies else self.silent + 1
        if iteration.error is not None and not iteration.dropped:
            roster.say("lost", f"{self.name}: {iteration.error}")
        if iteration.remark is not None and self._remarked is None:
            roster.say("learning", f"{self.name}: {iteration.remark}")
        self._remarked = iteration.remark or self._remarked
        if not self.asked:
            roster.in_play[self.name] = set(self.opponents)
        now = time.monotonic()
        # While others had their turn it did not learn: its speed is over all of the time.
        # Two that were heard of at once did not take no time.
        seconds = max(report.seconds, now - self._trained_at if self._trained_at else 0.0)
        self._trained_at, self.diverged = now, 0
        self._status = self._status.after(iteration, seconds)
        learn_of(self.role, roster.pool(), self.memory, iteration.results)

    def freeze(self) -> None:
        """Put its policy into the pool; then let it go on, or begin anew if its role says so."""
        latest = self.roster.latest(self.name)

        def frozen(answer: tuple[Snapshot, str | None]) -> None:
            snapshot, broken = answer
            self.roster.outcomes.broken = broken or self.roster.outcomes.broken
            self.roster.add(snapshot)
            self._freezing.begin()
            self.held = 0
            if latest is not None and self.roster.rng.random() < self.role.reset_probability:
                self.begin_anew()
            else:
                self.save()

        name = self.roster.next_name(self.name)
        self._trains = False
        self._ask(self.actor.freeze.remote(name, latest.name if latest else None), frozen)

    def begin_anew(self) -> None:
        """It starts from other weights; what its old ones knew of their opponents is gone with them."""
        starts = fresh_starts(self.role, self.name, self.roster.pool())
        start = str(self.roster.rng.choice(starts)) if starts else None

        def begun(steps: int) -> None:
            self.memory = Memory.from_json({}, self.roster.config.matchmaking.memory_games)
            self.roster.say("reset", f"{self.name} begins anew from {start or 'its first weights'}")
            self.save()

        self._trains = False
        self._ask(self.actor.begin_anew.remote(start), begun)

    def save(self) -> None:
        """Write a checkpoint; then move to other hardware, if it is to."""

        def saved(steps: int) -> None:
            self.steps = steps
            self._saving.begin()
            self._status = self._status.model_copy(update={"saved_s": self.roster.store.now_s()})
            if self.moves_to is not None:
                self.place_on(self.moves_to)

        self._trains = False
        self._ask(self.actor.checkpoint.remote(self.memory.to_json()), saved)

    def _ask(self, future: Any, done: Callable[[Any], None]) -> None:
        """Ask, and count the time that it takes; what is lost is asked for again from its last checkpoint."""
        asked = time.monotonic()

        def finished(answer: Any) -> None:
            # One that was asked ahead began when the one before had ended.
            now = time.monotonic()
            seconds, self._answered = now - max(asked, self._answered), now
            self.used_s += seconds / self.role.share
            self.rests_until = 0.0
            self.roster.totals["busy_seconds"][self.name] += seconds
            done(answer)

        self.ask(future, finished, loading=list(self.opponents))
