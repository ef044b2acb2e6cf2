"""Connect Four on bitboards, equal ply for ply to `pettingzoo.classic.connect_four_v3`."""

from __future__ import annotations

import torch
from torch import Tensor

from league.games.base import GameSpec, Symmetry
from league.games.bitboards import BitboardGame
from league.games.stones import Stones, columns_of, lines

ROWS, COLUMNS, LINE = 6, 7, 4
MIRROR = Symmetry(
    cells=tuple(r * COLUMNS + c for r in range(ROWS) for c in reversed(range(COLUMNS))),
    actions=tuple(reversed(range(COLUMNS))),
)


class ConnectFour(BitboardGame):
    """B boards of Connect Four; the action is the column, 0 on the left."""

    spec = GameSpec(
        name="connect_four",
        seats=2,
        shape=(ROWS, COLUMNS, 2),
        actions=COLUMNS,
        batched=True,
        deterministic=True,
        bots=("uniform", "negamax-2", "negamax-4"),
        stones=Stones(patterns=lines(ROWS, COLUMNS, LINE, vertical=False) + columns_of(ROWS, COLUMNS), falls=True),
        plies=ROWS * COLUMNS,
        stakes=1.0,
        positions=True,
        symmetries=(MIRROR,),
    )
    line = LINE
    columns = True

    def __init__(self, num_games: int, *, device: torch.device | str = "cpu") -> None:
        super().__init__(num_games, device=device)
        self._bottom = 1 << self._bits[-1]
        self._top = 1 << self._bits[0]

    def legal(self) -> Tensor:
        """bool `[B, 7]`: the columns that are not full."""
        return ((self.mine | self.theirs)[:, None] & self._top) == 0

    def stones(self, occupied: Tensor) -> Tensor:
        """int64 `[n, 7]`: the lowest empty cell of each column."""
        taken = occupied[:, None]
        return (taken + self._bottom) & ~taken & self._full

    def _stone(self, actions: Tensor) -> Tensor:
        # Adding one at the bottom of a column carries through its stones into its lowest empty cell.
        occupied = self.mine | self.theirs
        return (occupied + self._bottom.index_select(0, actions)) & ~occupied

    def _draw(self, marks: tuple[tuple[str, ...], ...]) -> str:
        lines = ["│ " + " ".join(mark or "·" for mark in row) + " │" for row in marks]
        return "\n".join([*lines, "╰" + "─" * (2 * COLUMNS + 1) + "╯", "  " + " ".join(map(str, range(COLUMNS)))])
