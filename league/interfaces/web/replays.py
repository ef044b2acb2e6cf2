"""A recorded game, played again position by position."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from league.errors import StoreError
from league.ladder.records import Replay

CACHED: Final = 64
"""Games whose positions are kept."""

_STONES: Final = re.compile(r"^│ ((?:[XO·] )+)│$", re.MULTILINE)
_NUMBERED: Final = re.compile(r"^ ([XO\d](?: │ [XO\d])+)$", re.MULTILINE)
"""How Connect Four and tic-tac-toe draw a row."""


@dataclass(frozen=True, kw_only=True)
class Position:
    """One position of a game."""

    text: str
    """As the game draws it."""
    grid: tuple[tuple[str, ...], ...]
    """Its cells from the top, "X", "O", a free cell's action or nothing; empty where the text is no such board."""
    columns: bool
    """An action is a column of `grid`, counted from 0."""
    new: tuple[int, int] | None
    """Row and column of the cell that the last move filled."""
    line: frozenset[tuple[int, int]]
    """Rows and columns of the cells that won, if the last move filled such a line."""
    mover: int | None
    """The seat that made the last move; None at the beginning."""
    action: int | None
    opening: bool
    """The last move was a random one of the opening."""


def positions(game: str, replay: Replay) -> list[Position]:
    """Play a game again: its first position, and the one after each move.

    Raises:
        StoreError: the stored moves cannot be played.
        LeagueError: there is no such game here, or it lacks an extra.
    """
    import torch

    from league.games import game_spec, make_game

    spec = game_spec(game)
    board = make_game(spec.name, 1, seed=0)
    board.reset(seeds=torch.tensor([replay.seed]))
    length = getattr(board, "line", 0)
    found = [_position(board.render(0), None, None, None, False, length)]
    for ply, action in enumerate(replay.moves):
        if not 0 <= action < spec.actions or not bool(board.legal()[0, action]):
            raise StoreError(f"move {ply + 1} of the stored game, {action}, is not legal in {spec.name}")
        mover = int(board.to_move()[0])
        done = bool(board.step(torch.tensor([action])).done[0])
        last = ply == len(replay.moves) - 1
        if done and not last:
            raise StoreError(f"the stored game goes on after its end, at move {ply + 1}")
        # Where there are hidden cards, a game that is over shows nobody's.
        text = board.render(0) if not done or spec.deterministic else "the game is over"
        found.append(_position(text, found[-1], mover, action, ply < replay.opening, length))
    return found


def _position(
    text: str, before: Position | None, mover: int | None, action: int | None, opening: bool, length: int
) -> Position:
    grid = _grid(text)
    new = None
    if before is not None and len(before.grid) == len(grid):
        changed = (
            (row, column)
            for row, cells in enumerate(grid)
            for column, cell in enumerate(cells)
            if cell != before.grid[row][column]
        )
        new = next(changed, None)
    return Position(
        text=text,
        grid=grid,
        columns=bool(_STONES.search(text)),
        new=new,
        line=frozenset(_line(grid, new, length)) if new is not None and length else frozenset(),
        mover=mover,
        action=action,
        opening=opening,
    )


def _line(grid: tuple[tuple[str, ...], ...], new: tuple[int, int], length: int) -> Iterator[tuple[int, int]]:
    """The cells of every line of `length` or more equal stones through `new`."""
    stones = {
        (row, column)
        for row, cells in enumerate(grid)
        for column, cell in enumerate(cells)
        if cell == grid[new[0]][new[1]]
    }
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        run = [new]
        for way in (1, -1):
            at = (new[0] + way * down, new[1] + way * right)
            while at in stones:
                run.append(at)
                at = (at[0] + way * down, at[1] + way * right)
        if len(run) >= length:
            yield from run


def _grid(text: str) -> tuple[tuple[str, ...], ...]:
    stones = [row.split() for row in _STONES.findall(text)]
    numbered = [row.split(" │ ") for row in _NUMBERED.findall(text)]
    return tuple(tuple(cell.strip("·") for cell in row) for row in stones or numbered)


class Replays:
    """Plays games again, and keeps the last ones. Threads may share it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], list[Position]] = OrderedDict()
        self._lock = threading.Lock()

    def positions(self, game: str, match_id: str, number: int, replay: Replay) -> list[Position]:
        """Game `number` of a match; see `positions`."""
        with self._lock:
            key = (match_id, number)
            if key not in self._kept:
                self._kept[key] = positions(game, replay)
            self._kept.move_to_end(key)
            while len(self._kept) > CACHED:
                self._kept.popitem(last=False)
            return self._kept[key]
