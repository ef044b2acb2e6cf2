"""The actor that learns: plays, takes gradient steps, freezes and saves."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray

from league.actors.board import Board
from league.actors.place import Place
from league.actors.waiting import until_available
from league.cluster.plan import Hardware
from league.errors import DivergedError, PolicyError
from league.games import game_spec
from league.games.bots import is_bot_name
from league.iteration import Iteration
from league.ladder.matchmaking import SELF
from league.ladder.records import Snapshot
from league.learning.threads import Threads
from league.log import keep_log
from league.policies.weights import digest, fresh, pack
from league.rollout.choices import for_role
from league.rollout.opponents import Opponents


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a learner tells the coordinator of an iteration."""

    steps: int
    """Steps since the league began."""
    seconds: float
    """Seconds that the iteration took."""
    iteration: Iteration | None
    """What the iteration did; None: it diverged."""
    diverged: str | None = None
    """What was not finite; the learner has gone back to a good snapshot."""


class Learner:
    """One learner. Everything it needs to go on after a crash is in the store."""

    def __init__(self, place: Place, name: str, *, number: int, hardware: Hardware) -> None:
        """`number` tells learners apart in their seeds."""
        keep_log()
        self.name = name
        # Not above: whoever starts a learner imports this module, and RLlib takes seconds.
        from league.learning.trainer import Trainer

        # A constructor that raises is not tried again, so it waits: the store may be down for as long as a node.
        self.store = until_available(place.open)
        stored = until_available(self.store.require_config)
        self.config = for_role(stored, stored.roles[stored.learners()[name]])
        self.spec = game_spec(self.config.game)
        self.trainer = Trainer(self.spec, self.config, seed=1000 * number, hardware=hardware)
        if self.trainer.no_gpu:
            holds = f"{name} holds {hardware.gpus:g} GPUs of Ray"
            self._say("device", f"{holds}, but learns on the CPU: {self.trainer.no_gpu}")
        for missing in self.trainer.missing_devices():
            self._say("device", f"{name} plays on the CPU: {missing}")
        self._threads = Threads(hardware.threads)
        self._short: set[str] = set()
        """What has been said of the GPU's memory."""
        self._weights: dict[str, bytes] = {}
        self._opponents: dict[str, float] = {}
        bots = tuple(self.config.arena.bots or self.spec.bots)
        self._board = Board(Path(place.log_dir) / name, self.spec, bots)
        until_available(self._resume)
        if not self.trainer.steps:
            self._board.describe(self.trainer.config)
        self._board.draw(fresh(self.spec, self.config.network, 0))

    def _say(self, kind: str, text: str) -> None:
        until_available(lambda: self.store.add_event(kind, text, self.store.now_s()))

    def _say_short(self, memory: Iterable[str]) -> None:
        for text in memory:
            if text not in self._short:
                self._short.add(text)
                self._say("memory", f"{self.name}: {text}")

    def _resume(self) -> None:
        """Take up the last checkpoint; failing that, the last good snapshot; failing that, begin."""
        try:
            checkpoint = self.store.checkpoint(self.name)
            if checkpoint is not None:
                state, progress = checkpoint
                self.trainer.restore(state)
                self.trainer.steps = int(progress["steps"])
                self.trainer.began_at = int(progress.get("began_at", 0))
                return
        except PolicyError as error:
            self.store.add_event(
                "checkpoint", f"{error}; {self.name} goes on from {self._go_back()}", self.store.now_s()
            )
            return
        self._go_back()

    def ready(self) -> int:
        """Return once the learner can train, also after Ray has restarted it: the steps it has made."""
        return self.trainer.steps

    def train(self, opponents: dict[str, float], progress: float | None = None) -> Report:
        """Play and learn for one iteration; `opponents` are shares by name.

        `progress` is how far the training is, in [0, 1], for the schedules; None: they go by the learner's own steps.
        """
        self._meet(opponents)
        self.trainer.progress = progress
        started = time.monotonic()
        threads = self._threads.set()
        iteration, diverged = None, None
        try:
            iteration = self.trainer.iterate()
        except DivergedError as error:
            diverged = f"{error}; {self.name} went back to {self._go_back()}"
        seconds = time.monotonic() - started
        if iteration is not None:
            self._say_short(iteration.memory)
            self._threads.measured(iteration.steps, iteration.learn_s)
            self._board.learned(iteration, seconds, threads, self.trainer.steps)
        return Report(steps=self.trainer.steps, seconds=seconds, iteration=iteration, diverged=diverged)

    def _meet(self, opponents: dict[str, float]) -> None:
        if opponents == self._opponents:
            return
        self._weights = {
            name: self._weights.get(name) or self.store.weights(self.store.snapshot(name).digest)
            for name in opponents
            if name != SELF and not is_bot_name(name, self.spec)
        }
        self.trainer.set_opponents(Opponents(shares=opponents, weights=self._weights))
        self._opponents = dict(opponents)

    def freeze(self, name: str, parent: str | None) -> tuple[Snapshot, str | None]:
        """Put the policy as it is into the pool; the second is what broke a game in which it looked what there is."""
        weights = self.trainer.weights()
        snapshot = Snapshot(
            name=name,
            digest=digest(weights),
            learner=self.name,
            steps=self.trainer.steps,
            created_s=self.store.now_s(),
            bytes=len(weights),
            parent=parent,
        )
        self.store.add_snapshot(snapshot, weights)
        return snapshot, self.trainer.broken

    def checkpoint(self, progress: dict[str, Any]) -> int:
        """Save everything that training needs to go on from here; return the steps that are safe now."""
        clock = {"steps": self.trainer.steps, "began_at": self.trainer.began_at}
        self.store.save_checkpoint(self.name, self.trainer.save(), {**progress, **clock})
        self._board.rated(self.store, self.name, self.trainer.steps)
        self._board.flush()
        return self.trainer.steps

    def begin_anew(self, snapshot: str | None) -> int:
        """Take the weights of a snapshot, or the first ones, with a fresh optimiser and fresh schedules."""
        weights = (
            self._first_weights() if snapshot is None else self.store.weights(self.store.snapshot(snapshot).digest)
        )
        self.trainer.reset_to(weights)
        self.trainer.began_at = self.trainer.steps
        return self.trainer.steps

    def _first_weights(self) -> bytes:
        return pack(fresh(self.spec, self.config.network, self.trainer.seed))

    def _go_back(self) -> str:
        """Return to the newest snapshot of ours that can be read, with a fresh optimiser; else begin anew."""
        for snapshot in reversed([s for s in self.store.snapshots() if s.learner == self.name]):
            try:
                self.trainer.reset_to(self.store.weights(snapshot.digest))
            except PolicyError:
                continue
            self.trainer.steps = max(self.trainer.steps, snapshot.steps)
            return snapshot.name
        self.trainer.reset_to(self._first_weights())
        return "new weights"

    def stop(self) -> None:
        """End the processes that belong to this learner."""
        self._board.close()
        self.trainer.stop()
        self.store.close()


LearnerActor = ray.remote(Learner)
