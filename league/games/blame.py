"""Exceptions of somebody else's code, in one line that says where in that code they arose."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path
from typing import Final

_OURS: Final = str(Path(__file__).resolve().parents[1])
_LIBRARIES: Final = tuple({sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")})
LONGEST_LINE: Final = 120
"""Characters of a line of code that are shown."""


def describe(error: BaseException) -> str:
    """The exception in one line: `KeyError: 'eyes'`."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def blame(error: BaseException) -> str:
    """The same, with the innermost line of the user's own code that it came through.

    `KeyError: 'eyes' (my_game.py:12, in observe: return self.seen["eyes"])`. An exception that touched no file but
    libraries' has the innermost of those; one without a traceback has none.
    """
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(_OURS)]
    own = [frame for frame in frames if not frame.filename.startswith((*_LIBRARIES, "<"))]
    if not frames:
        return describe(error)
    frame = (own or frames)[-1]
    code = (frame.line or "")[:LONGEST_LINE]
    return f"{describe(error)} ({_short(frame.filename)}:{frame.lineno}, in {frame.name}: {code})"


def _short(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else filename
