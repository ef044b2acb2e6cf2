"""Somebody else's code, a user's game, bot or network: imported, and what it raises in one line that says where."""

from __future__ import annotations

import importlib
import os
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from league.errors import GameError, LeagueError
from league.plugins import modules

_OURS: Final = f"{Path(__file__).resolve().parent}{os.sep}"
_LIBRARIES: Final = sorted(
    {f"{sysconfig.get_path(kind)}{os.sep}" for kind in ("stdlib", "platstdlib", "purelib", "platlib")}, key=len
)
"""The standard library's folder before that of the packages, which is in it."""
LONGEST_LINE: Final = 120
"""Characters of a line of code that are shown."""
LONGEST_TEXT: Final = 300
"""Characters of an exception's own words that are shown."""


def load(name: str, value: str, refuse: Callable[[str], LeagueError]) -> Any:
    """What stands at `value`, written `module` or `module:attribute`; `name` is what a person asked for.

    Raises what `refuse` makes of a line where it is not there, or whatever is raised at its import.
    """
    asked = name if name == value else f"{name} ({value})"
    module, _, attribute = value.partition(":")
    with refused(f"{asked} cannot be imported", refuse):
        found: Any = importlib.import_module(module)
        for part in filter(None, attribute.split(".")):
            found = getattr(found, part)
    return found


@contextmanager
def refused(what: str, refuse: Callable[[str], LeagueError]) -> Iterator[None]:
    """What is raised in the block becomes what `refuse` makes of a line: `what` has failed, and where."""
    try:
        yield
    except (Exception, SystemExit) as error:  # Somebody else's code may raise anything.
        raise refuse(f"{what}: {blame(error)}") from error


@contextmanager
def blamed(game: str) -> Iterator[None]:
    """What a user's own code raises in the block becomes a `GameError` that names its line; anything else passes."""
    try:
        yield
    except LeagueError:
        raise
    except (Exception, SystemExit) as error:
        if not any(is_own(frame.filename) for frame in _touched(error)):
            raise
        raise GameError(f"{game}: {blame(error)}") from error


def blame(error: BaseException) -> str:
    """An exception in one line, with the innermost line of the user's own code that it came through.

    `KeyError: 'eyes' (my_game.py:12, in observe: return self.seen["eyes"])`. An exception that touched no file but
    libraries' has the innermost of those; one without a traceback has none.
    """
    frame = _culprit(error)
    if frame is None:
        return described(error)
    return f"{described(error)} ({_quoted(frame)})"


def raised_at(error: BaseException) -> str | None:
    """The line that `blame` names, `my_game.py:12`; None for an exception without a traceback."""
    frame = _culprit(error)
    return None if frame is None else line(frame.filename, frame.lineno)


def standing(thread: int | None) -> str | None:
    """The line of the user's own code in which a thread (its `ident`) is at this moment; None where it is in none."""
    frame = None if thread is None else sys._current_frames().get(thread)
    own = [one for one in traceback.extract_stack(frame) if is_own(one.filename)] if frame is not None else []
    return _quoted(own[-1]) if own else None


def _quoted(frame: traceback.FrameSummary) -> str:
    code = (frame.line or "").strip()[:LONGEST_LINE]
    return f"{line(frame.filename, frame.lineno)}, in {frame.name}: {code}"


def _culprit(error: BaseException) -> traceback.FrameSummary | None:
    """The innermost line of the user's own code that an exception, or its cause, came through; else of a library's."""
    cause: BaseException | None = error
    innermost = None
    while cause is not None:
        frames = _touched(cause)
        own = [frame for frame in frames if is_own(frame.filename)]
        if own:
            return own[-1]
        if frames and innermost is None:
            innermost = frames[-1]
        cause = cause.__cause__ or cause.__context__
    return innermost


def _touched(error: BaseException) -> list[traceback.FrameSummary]:
    """The lines of files outside this package that an exception came through, the innermost last."""
    frames = [one for one in traceback.extract_tb(error.__traceback__) if not one.filename.startswith((_OURS, "<"))]
    if isinstance(error, SyntaxError) and error.filename and not error.filename.startswith("<"):
        frames.append(traceback.FrameSummary(error.filename, error.lineno, "<module>", line=error.text))
    return frames


def is_own(filename: str) -> bool:
    """Whether a file is a user's: neither ours nor a library's, unless that one brings games, bots or networks."""
    if filename.startswith((_OURS, "<")):
        return False
    library = next((folder for folder in reversed(_LIBRARIES) if filename.startswith(folder)), None)
    return library is None or Path(filename).relative_to(library).with_suffix("").parts[0] in modules()


def line(filename: str, number: int | None) -> str:
    """A line as people write it, `my_game.py:12`, from the current folder where it is below that."""
    path, folder = Path(filename), None
    with suppress(OSError):  # It was deleted.
        folder = Path.cwd()
    return f"{path.relative_to(folder) if folder and path.is_relative_to(folder) else path}:{number}"


def described(error: BaseException) -> str:
    """An exception of somebody else's code in one line that can be shown anywhere: `KeyError: 'eyes'`."""
    try:
        text = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
    except Exception:  # Somebody else's code may raise anything, here too.
        text = "it cannot be put into words"
    text = "".join(letter if letter.isprintable() else "\ufffd" for letter in text[: LONGEST_TEXT + 1])
    text = f"{text[:LONGEST_TEXT]}…" if len(text) > LONGEST_TEXT else text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
