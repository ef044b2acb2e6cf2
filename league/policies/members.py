"""Reading single files of an archive that comes from anywhere.

Nothing is ever extracted: a member is read into memory, under exactly the name that was asked for, and no larger than
was said. A path that climbs out, a link or a device anywhere in it is a reason to refuse the whole.
"""

from __future__ import annotations

import gzip
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final, Protocol

from league.errors import ArchiveError

MOST_MEMBERS: Final = 100_000

_PACKED: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How members of a zip may be packed: as we write them, and as every other tool does unless it is told otherwise."""


class Source(Protocol):
    """An archive, open for reading."""

    def read(self, name: str, largest: int) -> bytes:
        """The member with exactly this name; raises `ArchiveError` where it is not there, no file, or larger."""


@contextmanager
def opened(path: Path, largest: int, largest_total: int) -> Iterator[Source]:
    """Open a folder, a `.zip`, a `.tar` or a `.tar.gz`, told apart by their first bytes.

    Args:
        path: where it is.
        largest: bytes of a single member.
        largest_total: bytes of all members of a tar, which has to be read from its start to its end.

    Raises:
        ArchiveError: it holds what no archive of ours does.
        Exception: whatever tarfile, zipfile and gzip raise for a damaged one.
    """
    if path.is_dir():
        yield _Folder(path)
        return
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        if start[:2] == b"PK":
            with zipfile.ZipFile(file) as packed:
                yield _Zip(packed)
        else:
            plain: Any = gzip.GzipFile(fileobj=file) if start[:2] == b"\x1f\x8b" else file
            pieces: Any = _InPieces(plain, largest)
            with tarfile.open(fileobj=pieces, mode="r:") as tar:
                yield _Tar(tar, largest_total)


class _Folder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str, largest: int) -> bytes:
        path = self._folder / name
        try:
            found = path.lstat()
        except FileNotFoundError:
            raise _missing(name) from None
        if not stat.S_ISREG(found.st_mode):
            raise ArchiveError(f"{name} is no plain file")
        _check_bytes(name, found.st_size, largest)
        return path.read_bytes()


class _Tar:
    def __init__(self, tar: tarfile.TarFile, largest_total: int) -> None:
        self._tar = tar
        self._members: dict[str, tarfile.TarInfo] = {}
        total = 0
        for number, member in enumerate(tar):
            name = _safe(member.name, number)
            if not member.isreg() and not member.isdir():
                raise ArchiveError(f"it holds {member.name!r}, a link or a device")
            total += member.size
            _check_bytes("what it holds", total, largest_total)
            if member.isreg():
                self._members[name] = member

    def read(self, name: str, largest: int) -> bytes:
        if name not in self._members:
            raise _missing(name)
        _check_bytes(name, self._members[name].size, largest)
        file = self._tar.extractfile(self._members[name])
        assert file is not None  # It is a plain file.
        return file.read()


class _Zip:
    def __init__(self, packed: zipfile.ZipFile) -> None:
        self._packed = packed
        self._members: dict[str, zipfile.ZipInfo] = {}
        for number, member in enumerate(packed.infolist()):
            name = _safe(member.filename, number)
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise ArchiveError(f"it holds {member.filename!r}, a link or a device")
            if member.compress_type not in _PACKED:
                raise ArchiveError(f"it holds {member.filename!r}, which is neither stored nor deflated: pack it anew")
            if not member.is_dir():
                self._members[name] = member

    def read(self, name: str, largest: int) -> bytes:
        if name not in self._members:
            raise _missing(name)
        with self._packed.open(self._members[name]) as file:
            data = file.read(largest + 1)  # What the header says of the size need not be true.
        _check_bytes(name, len(data), largest)
        return data


class _InPieces:
    """A file that is only read in pieces that fit into memory: the headers of a tar may announce any size."""

    def __init__(self, file: BinaryIO, largest: int) -> None:
        self._file = file
        self._largest = largest
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self._largest:
            raise ArchiveError(f"a header announces {size} bytes; at most {self._largest} are read")
        return self._file.read(size)


def _safe(name: str, number: int) -> str:
    """The name of a member without a leading `./`; raises `ArchiveError` where it climbs out, or there are too many."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in name:
        raise ArchiveError(f"it holds {name!r}, a path that climbs out of the archive")
    if number >= MOST_MEMBERS:
        raise ArchiveError(f"it holds more than {MOST_MEMBERS} files")
    return str(path)


def _check_bytes(name: str, size: int, largest: int) -> None:
    if size > largest:
        raise ArchiveError(f"{name} is larger than {largest} bytes")


def _missing(name: str) -> ArchiveError:
    return ArchiveError(f"there is no {name} at its top")
