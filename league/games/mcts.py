"""Monte Carlo tree search with random playouts, all boards at once on tensors: what other frameworks measure by.

UCT: L. Kocsis and C. Szepesvari, "Bandit Based Monte-Carlo Planning", ECML 2006. It knows the rules and nothing else.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

from league.games.base import Player, Turn, sample_uniform
from league.games.bitboards import BitboardGame, has_line, to_bitboards

EXPLORATION: Final = math.sqrt(2)
"""Weight of UCT's bonus, for values in [0, 1]."""
WAVES: Final = 25
"""Simulations come in at least so many waves; those of one are played out together."""
WIDEST: Final = 32
"""Most simulations of a wave."""


class Mcts(Player):
    """Grows a tree by `simulations` random playouts before each move, and plays the move that was tried most."""

    def __init__(self, simulations: int) -> None:
        self.simulations = simulations

    def choose(self, turn: Turn) -> Tensor:
        """Return int64 `[n]`: the actions to play."""
        assert isinstance(turn.game, BitboardGame)
        tree = _Tree(turn.game, *to_bitboards(turn.observation), self.simulations, turn.generator)
        visits = tree.grow(self.simulations)
        return sample_uniform((visits == visits.amax(dim=1, keepdim=True)) & turn.legal, turn.generator)


class _Tree:
    """A tree for each of n boards with room for M nodes; node 0 is the root. Values are those of the seat to move."""

    def __init__(self, game: BitboardGame, mine: Tensor, theirs: Tensor, room: int, generator: torch.Generator) -> None:
        """From bitboards int64 `[n]` of games that go on, for up to `room` simulations."""
        boards, device, actions = len(mine), mine.device, game.spec.actions
        self.game, self.generator = game, generator
        self.board = torch.arange(boards, device=device)
        self.mine = torch.zeros(boards, room + 1, dtype=torch.int64, device=device)
        self.theirs = torch.zeros_like(self.mine)
        self.mine[:, 0], self.theirs[:, 0] = mine, theirs
        self.child = torch.full((boards, room + 1, actions), -1, device=device)
        self.visits = torch.zeros(boards, room + 1, device=device)
        self.value = torch.zeros_like(self.visits)
        """Sum over visits, of 1 for a win and 1/2 for a draw."""
        self.over = torch.zeros(boards, room + 1, dtype=torch.bool, device=device)
        self.nodes = torch.ones(boards, dtype=torch.int64, device=device)

    def grow(self, simulations: int) -> Tensor:
        """Add so many simulations; how often each action of the root was tried, `[n, A]`."""
        wave = min(max(simulations // WAVES, 1), WIDEST)
        for done in range(0, simulations, wave):
            paths = [self._descend() for _ in range(min(wave, simulations - done))]
            leaves = torch.stack([self._leaf(path) for path in paths])
            mine, theirs = (words[self.board, leaves].flatten() for words in (self.mine, self.theirs))
            values = self._play_out(mine, theirs).view(len(paths), -1)
            for path, value in zip(paths, values, strict=True):
                self._back_up(path, value)
        child = self.child[:, 0]
        return torch.where(child >= 0, self.visits.gather(1, child.clamp(min=0)), -1.0)

    def _descend(self) -> list[Tensor]:
        """From the root to a new node, or to one where the game is over: the node of each ply, int64 `[n]`, -1 behind.

        Each is visited at once, so that the other simulations of a wave look elsewhere.
        """
        node, path = torch.zeros_like(self.board), []
        going = torch.ones_like(self.over[:, 0])
        while True:
            path.append(torch.where(going, node, -1))
            self.visits[self.board, node] += going
            going = going & ~self.over[self.board, node]
            if not bool(going.any()):
                return path
            action = self._select(node)
            following = self.child[self.board, node, action]
            new = going & (following < 0)
            following = torch.where(new, self._add(node, action, new), following)
            node = torch.where(going, following, node)
            if bool(new.any()):
                path.append(torch.where(going & new, node, -1))
                self.visits[self.board, node] += going & new
                going = going & ~new

    def _select(self, node: Tensor) -> Tensor:
        """UCT: the action with the best upper bound, each once before any twice; int64 `[n]`."""
        occupied = self.mine[self.board, node] | self.theirs[self.board, node]
        legal = self.game.stones(occupied) != 0
        child = self.child[self.board, node]
        tried = self.visits.gather(1, child.clamp(min=0))
        mean = 1 - self.value.gather(1, child.clamp(min=0)) / tried.clamp(min=1)
        total = self.visits[self.board, node].clamp(min=1).log()[:, None]
        bound = mean + EXPLORATION * (total / tried.clamp(min=1)).sqrt()
        bound = bound.masked_fill(child < 0, torch.inf).masked_fill(~legal, -torch.inf)
        return sample_uniform(bound == bound.amax(dim=1, keepdim=True), self.generator)

    def _add(self, node: Tensor, action: Tensor, new: Tensor) -> Tensor:
        """A node behind `action` on the boards of `new`, bool `[n]`; its number."""
        mine, theirs = self.mine[self.board, node], self.theirs[self.board, node]
        after = mine | self.game.stones(mine | theirs).gather(1, action[:, None]).squeeze(1)
        rows, at = self.board[new], self.nodes[new]
        self.child[rows, node[new], action[new]] = at
        self.mine[rows, at], self.theirs[rows, at] = theirs[new], after[new]
        self.over[rows, at] = (has_line(after, self.game.line) | (self.game.stones(after | theirs) == 0).all(dim=1))[
            new
        ]
        number = self.nodes.clone()
        self.nodes += new
        return number

    def _leaf(self, path: list[Tensor]) -> Tensor:
        """The last node of a path, int64 `[n]`."""
        leaf = path[0]
        for node in path[1:]:
            leaf = torch.where(node >= 0, node, leaf)
        return leaf

    def _play_out(self, mine: Tensor, theirs: Tensor) -> Tensor:
        """What a game of random moves brings the seat to move, float `[m]`; of one that is over what it brought."""
        lost = has_line(theirs, self.game.line)
        value = torch.where(lost, 0.0, 0.5)
        stones = self.game.stones(mine | theirs)
        going, first = ~lost & (stones != 0).any(dim=1), True
        while bool(going.any()):
            action = sample_uniform(stones != 0, self.generator)
            mine = mine | stones.gather(1, action[:, None]).squeeze(1)
            won = going & has_line(mine, self.game.line)
            value = torch.where(won, 1.0 if first else 0.0, value)
            mine, theirs, first = theirs, mine, not first
            stones = self.game.stones(mine | theirs)
            going = going & ~won & (stones != 0).any(dim=1)
        return value

    def _back_up(self, path: list[Tensor], value: Tensor) -> None:
        """Add what came of it to every node of a path; `value`, `[n]`, is that of the seat to move at its last node."""
        for node in reversed(path):
            on = node >= 0
            at = node.clamp(min=0)
            self.value[self.board, at] += torch.where(on, value, 0.0)
            value = torch.where(on, 1 - value, value)
