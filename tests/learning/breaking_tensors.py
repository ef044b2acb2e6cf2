"""A game on tensors that raises."""

from dataclasses import replace
from typing import Any

from torch import Tensor

from league.games.tic_tac_toe import TicTacToe


class Breaks(TicTacToe):
    spec = replace(TicTacToe.spec, name="breaks")

    def step(self, actions: Tensor) -> Any:
        raise RuntimeError("the boards collapsed")
