"""How far one frozen policy can be beaten: a fresh exploiter learns against it alone.

The score of any exploiter is a lower bound of the score of the best one, and so of how exploitable the policy is: F.
Timbers et al., "Approximate Exploitability: Learning a Best Response", IJCAI 2022; A. Gleave et al., "Adversarial
Policies: Attacking Deep Reinforcement Learning", ICLR 2020. Nothing is written to a store.
"""

from __future__ import annotations

import dataclasses
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import torch

from league.cluster.nodes import Room, alive_nodes, whole_room
from league.cluster.plan import plan_hardware
from league.config import LeagueConfig, MixConfig, RoleConfig
from league.errors import ClusterError, DivergedError, GameError
from league.games import game_spec, make_game
from league.games.base import Player
from league.ladder.records import Match
from league.learning.threads import Threads
from league.learning.trainer import Trainer
from league.policies.device import choose_device
from league.policies.player import NetworkPlayer
from league.policies.search import searched
from league.policies.weights import fresh, pack, unpack
from league.rollout.arena import play_match, rounded
from league.rollout.choices import for_role
from league.rollout.opponents import Opponents

EXPLOITER = "exploiter"
"""Its name in a match, which is never recorded."""
TRY_EVERY_S = 10.0
"""Training between two tries, at most; a short challenge tries ten times."""
TRY_GAMES = 100
"""Games of a try, and of one batch of the final match, unless that has fewer."""
TRYING_SHARE = 0.25
"""Tries take no more than about this share of the time: where games are slow there are fewer."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """Whom the exploiter learns to beat."""

    name: str
    weights: bytes | None
    """None for a fixed bot."""
    sample: bool
    """It draws its moves from its policy; else it plays its most probable one. A bot plays as it does."""

    @property
    def opponents(self) -> Opponents:
        """Itself as the one opponent there is."""
        one = searched(self.name)
        weights = {} if self.weights is None else {one.policy if one else self.name: self.weights}
        return Opponents(shares={self.name: 1.0}, weights=weights, sample=self.sample)


@dataclass(frozen=True, kw_only=True)
class Try:
    """The exploiter as it is, in a few games."""

    seconds: float
    """Seconds since the challenge began."""
    steps: int
    """Moves that it has learned from."""
    score: float
    """Points per game in [0, 1] of this try."""
    best: float
    """Of all tries so far: chosen among many, so rather too high."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """The best exploiter, and what it scores in games that had no part in choosing it."""

    match: Match
    """Between it, the row, and the target."""
    steps: int
    """At which it was kept."""
    tries: tuple[Try, ...]
    weights: bytes


def challenge(
    target: Target,
    config: LeagueConfig,
    *,
    seconds: float,
    games: int,
    seed: int,
    watch: Callable[[Try], None] = lambda one: None,
    interrupted: Callable[[], bool] = lambda: False,
) -> Found:
    """Train an exploiter for `seconds`, then play its best version against the target in `games` fresh games.

    Needs a running Ray. `config` is the exploiter's: its network, how it learns, how long random openings are. It
    always plays its most probable move when it is tried, since against a frozen opponent some best response is
    deterministic. `interrupted` ends the training early.

    Raises:
        GameError: all games of a match were dropped.
        ClusterError: Ray has too little for `config`.
    """
    alone = RoleConfig(mix=(MixConfig(against="past"),))  # One learner has the machine, and never plays itself.
    config = for_role(dataclasses.replace(config, roles={"main": alone}, seed=seed), alone)
    exploiter = _Exploiter(target, config, games)
    try:
        exploiter.train(seconds, watch, interrupted)
    finally:
        exploiter.trainer.stop()
    weights, steps = exploiter.best
    match = exploiter.ring.play(weights, games)
    return Found(match=match, steps=steps, tries=tuple(exploiter.tries), weights=weights)


class _Ring:
    """Where the exploiter and its target meet, `boards` games at a time; every match has openings of its own."""

    def __init__(self, target: Target, config: LeagueConfig, games: int) -> None:
        self.spec = game_spec(config.game)
        self.arena = config.arena
        self.device, _ = choose_device(config.arena.device)
        self.seeds = random.Random(config.seed)  # noqa: S311
        self.boards = rounded(min(games, TRY_GAMES), self.spec.seats)
        self.game = make_game(self.spec.name, self.boards, device=self.device, seed=config.seed)
        self.name, self.target = target.name, target.opponents.player(target.name, self.game)

    def play(self, weights: bytes, games: int) -> Match:
        """Play `games` games or some more; raises `GameError` where all of them broke."""
        exploiter = NetworkPlayer(unpack(weights, self.spec, self.device), sample=False)
        match = reduce(Match.plus, (self._part(exploiter) for _ in range(-(-games // self.boards))))
        if not match.total.games:
            lost, why = match.dropped, self.game.last_error or "too long"
            raise GameError(f"all {lost} games of {self.spec.name} were dropped: {why}")
        return match

    def _part(self, exploiter: Player) -> Match:
        return play_match(
            self.game,
            exploiter,
            self.target,
            opening_plies=self.arena.opening_plies,
            max_plies=self.arena.max_plies,
            seed=self.seeds.randrange(2**31),
        ).to_match(EXPLOITER, self.name, time.time())


class _Exploiter:
    """A learner that meets nobody but the target, and its best version so far."""

    def __init__(self, target: Target, config: LeagueConfig, games: int) -> None:
        self.ring = _Ring(target, config, games)
        room = whole_room(alive_nodes())
        # It learns in this process, which may be on a node without a GPU, and smaller than the cluster.
        here = room if torch.cuda.is_available() else Room(cpus=room.cpus, threads=room.threads)
        plan = plan_hardware(config, here, batched=self.ring.spec.batched)
        if not plan.learners:
            raise ClusterError("there is no room for a learner: lower learning.num_learners or learning.gpus")
        hardware = plan.hardware
        self.trainer = Trainer(self.ring.spec, config, seed=0, hardware=hardware)
        self.threads = Threads(max(1, min(int(room.cpus), os.cpu_count() or 1) - hardware.runners))
        self.trainer.set_opponents(target.opponents)
        self.best = pack(fresh(self.ring.spec, config.network, config.seed)), 0
        self.tries: list[Try] = []

    def train(self, seconds: float, watch: Callable[[Try], None], interrupted: Callable[[], bool]) -> None:
        """Learn and be tried in turn; the last thing is a try."""
        began = time.monotonic()
        pause = min(TRY_EVERY_S, seconds / 10)
        while True:
            until = min(time.monotonic() + pause, began + seconds)
            while time.monotonic() < until and not interrupted():
                self.trainer.progress = min(1.0, (time.monotonic() - began) / seconds)
                self._learn()
            started = time.monotonic()
            watch(self._try(started - began))
            ended = time.monotonic()
            if ended >= began + seconds or interrupted():
                return
            pause = max(pause, (ended - started) * (1 / TRYING_SHARE - 1))

    def _learn(self) -> None:
        self.threads.set()
        try:
            iteration = self.trainer.iterate()
        except DivergedError:
            self.trainer.reset_to(self.best[0])
        else:
            self.threads.measured(iteration.steps, iteration.learn_s)

    def _try(self, seconds: float) -> Try:
        weights, steps = self.trainer.weights(), self.trainer.steps
        score = self.ring.play(weights, self.ring.boards).total.score
        best = max((one.best for one in self.tries), default=-1.0)
        if score >= best:  # Of equals the one that has learned longer.
            self.best = weights, steps
        self.tries.append(Try(seconds=seconds, steps=steps, score=score, best=max(best, score)))
        return self.tries[-1]
