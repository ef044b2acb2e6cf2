"""The games that run on tensors."""

from __future__ import annotations

from typing import Any, Final

from league.games.bitboards import BitboardGame
from league.games.connect_four import ConnectFour
from league.games.leduc import Leduc
from league.games.rock_paper_scissors import RockPaperScissors
from league.games.tic_tac_toe import TicTacToe
from league.games.tree import TreeGame

BUILTIN: Final[dict[str, tuple[type[BitboardGame] | type[TreeGame[Any]], str]]] = {
    "connect_four": (ConnectFour, "Connect Four, batched on tensors"),
    "tic_tac_toe": (TicTacToe, "Tic-tac-toe, batched on tensors"),
    "leduc_poker": (Leduc, "Leduc poker by OpenSpiel's rules, batched on tensors"),
    "rock_paper_scissors": (RockPaperScissors, "Rock-paper-scissors, batched on tensors"),
}
"""Class and description by name."""
