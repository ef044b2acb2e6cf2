"""A game as a GIF: one picture for each position, drawn as the board of the page is."""

from __future__ import annotations

from io import BytesIO
from typing import Final

from PIL import Image, ImageDraw

from league.interfaces.hub.release import Release
from league.matches.replays import Position, positions

CELL: Final = 48
"""Pixels."""
MOVE_MS: Final = 700
END_MS: Final = 3000
COLOURS: Final = 64
FINER: Final = 4
"""Times as large as it is shown everything is drawn, for smooth edges."""
PAPER, BOARD, HOLE, WON = "#ffffff", "#2457b3", "#f6f6f3", "#127a3c"
STONES: Final = {"X": "#c23b22", "O": "#e0a100"}
LETTER: Final = (8, 14)
"""Pixels; each letter has a place of its own, so that what stands in columns does so in the picture."""


def gif(release: Release) -> bytes:
    """The game that a release shows."""
    played = positions(release.spec.name, release.shown)
    frames = [_cells(position) if position.marks else _text(position.text) for position in played]
    size = max(frame.width for frame in frames), max(frame.height for frame in frames)
    frames = [_padded(frame, size) for frame in frames]
    colours = frames[-1].quantize(COLOURS)  # The same for all: only what has changed is stored then.
    frames = [frame.quantize(palette=colours, dither=Image.Dither.NONE) for frame in frames]
    file = BytesIO()
    times = [*[MOVE_MS] * (len(frames) - 1), END_MS]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=times, loop=0, optimize=True)
    return file.getvalue()


def _cells(position: Position) -> Image.Image:
    rows, columns, cell = len(position.marks), len(position.marks[0]), CELL * FINER
    image = Image.new("RGB", (columns * cell, rows * cell), BOARD)
    draw = ImageDraw.Draw(image)
    for row, marks in enumerate(position.marks):
        for column, mark in enumerate(marks):
            centre = (column * cell + cell / 2, row * cell + cell / 2)
            edge = WON if (row, column) in position.line else PAPER if (row, column) == position.new else None
            if edge is not None:
                draw.circle(centre, 0.47 * cell, fill=edge)
            draw.circle(centre, 0.4 * cell, fill=STONES.get(mark, HOLE))
            if mark == "O":  # In shape as well as in colour.
                draw.circle(centre, 0.17 * cell, fill=HOLE)
    return image.resize((columns * CELL, rows * CELL), Image.Resampling.LANCZOS)


def _text(text: str) -> Image.Image:
    """A position without cells, as the game says it."""
    lines, (width, height) = text.splitlines() or [""], LETTER
    image = Image.new("RGB", (width * max(map(len, lines)) + 16, height * len(lines) + 16), PAPER)
    draw = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        for column, letter in enumerate(line):
            if letter != " ":
                draw.text((8 + width * (column + 0.5), 8 + height * row), letter, fill="#1d1f24", anchor="ma")
    return image


def _padded(frame: Image.Image, size: tuple[int, int]) -> Image.Image:
    whole = Image.new("RGB", size, PAPER)
    whole.paste(frame)
    return whole
