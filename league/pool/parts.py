"""A file of named parts, each with its hash: a tar that ends with the list of what is in it.

Any tar reads it. We write and read it in one pass, a part at a time, and believe nothing of it: headers must be, byte
for byte, those that we write, parts must have their hashes, and after the list there is nothing. So a file that is cut
short, or of which a single byte has changed, is never taken for a whole one, and nothing is ever extracted.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
import time
from collections.abc import Iterator
from typing import BinaryIO, Final

from league.errors import BackupError

LIST: Final = "manifest.json"
"""The last part: `{"parts": {NAME: {"bytes": N, "sha256": HEX}}}`."""

LARGEST: Final = 512 * 2**20
"""Bytes of a part: the largest value of Redis. The list of all parts may be as large."""

_BLOCK: Final = tarfile.BLOCKSIZE
_END: Final = 2 * _BLOCK


class PartsWriter:
    """Writes parts, one after the other, and their list at the end."""

    def __init__(self, file: BinaryIO) -> None:
        """Write to `file` from where it stands; it stays the caller's, to be closed."""
        self._file = file
        self._at_s = int(time.time())
        self._parts: dict[str, dict[str, int | str]] = {}
        self.bytes = 0
        """Written so far."""

    def add(self, name: str, data: bytes) -> None:
        """Write one part; `name` is a relative path of at most 100 ASCII characters, and new."""
        assert name not in self._parts, name
        self._parts[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        self._write(name, data)

    def end(self) -> None:
        """Write the list, after which nothing can be added."""
        self._write(LIST, _listed(self._parts))
        self._put(bytes(_END))

    def _write(self, name: str, data: bytes) -> None:
        self._put(_header(name, len(data), self._at_s))
        self._put(data)
        self._put(bytes(-len(data) % _BLOCK))

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self.bytes += len(data)


def read_parts(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """Every part in its order, but for the list.

    Only once this has ended is it known that the file is whole; what it gave before may be damaged.

    Raises:
        BackupError: the file was not written by `PartsWriter`, is cut short, or was changed.
    """
    parts: dict[str, dict[str, int | str]] = {}
    while True:
        name, data = _read_part(file)
        if name == LIST:
            break
        if name in parts:
            raise BackupError(f"it holds {name} twice")
        parts[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        yield name, data
    if data != _listed(parts):
        raise BackupError(_difference(parts, data))
    if file.read(_END + 1) != bytes(_END):
        raise BackupError("its end is not what was written")


def _read_part(file: BinaryIO) -> tuple[str, bytes]:
    header = file.read(_BLOCK)
    if len(header) < _BLOCK:
        raise BackupError("it was cut short: its list of parts is missing")
    try:
        info = tarfile.TarInfo.frombuf(header, "ascii", "strict")
        canonical = _header(info.name, info.size, int(info.mtime))
    except (tarfile.TarError, ValueError) as error:
        raise BackupError(f"a header in it is damaged, or it is no backup: {error}") from error
    if canonical != header:
        raise BackupError(f"the header of {info.name!r} in it is not one that league writes")
    if info.size > LARGEST:
        raise BackupError(f"{info.name} in it is larger than {LARGEST} bytes")
    data = file.read(info.size)
    padding = file.read(-info.size % _BLOCK)
    if len(data) < info.size or len(padding) < -info.size % _BLOCK:
        raise BackupError(f"it was cut short in {info.name}")
    if any(padding):
        raise BackupError(f"what follows {info.name} in it was changed")
    return info.name, data


def _header(name: str, size: int, at_s: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, at_s, 0o600
    return info.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")


def _listed(parts: dict[str, dict[str, int | str]]) -> bytes:
    return json.dumps({"parts": parts}, indent=0, sort_keys=True).encode()


def _difference(parts: dict[str, dict[str, int | str]], data: bytes) -> str:
    """Why the list is not that of the parts that were read."""
    try:
        listed = json.loads(data)["parts"]
        changed = sorted(name for name in parts.keys() | listed.keys() if parts.get(name) != listed.get(name))
    except (ValueError, KeyError, TypeError, AttributeError):
        changed = []
    return f"{changed[0]} in it is not what was written" if changed else "its list of parts was changed"
