"""The actor that plays matches."""

from __future__ import annotations

import os
import time

import ray
import torch

from league.actors.place import Place
from league.actors.waiting import until_available
from league.ladder.records import Match
from league.log import keep_log
from league.matches.arena import Arena


def give_way() -> None:
    """Run only when nobody else wants the processor: a learner's threads wait for the slowest of them."""
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.nice(19)


class MatchWorker:
    """`Arena` as an actor; one thread of low priority, because it shares the machine with the learners."""

    def __init__(self, place: Place) -> None:
        keep_log()
        give_way()
        torch.set_num_threads(1)
        # A constructor that raises is not tried again, so it waits.
        self.store = until_available(place.open)
        self.arena = Arena(self.store, until_available(self.store.require_config))
        if self.arena.missing is not None:
            text = f"matches are played on the CPU: {self.arena.missing}"
            until_available(lambda: self.store.add_event("device", text, self.store.now_s()))

    def ready(self) -> None:
        """Return once it can play, also after Ray has restarted it."""

    def play(self, row: str, column: str, games: int, seed: int) -> tuple[Match, float, str | None]:
        """The match, the seconds of processor time that it took, and what was wrong with games without a result."""
        started = time.process_time()
        match = self.arena.play(row, column, games=games, seed=seed)
        return match, time.process_time() - started, self.arena.why


MatchWorkerActor = ray.remote(MatchWorker)
