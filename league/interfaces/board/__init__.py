"""The board that people play on in a browser: a script, its rules and its style, without a dependency.

`board.js` draws a position and takes moves, `rules.js` knows the games of stones in a line for pages without a server,
`board.css` is how it looks. Whoever makes a page takes their text from `asset` and the game from `describe`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from league.games.base import GameSpec
from league.games.bitboards import BitboardGame
from league.games.builtin import BUILTIN

ASSETS: Final = ("board.js", "rules.js", "board.css")
"""The files, each complete in itself."""


def asset(name: str) -> str:
    """The text of one of `ASSETS`."""
    if name not in ASSETS:
        raise ValueError(f"{name!r}: must be one of {', '.join(ASSETS)}")
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def describe(spec: GameSpec) -> dict[str, Any] | None:
    """What the scripts must know of a game, as JSON; None for one that they cannot draw.

    `name` and `title`; `rows` and `columns`; `drops`: an action is a column, and the stone falls in it, else it is a
    cell, counted row by row; `line`: stones in a row that win; `actions`: the name of each; `seats`: what the stones of
    each are called.
    """
    kind = BUILTIN[spec.name][0] if spec.name in BUILTIN else None
    if kind is None or not issubclass(kind, BitboardGame):
        return None
    rows, columns, _ = spec.shape
    return {
        "name": spec.name,
        "title": title(spec.name),
        "rows": rows,
        "columns": columns,
        "drops": kind.columns,
        "line": kind.line,
        "actions": [str(action) for action in range(spec.actions)],
        "seats": ["red", "gold"] if kind.columns else ["X", "O"],
    }


def title(game: str) -> str:
    """A game's name as people write it: `connect_four` is Connect Four."""
    known = {"connect_four": "Connect Four", "tic_tac_toe": "Tic-tac-toe", "rock_paper_scissors": "Rock paper scissors"}
    return known.get(game, game.replace("_", " "))
