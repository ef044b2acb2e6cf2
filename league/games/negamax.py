"""Fixed-depth search for Connect Four, all boards at once on tensors."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from league.games.base import Player, Turn, sample_uniform
from league.games.bitboards import cell_bits, has_line, to_bitboards, to_planes
from league.games.connect_four import COLUMNS, LINE, ROWS

WIN = float(1 << 20)
"""A win is worth `WIN` plus the plies of search that remain; no count of open lines comes near it."""
CHUNK = 4096
"""Most boards that are expanded together, which bounds memory and keeps the working set in cache."""
CODES = (LINE + 1) ** 2
"""A line with m stones of the mover and t of the other seat has the code 5 m + t."""


class _Tables(NamedTuple):
    bottom: Tensor  # int64 [7]
    top: Tensor  # int64 [7]
    code: Tensor  # float32 [84, 69]: an observation times this is the code of every line
    cells: Tensor  # float32 [69, 42]: 1 where a line holds a cell
    worth: Tensor  # float32 [25]: what a line of a code is worth to the mover
    gain: Tensor  # float32 [25]: what one more stone of the mover adds to it


class Negamax(Player):
    """Searches every line of play `depth` plies deep and plays a best move, ties broken at random.

    Where the search ends, a position is worth the sum over the 69 lines of four of k^2 for a line that holds k stones
    of the mover alone, minus the same for the other seat. Sooner wins and later losses are preferred.
    """

    def __init__(self, depth: int) -> None:
        self.depth = depth

    def choose(self, turn: Turn) -> Tensor:
        """Return int64 `[n]`: the columns to play."""
        scores = self.scores(*to_bitboards(turn.observation))
        best = scores == scores.amax(dim=1, keepdim=True)
        return sample_uniform(best & turn.legal, turn.generator)

    def scores(self, mine: Tensor, theirs: Tensor) -> Tensor:
        """What each column is worth to the mover on bitboards, int64 `[n]`, of games not yet over: float32 `[n, 7]`.

        Full columns, and the others where some column wins at once, are -inf.
        """
        return _search(mine, theirs, self.depth, _tables(mine.device))


def _search(mine: Tensor, theirs: Tensor, depth: int, tables: _Tables) -> Tensor:
    if len(mine) > CHUNK:
        chunks = [slice(start, start + CHUNK) for start in range(0, len(mine), CHUNK)]
        return torch.cat([_search(mine[chunk], theirs[chunk], depth, tables) for chunk in chunks])
    if depth == 1:
        return _score_leaves(mine, theirs, tables)
    occupied = (mine | theirs)[:, None]
    after = mine[:, None] | ((occupied + tables.bottom) & ~occupied)
    legal = (occupied & tables.top) == 0
    won = has_line(after.flatten(), LINE).view_as(after) & legal
    top_row = tables.top.sum()
    drawn = (((occupied | after) & top_row) == top_row) & legal & ~won
    scores = torch.full(after.shape, -torch.inf, device=mine.device)
    scores = scores.masked_fill_(won, WIN + depth).masked_fill_(drawn, 0.0)
    deeper = legal & ~drawn & ~won.any(dim=1, keepdim=True)
    rows, _ = deeper.nonzero(as_tuple=True)
    if len(rows):
        scores[deeper] = -_search(theirs[rows], after[deeper], depth - 1, tables).amax(dim=1)
    return scores


def _score_leaves(mine: Tensor, theirs: Tensor, tables: _Tables) -> Tensor:
    """Score all seven moves of every board without playing them: a move only changes the lines through its cell."""
    planes = to_planes(mine, theirs, ROWS, COLUMNS)
    codes = (planes.flatten(1) @ tables.code).long()
    worth = tables.worth[codes].sum(dim=1, keepdim=True)
    gains = tables.gain[codes] @ tables.cells
    heights = planes.sum(dim=(1, 3)).long()
    cell = (ROWS - 1 - heights).clamp(min=0) * COLUMNS + torch.arange(COLUMNS, device=mine.device)
    scores = worth + gains.gather(1, cell)
    scores = scores.masked_fill(scores > WIN / 2, WIN + 1).masked_fill(heights == ROWS, -torch.inf)
    wins = (scores > WIN).any(dim=1, keepdim=True)
    return scores.masked_fill(wins & (scores < WIN), -torch.inf)


@lru_cache
def _tables(device: torch.device) -> _Tables:
    bits = 1 << cell_bits(ROWS, COLUMNS)
    cells = torch.zeros(len(_lines()), ROWS * COLUMNS)
    for index, line in enumerate(_lines()):
        cells[index, line] = 1.0
    code = torch.stack((cells * (LINE + 1), cells), dim=2).flatten(1).T.contiguous()
    worth, gain = torch.zeros(CODES), torch.zeros(CODES)
    for mover in range(LINE + 1):
        for other in range(LINE + 1 - mover):
            at = mover * (LINE + 1) + other
            worth[at] = _worth(mover, other)
            gain[at] = _worth(mover + 1, other) - _worth(mover, other) if mover + 1 < LINE or other else WIN
    tables = _Tables(bits[-1], bits[0], code, cells, worth, gain)
    return _Tables(*(table.to(device) for table in tables))


def _worth(mover: int, other: int) -> int:
    """An open line grows in worth with the square of its stones; one that holds both colours is worth nothing."""
    return mover * mover if not other else -other * other if not mover else 0


def _lines() -> list[list[int]]:
    """The cells of the 69 lines of four, each cell as `7 row + column`."""
    steps = ((0, 1), (1, 0), (1, 1), (1, -1))
    ends = [(r, c, dr, dc) for r in range(ROWS) for c in range(COLUMNS) for dr, dc in steps]
    last = LINE - 1
    return [
        [(r + i * dr) * COLUMNS + c + i * dc for i in range(LINE)]
        for r, c, dr, dc in ends
        if r + last * dr < ROWS and 0 <= c + last * dc < COLUMNS
    ]
