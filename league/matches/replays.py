"""A recorded game, played again position by position."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import torch

from league.errors import GameError
from league.games import game_spec, make_game
from league.games.base import Cells, HasCells
from league.ladder.records import Replay
from league.view.words import uncoloured

CACHED: Final = 64
"""Games whose positions are kept."""


@dataclass(frozen=True, kw_only=True)
class Position(Cells):
    """One position of a game; without cells where the game has none, or hides them."""

    text: str
    """As the game draws it."""
    new: tuple[int, int] | None
    """Row and column of the cell that the last move filled."""
    mover: int | None
    """The seat that made the last move; None at the beginning."""
    action: int | None
    opening: bool
    """The last move was a random one of the opening."""


@lru_cache(CACHED)
def positions(game: str, replay: Replay) -> list[Position]:
    """Play a game again: its first position, and the one after each move. The last games are kept: change no list.

    Raises:
        GameError: the stored moves cannot be played, or there is no such game here.
        MissingExtraError: the game lacks an extra.
    """
    spec = game_spec(game)
    board = make_game(spec.name, 1, seed=0)
    board.reset(seeds=torch.tensor([replay.seed]))
    none = Cells(marks=(), columns=False, line=frozenset())
    found: list[Position] = []

    def look(mover: int | None, action: int | None, opening: bool, over: bool) -> None:
        hidden = over and not spec.deterministic  # Where there are hidden cards, a game that is over shows nobody's.
        cells = board.cells(0) if isinstance(board, HasCells) and not hidden else none
        found.append(
            Position(
                **vars(cells),
                text="the game is over" if hidden else uncoloured(board.render(0)),
                new=changed(found[-1].marks, cells.marks) if found else None,
                mover=mover,
                action=action,
                opening=opening,
            )
        )

    look(None, None, False, False)
    for ply, action in enumerate(replay.moves):
        if not 0 <= action < spec.actions or not bool(board.legal()[0, action]):
            raise GameError(f"move {ply + 1} of the stored game, {action}, is not legal in {spec.name}")
        mover = int(board.to_move()[0])
        done = bool(board.step(torch.tensor([action])).done[0])
        if done and ply < len(replay.moves) - 1:
            raise GameError(f"the stored game goes on after its end, at move {ply + 1}")
        look(mover, action, ply < replay.opening, done)
    return found


def changed(before: tuple[tuple[str, ...], ...], after: tuple[tuple[str, ...], ...]) -> tuple[int, int] | None:
    """Row and column of the first cell that is not as before."""
    changed = ((r, c) for r, row in enumerate(after) for c, mark in enumerate(row) if mark != before[r][c])
    return next(changed, None)
