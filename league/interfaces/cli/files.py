"""Writing a result to a file or a folder, whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from league.disk import has_room, no_room
from league.errors import LeagueError


@contextmanager
def replacing(path: Path, *, folder: bool = False) -> Iterator[Path]:
    """Give a temporary path beside `path`, and put the file that was written there in its place.

    Where it is a `folder` that is written, `path` must not be there yet, or be an empty one. Folders on the way are
    made. Raises `LeagueError` where the system refuses.
    """
    if not folder:
        refuse_folder(path)
    part = path.absolute().with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if folder and path.exists() and not (path.is_dir() and not any(path.iterdir())):
            raise LeagueError(f"cannot write {path}: it exists already, and is not an empty folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        part.replace(path)
    except OSError as error:
        raise _refusal(path, error) from error
    finally:
        if folder:
            shutil.rmtree(part, ignore_errors=True)
        elif part.exists():
            part.unlink()


def refuse_folder(path: Path) -> None:
    """Raise `LeagueError` where a file shall be written and a folder is."""
    if path.is_dir():
        raise LeagueError(f"cannot write {path}: it is a folder; give a file name")


def refuse_full(path: Path) -> None:
    """Raise `LeagueError` where a file shall be written later and there is no room for any."""
    refuse_folder(path)
    if not has_room(path):
        raise LeagueError(f"cannot write {path}: {no_room(path)}")


def _refusal(path: Path, error: OSError) -> LeagueError:
    """What the system refused, and if that was room how much there is."""
    full = error.errno == errno.ENOSPC or (error.errno is None and not has_room(path))  # Without: of a folder's copy.
    return LeagueError(f"cannot write {path}: {no_room(path) if full else error.strerror or error}")
