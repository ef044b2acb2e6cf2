"""Two-player games of placing stones in a line, with every board of a batch in two 64-bit words.

A board is `(mine, theirs)`: the stones of the seat to move and those of the other one, one bit per cell. A ply sets a
bit and swaps the two words, so the whole batch advances in a few tensor operations and never leaves its device.

The layout is John Tromp's (https://tromp.github.io/c4/c4.html) with eight bits per column, from the bottom row up:

      .  .  .  .  .  .  .        above the board, never occupied
      5 13 21 29 37 45 53        Connect Four's top row, row 0 of an observation
      ...
      0  8 16 24 32 40 48        its bottom row, row 5

Neighbours in one direction are at one constant distance, and the empty cells on top keep lines from running on into
the next column. A column is one byte, so observations are unpacked from bytes, eight times less data than words.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from functools import lru_cache
from typing import ClassVar, Self

import torch
from torch import Tensor

from league.games.base import Cells, GameSpec, Step

STRIDE = 8
"""Bits from a cell to its neighbour on the right."""
DIRECTIONS = (1, STRIDE - 1, STRIDE, STRIDE + 1)
"""Bits from a cell to the next one of a line: up, right and down, right, right and up."""


def cell_bits(rows: int, columns: int) -> Tensor:
    """int64 `[rows, columns]`: the bit of every cell, in the layout of an observation (row 0 on top)."""
    return torch.arange(columns) * STRIDE + torch.arange(rows).flip(0)[:, None]


@lru_cache
def _distances(device: torch.device) -> Tensor:
    return torch.tensor(DIRECTIONS, device=device)[:, None]


def has_line(stones: Tensor, length: int) -> Tensor:
    """bool `[n]`: whether the bitboards `stones`, int64 `[n]`, hold `length` stones in a row."""
    distances = _distances(stones.device)
    found = stones
    for step in range(1, length):
        found = found & (stones >> step * distances)
    return found.amax(dim=0) != 0


def completing(stones: Tensor, length: int) -> Tensor:
    """Where one more stone would make `length` in a row: bitboards int64 `[n]` to bits, also of cells that are taken.

    Bits outside of the board mean nothing.
    """
    found = torch.zeros_like(stones)
    for distance in DIRECTIONS:
        # So many stones in a row that end just before a cell, and that begin just behind it.
        before, behind = [stones << distance], [stones >> distance]
        for step in range(2, length):
            before.append(before[-1] & (stones << step * distance))
            behind.append(behind[-1] & (stones >> step * distance))
        found |= before[-1]
        found |= behind[-1]
        for number in range(1, length - 1):
            found |= before[number - 1] & behind[length - 2 - number]
    return found


def line_cells(stones: int, length: int) -> int:
    """The bits of one bitboard that are part of `length` stones in a row."""
    found = 0
    for distance in DIRECTIONS:
        starts = stones
        for step in range(1, length):
            starts &= stones >> step * distance
        for step in range(length):
            found |= starts << step * distance
    return found


def to_planes(mine: Tensor, theirs: Tensor, rows: int, columns: int) -> Tensor:
    """Unpack bitboards, int64 `[n]` each, into an observation, float32 `[n, rows, columns, 2]`."""
    size = len(mine)
    # The bytes of a little-endian word run from its first column to its last.
    bytes_ = torch.stack((mine, theirs), dim=1).view(torch.uint8).view(size, 2, STRIDE)
    by_column = bytes_.transpose(1, 2)[:, :columns].reshape(size, 1, 2 * columns)
    heights = torch.arange(rows - 1, -1, -1, dtype=torch.uint8, device=mine.device)[:, None]
    return ((by_column >> heights) & 1).float().view(size, rows, columns, 2)


def to_bitboards(observation: Tensor) -> tuple[Tensor, Tensor]:
    """Pack observations, float32 `[n, rows, columns, 2]`, into `(mine, theirs)`, int64 `[n]` each."""
    bits = cell_bits(observation.shape[1], observation.shape[2]).to(observation.device)
    words = (observation.long() << bits[:, :, None]).sum(dim=(1, 2))
    return words[:, 0], words[:, 1]


class LinePositions:
    """`Positions` (see `league.games.base`) of a game on bitboards."""

    def __init__(self, game: BitboardGame, mine: Tensor, theirs: Tensor) -> None:
        """Bitboards int64 `[n]` of the seat to move and the other one, on boards of `game`."""
        self.game, self.mine, self.theirs = game, mine, theirs

    def __len__(self) -> int:
        return len(self.mine)

    def __getitem__(self, rows: Tensor) -> LinePositions:
        return LinePositions(self.game, self.mine[rows], self.theirs[rows])

    def observe(self) -> Tensor:
        """float32 `[n, rows, columns, 2]`."""
        rows, columns, _ = self.game.spec.shape
        return to_planes(self.mine, self.theirs, rows, columns)

    def legal(self) -> Tensor:
        """Which actions are legal, bool `[n, A]`."""
        return self.game.stones(self.mine | self.theirs) != 0

    def wins(self) -> Tensor:
        """Which actions win at once, bool `[n, A]`."""
        stones = self.game.stones(self.mine | self.theirs)
        return (stones & completing(self.mine, self.game.line)[:, None]) != 0

    def passed(self) -> LinePositions:
        """The other seat to move."""
        return LinePositions(self.game, self.theirs, self.mine)

    def after(self, rows: Tensor, actions: Tensor) -> LinePositions:
        """What `actions` int64 `[m]` make of the positions `rows` int64 `[m]`."""
        mine, theirs = self.mine[rows], self.theirs[rows]
        stone = self.game.stones(mine | theirs).gather(1, actions[:, None]).squeeze(1)
        return LinePositions(self.game, theirs, mine | stone)


class BitboardGame(ABC):
    """A `Game` (see `league.games.base`) of two seats whose boards are bitboards.

    Legality is not checked: an illegal action leaves a position that means nothing.
    """

    spec: GameSpec
    line: ClassVar[int]
    """Stones in a row that win."""
    columns: ClassVar[bool]
    """An action is a column; else it is a cell, counted row by row."""
    last_error: str | None = None

    def __init__(self, num_games: int, *, device: torch.device | str = "cpu") -> None:
        self.num_games = num_games
        self.device = torch.device(device)
        self.mine = torch.zeros(num_games, dtype=torch.int64, device=self.device)
        """int64 `[B]`: stones of the seat to move."""
        self.theirs = torch.zeros_like(self.mine)
        """int64 `[B]`: stones of the other seat."""
        self._seat = torch.zeros_like(self.mine)
        self._bits = cell_bits(*self.spec.shape[:2]).to(self.device)
        self._full = int((1 << self._bits).sum())

    @abstractmethod
    def legal(self) -> Tensor:
        """bool `[B, A]`: where a stone may be placed."""

    @abstractmethod
    def stones(self, occupied: Tensor) -> Tensor:
        """The bit that each action would set, 0 where it is illegal: bitboards int64 `[n]` to int64 `[n, A]`."""

    def positions(self, rows: Tensor) -> LinePositions:
        """The boards of `rows`, int64 `[n]`, as they are now."""
        return LinePositions(self, self.mine[rows], self.theirs[rows])

    @abstractmethod
    def _stone(self, actions: Tensor) -> Tensor:
        """The bit that each of `actions` sets, int64 `[B]`."""

    def reset(self, mask: Tensor | None = None, seeds: Tensor | None = None) -> None:
        """Empty the boards of `mask` (all without it); `seeds` do nothing, there is no chance in these games."""
        if mask is None:
            mask = torch.ones(self.num_games, dtype=torch.bool, device=self.device)
        self.mine = self.mine.masked_fill(mask, 0)
        self.theirs = self.theirs.masked_fill(mask, 0)
        self._seat = self._seat.masked_fill(mask, 0)

    def observe(self) -> Tensor:
        """float32 `[B, rows, columns, 2]`: the mover's stones, then the other seat's."""
        rows, columns, _ = self.spec.shape
        return to_planes(self.mine, self.theirs, rows, columns)

    def to_move(self) -> Tensor:
        """int64 `[B]`: 0 or 1."""
        return self._seat

    def words(self) -> Tensor:
        """int64 `[B, 3]`: stones of the seat to move, of the other one, and the seat to move."""
        return torch.stack((self.mine, self.theirs, self._seat), dim=1)

    def at(self, words: Tensor) -> Self:
        """A game of its own with a board at each of the positions int64 `[n, 3]`."""
        other = copy.copy(self)  # What it does not share is set here.
        other.num_games = len(words)
        other.mine, other.theirs, other._seat = words.unbind(dim=1)
        return other

    def read(self, observation: Tensor) -> Tensor:
        """int64 `[n, 3]`: the positions at which the mover sees float32 `[n, rows, columns, 2]`."""
        seat = observation.flatten(1).sum(dim=1).long() % 2
        return torch.stack((*to_bitboards(observation), seat), dim=1)

    def step(self, actions: Tensor) -> Step:
        """Place one stone on every board: `actions` int64 `[B]`; the winner gets +1 and the loser -1."""
        stones = self.mine | self._stone(actions)
        won = has_line(stones, self.line)
        done = won | ((stones | self.theirs) == self._full)
        # In integers, because a float zero times -1 would be a negative zero.
        first = won.long() * (1 - 2 * self._seat)
        rewards = torch.stack((first, -first), dim=1).float()
        self.mine, self.theirs, self._seat = self.theirs, stones, self._seat ^ 1
        return Step(rewards, done, torch.zeros_like(done))

    def render(self, row: int) -> str:
        """Draw one board, the first seat's stones as X and the second's as O."""
        return self._draw(self.cells(row).marks)

    def cells(self, row: int) -> Cells:
        """One board; an empty cell shows its action where that is a cell."""
        words = int(self.mine[row]), int(self.theirs[row])
        first, second = words if int(self._seat[row]) == 0 else words[::-1]
        won = line_cells(first, self.line) | line_cells(second, self.line)
        rows, columns, _ = self.spec.shape
        bits: list[list[int]] = self._bits.tolist()

        def mark(r: int, c: int) -> str:
            empty = "" if self.columns else str(columns * r + c)
            return "X" if first >> bits[r][c] & 1 else "O" if second >> bits[r][c] & 1 else empty

        return Cells(
            marks=tuple(tuple(mark(r, c) for c in range(columns)) for r in range(rows)),
            columns=self.columns,
            line=frozenset((r, c) for r in range(rows) for c in range(columns) if won >> bits[r][c] & 1),
        )

    @abstractmethod
    def _draw(self, marks: tuple[tuple[str, ...], ...]) -> str:
        """Draw the marks of every cell, see `Cells`."""
