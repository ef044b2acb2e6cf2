"""How text goes on in the next line of a narrow terminal, with its words whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text

FOLDED: Final = 12
"""Columns of a terminal in which a text that may go on in the next line can be read, if its words fit."""
LONGEST_WORD: Final = 24
"""What is longer, as a path, is broken where the line ends."""


def narrowest(texts: Iterable[str]) -> int:
    """Columns of a terminal in which these can be read with their words whole."""
    return max(FOLDED, min(LONGEST_WORD, max((cell_len(word) for text in texts for word in text.split()), default=0)))


def fitted(widths: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """The columns of a table in a terminal with so much room, at least `least`: what is over goes where it lacks."""
    lacks = [width - one for width, one in zip(widths, least, strict=True)]
    over, whole = room - sum(least), max(1, sum(lacks))
    return [one + min(lack, over * lack // whole) for one, lack in zip(least, lacks, strict=True)]


class Pieces:
    """Pieces such as `158 d 10 h` that stay whole where a terminal has room for them; Rich breaks at every blank."""

    def __init__(self, pieces: Iterable[str]) -> None:
        self.pieces = list(pieces)

    def __str__(self) -> str:
        return " ".join(self.pieces)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        longest = max(map(cell_len, self.pieces), default=0)
        return Measurement(longest, cell_len(str(self))).with_maximum(options.max_width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines: list[str] = []
        for piece in self.pieces:
            if lines and cell_len(lines[-1]) + 1 + cell_len(piece) <= options.max_width:
                lines[-1] += f" {piece}"
            else:
                lines.append(piece)
        yield Text("\n".join(lines))
