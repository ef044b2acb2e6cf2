"""Small games as explicit trees: every history is a row of some tables, so a batch advances by looking rows up.

Chance is no seat: its outcomes stand beside the action after which they fall, and deals beside the start. Every board
has a stream of chance of its own, a hash of its seed and its ply, so equal seeds give equal deals.

Shapes: `N` histories at which somebody is to move, `K` the most outcomes that chance has after one action.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, ClassVar, Generic, NamedTuple, Self, TypeVar

import torch
from torch import Tensor

from league.games.base import GameSpec, Step

History = TypeVar("History", bound=Hashable)
"""What has happened in a game until somebody is to move, as everybody together knows it."""


class Outcome(NamedTuple):
    """What may follow an action, or stand at the start."""

    probability: float
    history: Hashable | None
    """Where somebody is to move; None: the game is over."""
    rewards: tuple[float, ...]
    """What each seat receives on the way there."""


@dataclass(frozen=True, kw_only=True)
class Tables:
    """A game's tree. Row 0 stands for the end."""

    mover: Tensor
    """int64 `[N]`: the seat to move at each node."""
    observation: Tensor
    """float32 `[N, *spec.shape]`: what the mover sees at each node."""
    legal: Tensor
    """bool `[N, A]`: the legal actions at each node."""
    start: Tensor
    """int64 `[K]`: the rows that a game may start from."""
    start_until: Tensor
    """float32 `[K]`: their cumulated probabilities."""
    after: Tensor
    """int64 `[N, A, K]`: the row that follows; 0: the game is over."""
    until: Tensor
    """float32 `[N, A, K]`: cumulated probabilities."""
    rewards: Tensor
    """float32 `[N, A, K, P]`."""

    def to(self, device: torch.device) -> Self:
        """The same tables on another torch device."""
        return type(self)(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})


class TreeGame(ABC, Generic[History]):
    """B boards of a game that a subclass gives by its rules."""

    spec: GameSpec
    names: ClassVar[tuple[str, ...]]
    """Of the actions, as people say them."""
    last_error: str | None = None

    def __init__(self, num_games: int, *, device: torch.device | str = "cpu", seed: int = 0) -> None:
        self.num_games = num_games
        self.device = torch.device(device)
        rows, tables = _tree(type(self))
        self.histories = rows
        self.tables = tables.to(self.device)
        self._generator = torch.Generator(device=self.device).manual_seed(seed)
        self._seeds = torch.zeros(num_games, dtype=torch.long, device=self.device)
        self._plies = torch.zeros(num_games, dtype=torch.long, device=self.device)
        self.row = torch.zeros(num_games, dtype=torch.long, device=self.device)
        self.reset()

    @classmethod
    @abstractmethod
    def start(cls) -> list[Outcome]:
        """The deals with which a game may begin, with their probabilities."""

    @classmethod
    @abstractmethod
    def mover(cls, history: History) -> int:
        """The seat to move after a history."""

    @classmethod
    @abstractmethod
    def actions(cls, history: History) -> list[int]:
        """The legal actions after a history, ascending."""

    @classmethod
    @abstractmethod
    def view(cls, history: History) -> list[float]:
        """What the seat to move sees, flat."""

    @classmethod
    @abstractmethod
    def follow(cls, history: History, action: int) -> list[Outcome]:
        """What may follow an action."""

    @classmethod
    @abstractmethod
    def text(cls, history: History) -> str:
        """What the seat to move sees, for people."""

    def reset(self, mask: Tensor | None = None, seeds: Tensor | None = None) -> None:
        """Start a new game on the boards of `mask` (bool `[B]`; all of them without it)."""
        if mask is None:
            mask = torch.ones(self.num_games, dtype=torch.bool, device=self.device)
        if seeds is None:
            seeds = torch.randint(2**62, (self.num_games,), generator=self._generator, device=self.device)
        self._seeds = torch.where(mask, seeds, self._seeds)
        self._plies = self._plies.masked_fill(mask, 0)
        chance = (self._chance()[:, None] >= self.tables.start_until).sum(dim=1)
        self.row = torch.where(mask, self.tables.start[chance.clamp(max=len(self.tables.start) - 1)], self.row)

    def observe(self) -> Tensor:
        """float32 `[B, *spec.shape]`: what the mover sees on each board."""
        return self.tables.observation[self.row]

    def legal(self) -> Tensor:
        """bool `[B, A]`: the legal actions on each board."""
        return self.tables.legal[self.row]

    def to_move(self) -> Tensor:
        """int64 `[B]`: the seat to move on each board."""
        return self.tables.mover[self.row]

    def step(self, actions: Tensor) -> Step:
        """Play one legal action on every board."""
        self._plies = self._plies + 1
        until = self.tables.until[self.row, actions]
        chance = (self._chance()[:, None] >= until).sum(dim=1).clamp(max=until.shape[1] - 1)
        rewards = self.tables.rewards[self.row, actions, chance]
        self.row = self.tables.after[self.row, actions, chance]
        done = self.row == 0
        return Step(rewards=rewards, done=done, dropped=torch.zeros_like(done))

    def render(self, row: int) -> str:
        """One board as text for a terminal."""
        history = self.histories[int(self.row[row])]
        return "the game is over" if history is None else self.text(history)

    def action_name(self, row: int, action: int) -> str:
        """An action as people say it; the same on every board."""
        return self.names[action]

    def _chance(self) -> Tensor:
        """Uniform draws, float32 `[B]` in [0, 1), from each board's seed and ply."""
        # Fibonacci hashing, twice, of which 24 bits are kept: what a float32 holds.
        mixed = self._seeds + self._plies * 0x9E3779B97F4A7C1
        for _ in range(2):
            mixed = (mixed ^ (mixed >> 29)) * 0x2545F4914F6CDD1D
        return ((mixed >> 40) & 0xFFFFFF).float() / 2**24


@lru_cache
def _tree(game: type[TreeGame[Any]]) -> tuple[list[Any], Tables]:
    """The histories by row, None for the end, and the tables."""
    spec = game.spec
    places: dict[Hashable, int] = {}
    todo = [outcome.history for outcome in game.start()]
    follows: dict[tuple[Hashable, int], list[Outcome]] = {}
    while todo:
        history = todo.pop()
        if history is None or history in places:
            continue
        places[history] = len(places) + 1
        for action in game.actions(history):
            follows[history, action] = game.follow(history, action)
            todo += [outcome.history for outcome in follows[history, action]]
    size, most = len(places) + 1, max(map(len, follows.values()))
    start = game.start()
    tables = Tables(
        mover=torch.zeros(size, dtype=torch.long),
        observation=torch.zeros(size, *spec.shape),
        legal=torch.zeros(size, spec.actions, dtype=torch.bool),
        start=torch.tensor([places[outcome.history] for outcome in start]),
        start_until=_cumulated(start, len(start)),
        after=torch.zeros(size, spec.actions, most, dtype=torch.long),
        until=torch.ones(size, spec.actions, most),
        rewards=torch.zeros(size, spec.actions, most, spec.seats),
    )
    for history, row in places.items():
        tables.mover[row] = game.mover(history)
        tables.observation[row] = torch.tensor(game.view(history)).view(spec.shape)
        for action in game.actions(history):
            outcomes = follows[history, action]
            tables.legal[row, action] = True
            tables.until[row, action] = _cumulated(outcomes, most)
            for k, outcome in enumerate(outcomes):
                tables.after[row, action, k] = 0 if outcome.history is None else places[outcome.history]
                tables.rewards[row, action, k] = torch.tensor(outcome.rewards)
    return [None, *places], tables


def _cumulated(outcomes: Sequence[Outcome], size: int) -> Tensor:
    """Cumulated probabilities, float32 `[size]`; the last outcome takes all that is left."""
    until = torch.ones(size)
    until[: len(outcomes)] = torch.tensor([outcome.probability for outcome in outcomes]).cumsum(0)
    until[len(outcomes) - 1 :] = 1.0
    return until
