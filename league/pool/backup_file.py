"""The file of a backup, read again: that it is one, whole, and of a version that can be read."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from league.errors import BackupError, StoreError, StoreSchemaError
from league.pool.backup import DAMAGED, FORMAT, HEADER, Backup
from league.pool.connection import SCHEMA
from league.pool.parts import read_parts
from league.pool.segments import decode

Part = tuple[str, bytes]
"""Its name, and what it holds."""


def check_backup(path: Path, watch: Callable[[str], None] = lambda line: None) -> Backup:
    """Read the whole file and say what it holds; of its parts one at a time is in memory.

    Raises:
        BackupError: it cannot be read, is no backup, is cut short, or was changed; or a later version wrote it.
        StoreSchemaError: a newer version wrote the store that it is of.
    """
    counts, header, damaged = Counter[str](), dict[str, Any](), list[str]()
    with naming(path):
        for name, data in read_backup(path):
            kind = name.partition("/")[0]
            if name == HEADER:
                header = read_json(data)
            elif name == DAMAGED:
                damaged = read_json(data)
            elif kind == "matches":
                counts[kind] += data.count(b"\n")
            elif kind == "segments":
                counts["matches"] += _segment_rows(name, data)
            elif name in ("state/snapshots.json", "state/promotions.json"):
                counts[name] = len(read_json(data))
            else:
                counts[kind] += name.endswith("/state")
            watch(f"checking {name}")
    return Backup(
        league=str(header["league"]),
        game=str(header["game"]),
        made_s=float(header["made_s"]),
        bytes=path.stat().st_size,
        matches=counts["matches"],
        snapshots=counts["state/snapshots.json"],
        promotions=counts["state/promotions.json"],
        checkpoints=counts["checkpoints"],
        damaged=tuple(map(str, damaged)),
    )


def read_backup(path: Path) -> Iterator[Part]:
    """The parts of a backup of this version or an older one, each with what it holds, as they come.

    Raises `BackupError` where the file is no backup or not whole, `StoreSchemaError` where its store was newer.
    """
    with path.open("rb") as file:
        parts = read_parts(file)
        first = next(parts, None)
        if first is None or first[0] != HEADER:
            raise BackupError("it is no backup of a league")
        _check_header(read_json(first[1]))
        yield first
        yield from parts


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Every error that reading the file, or what is in it, has names the file."""
    try:
        yield
    except OSError as error:
        raise BackupError(f"cannot read {path}: {error.strerror or error}") from error
    except (BackupError, StoreSchemaError) as error:
        raise type(error)(f"{path}: {error}") from error


def _check_header(header: Any) -> None:
    """Raise where a newer version wrote the backup, or the store that it is of."""
    newer = "install a newer version of league"
    try:
        written, schema = int(header["format"]), int(header["schema"])
        _ = str(header["league"]), str(header["game"]), float(header["made_s"])
    except (ValueError, TypeError, KeyError) as error:
        raise BackupError(f"{HEADER} in it does not hold what it should: {error}") from error
    if written > FORMAT:
        raise BackupError(f"it has format {written} and this version reads up to {FORMAT}: {newer}")
    if schema > SCHEMA:
        raise StoreSchemaError(f"it is of a store with schema {schema} and this version reads up to {SCHEMA}: {newer}")


def read_json(data: bytes) -> Any:
    """What a part of a backup says; raises `BackupError` where it is not JSON."""
    try:
        return json.loads(data)
    except ValueError as error:
        raise BackupError(f"a part of it is not JSON: {error}") from error


def _segment_rows(name: str, data: bytes) -> int:
    try:
        return sum(1 for _ in decode(data))
    except StoreError as error:
        raise BackupError(f"{name} in it: {error}") from error
