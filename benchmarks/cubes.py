"""Opponents at Connect Four that the project does not know: `n-D`, a plain negamax of depth D on its own bitboards.

It looks D plies ahead and scores what it finds there by the cube of the own stones in each of the 69 lines of four that
hold none of the other seat's, minus the same for the other seat. Sooner wins and later losses are preferred; ties are
broken at random. The project's own bots score by squares, and share no code with this.

A board is two 64-bit words, the stones of the seat to move and those of the other one. A column has seven bits, from
the bottom up, of which the highest stays empty: cell (column, row) is bit `7 column + row`. All boards are searched
together, one ply after another, and equal positions once. Shapes: `n` boards.
"""

from __future__ import annotations

from functools import reduce
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from league.games.base import Player, Turn, sample_uniform

Words = NDArray[np.uint64]

ROWS, COLUMNS = 6, 7
WIN: Final = 1_000_000
"""Plus the plies that remain; all 69 lines together come to less."""
DIRECTIONS = tuple(map(np.uint64, (1, 6, 7, 8)))
"""Bits from a cell to the next one of a line: up, right and down, right, right and up."""
BITS: Final = np.uint64(1) << (7 * np.arange(COLUMNS) + np.arange(ROWS)[::-1, None]).astype(np.uint64)
"""uint64 `[6, 7]`: of each cell, row 0 on top as in an observation."""
BOARD = np.uint64(int(BITS.sum()))
BOTTOM, FULL = BITS[-1], BITS.sum(axis=0)
"""uint64 `[7]`: the lowest cell, and all cells of each column."""


def words(observation: Tensor) -> tuple[Words, Words]:
    """Observations, `[n, 6, 7, 2]`, as the stones of the seat to move and of the other one, uint64 `[n]`."""
    seen = observation.cpu().numpy().astype(np.uint64)
    return (seen[..., 0] * BITS).sum(axis=(1, 2)), (seen[..., 1] * BITS).sum(axis=(1, 2))


def drop(mine: Words, theirs: Words) -> Words:
    """uint64 `[n, 7]`: the cell that a stone falls into in each column; 0 where it is full."""
    return ((mine | theirs)[:, None] + BOTTOM) & ~(mine | theirs)[:, None] & FULL


def has_four(stones: Words) -> NDArray[np.bool_]:
    """Whether the stones hold four in a row, for any shape."""
    found = np.zeros_like(stones)
    for step in DIRECTIONS:
        pairs = stones & (stones >> step)
        found |= pairs & (pairs >> (step + step))
    return found != 0


def worth(mine: Words, theirs: Words) -> NDArray[np.int64]:
    """int64 `[n]`: the cubes of the own stones in open lines, minus the other seat's. Nobody has four in a row."""
    return _cubes(mine, theirs) - _cubes(theirs, mine)


def _cubes(mine: Words, theirs: Words) -> NDArray[np.int64]:
    total = np.zeros(len(mine), np.int64)
    for step in DIRECTIONS:
        shifts = [np.uint64(i) * step for i in range(4)]
        a, b, c, d = (mine >> shift for shift in shifts)
        starts = reduce(np.bitwise_and, (BOARD >> shift for shift in shifts))
        open_ = starts & ~reduce(np.bitwise_or, (theirs >> shift for shift in shifts))
        # The four bits of each line are added up for all lines at once: `ones` and `twos` are digits of the sum.
        first, second = a ^ b, c ^ d
        ones, twos = first ^ second, (a & b) ^ (c & d) ^ (first & second)
        for count, lines in ((1, ones & ~twos), (2, twos & ~ones), (3, ones & twos)):
            total += count**3 * np.bitwise_count(lines & open_).astype(np.int64)
    return total


def scores(mine: Words, theirs: Words, depth: int) -> NDArray[np.int64]:
    """int64 `[n, 7]`: what each column is worth to the seat to move; full ones, and others beside a win, are lowest."""
    cells = drop(mine, theirs)
    after = mine[:, None] | cells
    legal = cells != 0
    won = has_four(after) & legal
    found = np.where(won, WIN + depth, -2 * WIN)
    full = (after | theirs[:, None]) == BOARD
    found[legal & full & ~won] = 0
    rows, columns = np.nonzero(legal & ~full & ~won.any(axis=1, keepdims=True))
    found[rows, columns] = -_values(theirs[rows], after[rows, columns], depth - 1)
    return found


def _values(mine: Words, theirs: Words, depth: int) -> NDArray[np.int64]:
    _, index, place = np.unique(2 * mine + theirs, return_index=True, return_inverse=True)
    mine, theirs = mine[index], theirs[index]
    values = scores(mine, theirs, depth).max(axis=1, initial=-2 * WIN) if depth else worth(mine, theirs)
    return values[place]


class Cubes(Player):
    """The bot `n-D`."""

    def __init__(self, depth: int) -> None:
        self.depth = depth

    def choose(self, turn: Turn) -> Tensor:
        """Return int64 `[n]`: the columns to play."""
        found = torch.from_numpy(scores(*words(turn.observation), self.depth)).to(turn.legal.device)
        best = found == found.amax(dim=1, keepdim=True)
        return sample_uniform(best & turn.legal, turn.generator)
