"""A game whose every move can be told from every other, and what was played in it.

An observation is (board, number of the game on it, ply), so a move that comes back from a rollout names itself. Who
moves, how long a game is, what is paid and which games break is fixed by a seed, whatever the players do.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import torch

from league.games.base import GameSpec, Step

ACTIONS = 3
LONGEST = 7


@dataclass
class Played:
    """One ply of one board."""

    mover: int
    rewards: tuple[float, ...]
    asked: bool = False
    """Whether a player was asked, rather than an opening."""
    clock: int = 0
    """Plies of the table before this one."""


@dataclass
class Playthrough:
    """One game of one board, as far as it went."""

    plies: list[Played] = field(default_factory=list)
    seatings: list[tuple[int, ...]] = field(default_factory=list)
    """The seating at each ply."""
    done: bool = False
    dropped: bool = False


class LedgerGame:
    """Implements `league.games.base.Game`, and keeps `ledger[board]`, a list of `Playthrough`."""

    last_error: str | None = None

    def __init__(self, boards: int, seats: int = 2, *, seed: int = 0, broken: float = 0.0) -> None:
        self.spec = GameSpec(name="ledger", seats=seats, shape=(3,), actions=ACTIONS, batched=True, deterministic=True)
        self.num_games, self.device = boards, torch.device("cpu")
        self.seed, self.broken = seed, broken
        self.table = None
        """Set it, and seatings are kept."""
        self.ledger: list[list[Playthrough]] = [[] for _ in range(boards)]
        self.clock = 0
        self.reset()

    def reset(self, mask=None, seeds=None):
        rows = range(self.num_games) if mask is None else mask.nonzero().flatten().tolist()
        for row in rows:
            # A game that was never played, as before the first reset by a table, leaves no trace.
            if self.ledger[row] and not self.ledger[row][-1].plies:
                self.ledger[row].pop()
            self.ledger[row].append(Playthrough())

    def _random(self, row):
        game = self.ledger[row]
        return np.random.default_rng([self.seed, row, len(game), len(game[-1].plies)])

    def observe(self):
        return torch.tensor(
            [[row, len(games) - 1, len(games[-1].plies)] for row, games in enumerate(self.ledger)], dtype=torch.float32
        )

    def legal(self):
        return torch.tensor([[True, True, row % 2 == 0] for row in range(self.num_games)])

    def to_move(self):
        return torch.tensor([int(self._random(row).integers(self.spec.seats)) for row in range(self.num_games)])

    def step(self, actions):
        assert bool(self.legal().gather(1, actions[:, None]).all())
        movers = self.to_move().tolist()
        rewards, done, dropped = [], [], []
        for row, games in enumerate(self.ledger):
            if games[-1].done:  # Nobody plays here any more.
                games.append(Playthrough())
            game, random = games[-1], self._random(row)
            random.integers(self.spec.seats)  # The mover.
            paid = tuple(float(x) for x in random.integers(-2, 3, self.spec.seats))
            asked = self.table is not None and not bool(self.table.opening_left[row] > 0)
            game.plies.append(Played(mover=movers[row], rewards=paid, asked=asked, clock=self.clock))
            if self.table is not None:
                game.seatings.append(tuple(self.table.seating[row].tolist()))
            game.done = len(game.plies) >= LONGEST or random.random() < 0.2
            game.dropped = game.done and random.random() < self.broken
            rewards.append((0.0,) * self.spec.seats if game.dropped else paid)
            done.append(game.done)
            dropped.append(game.dropped)
        self.clock += 1
        return Step(torch.tensor(rewards), torch.tensor(done), torch.tensor(dropped))

    def render(self, row):
        return str(self.ledger[row][-1])


def value_of(observation):
    """The value that `LedgerNetwork` gives a position: any fixed function will do. `[n, 3]` to `[n]`."""
    return torch.sin(observation @ torch.tensor([1.0, 3.0, 7.0]))


class LedgerNetwork:
    """Stands in for a `PolicyNetwork`: even logits, values that are known."""

    def __call__(self, observation, legal):
        return torch.zeros(legal.shape).masked_fill(~legal, -1e9), value_of(observation)


def places(moves):
    """Which moves these are: (board, game, ply), each counted."""
    return Counter(tuple(int(x) for x in row) for row in moves.observation.tolist())
