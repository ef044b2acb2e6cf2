"""The actor that plays matches."""

from __future__ import annotations

import time

import ray
import torch

from league.actors.arena import Arena
from league.ladder.records import Match
from league.pool.store import Store


class MatchWorker:
    """`Arena` as an actor; one thread, because it shares the machine with the learners."""

    def __init__(self, store: str, league: str) -> None:
        torch.set_num_threads(1)
        self.store = Store.open(store, league)
        self.arena = Arena(self.store, self.store.require_config())

    def play(self, row: str, column: str, games: int, seed: int) -> tuple[Match, float]:
        """The match, and the seconds it took."""
        started = time.monotonic()
        match = self.arena.play(row, column, games=games, seed=seed)
        return match, time.monotonic() - started


MatchWorkerActor = ray.remote(MatchWorker)
