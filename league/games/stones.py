"""Stones on a board: how an observation shows them, and which groups of cells say most when looked at together.

A **pattern** is a group of cells, each numbered row by row from the top left as in an observation. A network of kind
`tables` has a row of numbers for everything that can lie on a pattern (n-tuple networks: Lucas 2008; the input layer of
NNUE chess engines: Nasu 2018). A line of four cells, a column or a window of 3x3 cells are patterns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from league.errors import GameError

Pattern = tuple[int, ...]

EMPTY_STATES = 1
FALLING_STATES = 3
"""What an empty cell can be where stones fall: one that the next stone takes, the one above it, or a higher one."""
STONE_STATES = 2
"""Mine and theirs."""


@dataclass(frozen=True, kw_only=True)
class Stones:
    """How observations `[rows, columns, planes]` show the stones of two seats, and the patterns to look up."""

    patterns: tuple[Pattern, ...]
    """Cells that are looked up together, each as `columns * row + column`."""
    falls: bool = False
    """Stones fall to the lowest empty cell of a column, so empty cells are playable now, next or later."""
    mine: int = 0
    """The plane that is 1 where the seat to move has a stone."""
    theirs: int = 1
    """The plane that is 1 where the other seat has one."""


def lines(rows: int, columns: int, length: int, *, vertical: bool = True) -> tuple[Pattern, ...]:
    """Every straight line of `length` cells; without `vertical`, those that do not run down a column."""
    directions = ((0, 1), (1, 1), (1, -1), *(((1, 0),) if vertical else ()))
    return tuple(
        tuple((r + i * down) * columns + c + i * right for i in range(length))
        for down, right in directions
        for r in range(rows - (length - 1) * down)
        for c in range(columns)
        if 0 <= c + (length - 1) * right < columns
    )


def columns_of(rows: int, columns: int) -> tuple[Pattern, ...]:
    """Every whole column, from the top down."""
    return tuple(tuple(r * columns + c for r in range(rows)) for c in range(columns))


def windows(rows: int, columns: int, height: int, width: int) -> tuple[Pattern, ...]:
    """Every rectangle of `height` by `width` cells."""
    return tuple(
        tuple((r + i) * columns + c + j for i in range(height) for j in range(width))
        for r in range(rows - height + 1)
        for c in range(columns - width + 1)
    )


def read_stones(name: str, said: Any, shape: tuple[int, ...]) -> Stones:
    """The `stones` of an environment's metadata, for observations of `shape`.

    A table with at least one of `lines` (a length), `windows` ([height, width]), `columns` (true) and `patterns` (lists
    of cells); beside them `falls` (true or false) and `planes` ([mine, theirs], by default [0, 1]).
    Raises `GameError` with what is wrong.
    """
    if len(shape) != 3:
        raise GameError(
            f"{name}: metadata say stones, but its observations {list(shape)} are no [rows, columns, planes]"
        )
    rows, columns, planes = shape
    try:
        known = {"lines", "windows", "columns", "patterns", "falls", "planes"}
        if not isinstance(said, Mapping) or not said.keys() <= known:
            raise ValueError(f"knows {', '.join(sorted(known))}")
        mine, theirs = (int(plane) for plane in said.get("planes", (0, 1)))
        found = tuple(tuple(int(cell) for cell in pattern) for pattern in said.get("patterns", ()))
        found += lines(rows, columns, int(said["lines"])) if "lines" in said else ()
        found += windows(rows, columns, *map(int, said["windows"])) if "windows" in said else ()
        found += columns_of(rows, columns) if said.get("columns") else ()
        if not all(found) or not found:
            raise ValueError("has no pattern that fits the board")
        if not all(0 <= cell < rows * columns for pattern in found for cell in pattern):
            raise ValueError(f"has a cell outside of 0 to {rows * columns - 1}")
        if mine == theirs or not all(0 <= plane < planes for plane in (mine, theirs)):
            raise ValueError(f"planes = {[mine, theirs]}: must be two of 0 to {planes - 1}")
    except (TypeError, ValueError) as error:
        raise GameError(f"{name}: stones of its metadata: {error}") from None
    return Stones(patterns=found, falls=bool(said.get("falls", False)), mine=mine, theirs=theirs)


def is_column(pattern: Pattern, rows: int, columns: int) -> bool:
    """Whether a pattern is one whole column."""
    return sorted(pattern) == list(range(pattern[0] % columns, rows * columns, columns))


def states(cell: int, stones: Stones, rows: int, columns: int) -> int:
    """How many different things a cell can show: stones, and what it is while it is empty."""
    if not stones.falls:
        return STONE_STATES + EMPTY_STATES
    below = rows - 1 - cell // columns
    return STONE_STATES + min(FALLING_STATES, 1 + below)


def contents(pattern: Pattern, stones: Stones, rows: int, columns: int) -> int:
    """How many numbers code everything that can lie on a pattern."""
    if stones.falls and is_column(pattern, rows, columns):
        return int(2 ** (rows + 1) - 1)
    return math.prod(states(cell, stones, rows, columns) for cell in pattern)
