"""Exceptions of somebody else's code, in one line that says where in that code they arose."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from league.errors import GameError, LeagueError
from league.plugins import described

_OURS: Final = str(Path(__file__).resolve().parents[1])
_LIBRARIES: Final = tuple({sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")})
LONGEST_LINE: Final = 120
"""Characters of a line of code that are shown."""


def is_own(filename: str) -> bool:
    """Whether a file is the user's own: neither this package's nor a library's, and a file at all."""
    return not filename.startswith((_OURS, *_LIBRARIES, "<"))


def touched(error: BaseException) -> list[traceback.FrameSummary]:
    """The lines outside this package that an exception came through, the innermost last."""
    return [one for one in traceback.extract_tb(error.__traceback__) if not one.filename.startswith(_OURS)]


def line(filename: str, number: int | None) -> str:
    """A line as people write it, `my_game.py:12`, from the current folder where it is below that."""
    path, folder = Path(filename), None
    with suppress(OSError):  # It was deleted.
        folder = Path.cwd()
    return f"{path.relative_to(folder) if folder and path.is_relative_to(folder) else path}:{number}"


@contextmanager
def blamed(game: str) -> Iterator[None]:
    """What a user's own code raises in the block becomes a `GameError` that names its line; anything else passes."""
    try:
        yield
    except LeagueError:
        raise
    except (Exception, SystemExit) as error:
        if not any(is_own(frame.filename) for frame in touched(error)):
            raise
        raise GameError(f"{game}: {blame(error)}") from error


def blame(error: BaseException) -> str:
    """An exception in one line, with the innermost line of the user's own code that it came through.

    `KeyError: 'eyes' (my_game.py:12, in observe: return self.seen["eyes"])`. An exception that touched no file but
    libraries' has the innermost of those; one without a traceback has none.
    """
    frames = touched(error)
    if not frames:
        return described(error)
    frame = next((one for one in reversed(frames) if is_own(one.filename)), frames[-1])
    code = (frame.line or "")[:LONGEST_LINE]
    return f"{described(error)} ({line(frame.filename, frame.lineno)}, in {frame.name}: {code})"
