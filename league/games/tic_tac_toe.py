"""Tic-tac-toe on bitboards, equal ply for ply to `pettingzoo.classic.tictactoe_v3`.

The action is the cell, in the order of an observation's rows:

    0 1 2
    3 4 5
    6 7 8
"""

from __future__ import annotations

import torch
from torch import Tensor

from league.games.base import GameSpec, Symmetry
from league.games.bitboards import BitboardGame
from league.games.stones import Stones, lines, windows

_BOARD = torch.arange(9).view(3, 3)
_VIEWS = [torch.rot90(board, turns).flatten().tolist() for board in (_BOARD, _BOARD.flip(1)) for turns in range(4)]
SYMMETRIES = tuple(Symmetry(cells=tuple(view), actions=tuple(view)) for view in _VIEWS[1:])
"""Three turns, and four mirrors. An action is a cell."""


class TicTacToe(BitboardGame):
    """B boards of tic-tac-toe; the action is the cell, 0 at the top left."""

    spec = GameSpec(
        name="tic_tac_toe",
        seats=2,
        shape=(3, 3, 2),
        actions=9,
        batched=True,
        deterministic=True,
        bots=("uniform", "perfect"),
        stones=Stones(patterns=lines(3, 3, 3) + windows(3, 3, 2, 3) + windows(3, 3, 3, 2)),
        plies=9,
        stakes=1.0,
        positions=True,
        symmetries=SYMMETRIES,
    )
    line = 3
    columns = False

    def __init__(self, num_games: int, *, device: torch.device | str = "cpu") -> None:
        super().__init__(num_games, device=device)
        self._stones = 1 << self._bits.flatten()

    def legal(self) -> Tensor:
        """bool `[B, 9]`: the empty cells."""
        return ((self.mine | self.theirs)[:, None] & self._stones) == 0

    def stones(self, occupied: Tensor) -> Tensor:
        """int64 `[n, 9]`: every empty cell."""
        return self._stones & ~occupied[:, None]

    def _stone(self, actions: Tensor) -> Tensor:
        return self._stones.index_select(0, actions)

    def _draw(self, marks: tuple[tuple[str, ...], ...]) -> str:
        return "\n───┼───┼───\n".join(" " + " │ ".join(row) for row in marks)
