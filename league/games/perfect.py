"""Perfect play of tic-tac-toe, from a table of every position."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from league.games.base import Player, Turn, sample_uniform

CELLS = 9
POSITIONS = 3**CELLS
LINES = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))


class Perfect(Player):
    """Plays a best move by minimax, sooner wins before later ones, ties broken at random."""

    def choose(self, turn: Turn) -> Tensor:
        """Return int64 `[n]`: the cells to play."""
        cells = turn.observation[..., 0] + 2 * turn.observation[..., 1]
        codes = (cells.flatten(1).long() * _powers().to(cells.device)).sum(dim=1)
        return sample_uniform(best_moves(cells.device)[codes] & turn.legal, turn.generator)


def _powers() -> Tensor:
    return 3 ** torch.arange(CELLS)


@lru_cache
def best_moves(device: torch.device) -> Tensor:
    """bool `[19683, 9]`: the moves of greatest minimax value in every position.

    A position's code is the sum over its cells of 3^cell times 0 for empty, 1 for the mover, 2 for the other seat.
    """
    codes, powers = torch.arange(POSITIONS), _powers()
    digits = codes[:, None] // powers % 3
    empty = digits == 0
    stones = CELLS - empty.sum(dim=1)
    lost = (digits[:, torch.tensor(LINES)] == 2).all(dim=2).any(dim=1)
    # The other seat sees its own stones as 1 and the mover's, the new one among them, as 2.
    swapped = (digits * 2 % 3 * powers).sum(dim=1)
    children = torch.where(empty, swapped[:, None] + 2 * powers, 0)
    values = torch.where(lost, stones - CELLS - 1, 0)
    best = torch.zeros(POSITIONS, CELLS, dtype=torch.bool)
    for count in range(CELLS - 1, -1, -1):
        rows = ((stones == count) & ~lost).nonzero().squeeze(1)
        replies = (-values[children[rows]]).masked_fill(~empty[rows], -POSITIONS)
        values[rows] = replies.amax(dim=1)
        best[rows] = replies == values[rows, None]
    return best.to(device)
