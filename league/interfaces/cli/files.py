"""Writing a result to a file or a folder, whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from league.disk import has_room, no_room
from league.errors import LeagueError


@contextmanager
def replacing(path: Path, *, folder: bool = False) -> Iterator[Path]:
    """Give a temporary path beside `path`, and put the file that was written there in its place.

    Where it is a `folder` that is written, `path` must not be there yet, or be an empty one. Folders on the way are
    made, and a link is followed. Raises `LeagueError` where the system refuses, or a device is there.
    """
    if not folder:
        refuse_other(path)
    place = Path(os.path.realpath(path))  # The file that a link names, not the link.
    part = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        if folder and place.exists() and not (place.is_dir() and not any(place.iterdir())):
            raise LeagueError(f"cannot write {path}: it exists already, and is not an empty folder")
        place.parent.mkdir(parents=True, exist_ok=True)
        yield part
        part.replace(place)
    except OSError as error:
        raise _refusal(path, error) from error
    finally:
        if folder:
            shutil.rmtree(part, ignore_errors=True)
        else:
            with suppress(OSError):
                part.unlink()


def refuse_other(path: Path) -> None:
    """Raise `LeagueError` where a file shall be written and something else is: a folder, or a device.

    A user who may do anything would put a file in the place of `/dev/null`, for everybody.
    """
    try:
        if path.is_dir():
            raise LeagueError(f"cannot write {path}: it is a folder; give a file name")
        if path.exists() and not path.is_file():
            raise LeagueError(f"cannot write {path}: it is a device or a pipe; give a file name")
    except OSError as error:
        raise _refusal(path, error) from error


def refuse_full(path: Path) -> None:
    """Raise `LeagueError` where a file shall be written later and there is no room for any."""
    refuse_other(path)
    if not has_room(path):
        raise LeagueError(f"cannot write {path}: {no_room(path)}")


def _refusal(path: Path, error: OSError) -> LeagueError:
    """What the system refused, and if that was room how much there is."""
    full = error.errno == errno.ENOSPC or (error.errno is None and not has_room(path))  # Without: of a folder's copy.
    return LeagueError(f"cannot write {path}: {no_room(path) if full else error.strerror or error}")
