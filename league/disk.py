"""How much room a disk has, and what to say to a person when it has none."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

RESERVE: Final = 2**20
"""Bytes that a store and a log leave free: a server whose disk is full to the last byte cannot even say why it ends."""


def free_bytes(path: Path) -> int:
    """Bytes that this user may still write on the disk of `path`, which need not be there yet."""
    path = path.absolute()
    while not path.exists() and path != path.parent:
        path = path.parent
    return shutil.disk_usage(path).free


def has_room(path: Path, size: int = 0) -> bool:
    """Whether `size` bytes fit on the disk of `path` and leave `RESERVE` free."""
    return free_bytes(path) >= size + RESERVE


def no_room(path: Path, size: int = 0) -> str:
    """What to say of a disk that is full, or too full for `size` bytes: how much is free on it, and what to do."""
    free = free_bytes(path)
    needed = f" and {(size + RESERVE) / 1e6:,.1f} MB are needed" if size else ""
    return f"no room on the disk of {path}: {free / 1e6:,.1f} MB are free{needed}; free some, or enlarge it"
