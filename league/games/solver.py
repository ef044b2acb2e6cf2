"""Connect Four, solved: what every move is worth under best play, and a bot that plays a best one.

By the solver `bitbully`, which is licensed under the AGPL and therefore an extra of its own, `solver`: nothing else
here needs it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import torch
from torch import Tensor

from league.errors import MissingExtraError
from league.games.base import Player, Turn, sample_uniform
from league.games.connect_four import COLUMNS, ROWS

FULL: Final = -1000
"""What the solver says of a column that is full."""
_COLUMN_BITS: Final = 9
"""Bits of a column in the solver's words."""


@lru_cache
def _solver() -> tuple[Any, Any]:
    """The solver, with its book of openings, and its class of boards."""
    try:
        import bitbully_databases
        from bitbully import bitbully_core
    except ImportError as error:
        raise MissingExtraError("bitbully", "solver") from error
    book = bitbully_databases.BitBullyDatabases.get_database_path("default")
    return bitbully_core.BitBullyCore(book), bitbully_core.BoardCore


def solve(observation: Tensor) -> Tensor:
    """int64 `[n, 7]`: what each column is worth to the mover under best play, of games that go on.

    Above 0 it wins, the more the sooner; 0 is a draw; below 0 it loses; `FULL` where no stone can be placed. Raises
    `MissingExtraError` without the extra `solver`.
    """
    solver, kind = _solver()
    board, found = kind(), []
    cells = observation.flip(1).transpose(1, 2).long()  # Column by column from the bottom up, as the solver's words.
    shifts = torch.arange(COLUMNS)[:, None] * _COLUMN_BITS + torch.arange(ROWS)
    mine, theirs = (cells << shifts[:, :, None]).sum(dim=(1, 2)).unbind(dim=1)
    for own, other in zip(mine.tolist(), theirs.tolist(), strict=True):
        board.setRawState(own | other, own, ROWS * COLUMNS - (own | other).bit_count())
        found.append(solver.scoreMoves(board))
    return torch.tensor(found)


class Solver(Player):
    """Plays a best move: the soonest win, else a draw, else the latest loss; ties broken at random."""

    def __init__(self) -> None:
        """Raises `MissingExtraError` without the extra `solver`."""
        _solver()

    def choose(self, turn: Turn) -> Tensor:
        """Return int64 `[n]`: the columns to play."""
        values = solve(turn.observation.cpu())
        best = (values == values.amax(dim=1, keepdim=True)).to(turn.legal.device)
        return sample_uniform(best & turn.legal, turn.generator)
