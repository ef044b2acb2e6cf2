"""Where segments of the match log go from the store: a folder, or a bucket of an object store."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any

from league.disk import has_room, no_room
from league.errors import SegmentError, StoreFullError


class Archive:
    """Files by name in one place. What `write` has written is there, whole, also after the power went."""

    def __init__(self, place: str) -> None:
        """`place`: a folder, which need not be there yet, or a URL that pyarrow knows: `s3://bucket/path`, `gs://…`."""
        self.place = place.rstrip("/")

    def path(self, name: str) -> str:
        """Path or URL of a file in it."""
        return f"{self.place}/{name}"

    def write(self, name: str, data: bytes) -> None:
        """Write a file, again if it is there.

        Raises:
            StoreFullError: the disk has no room for it; nothing is left of it.
            SegmentError: it cannot be written, or is not there afterwards as it was written.
        """
        try:
            if is_url(self.place):
                _upload(self.path(name), data)
            else:
                _write(Path(self.path(name)), data)
        except OSError as error:
            raise SegmentError(f"cannot write {self.path(name)}: {error.strerror or error}") from error
        if read(self.path(name)) != data:
            raise SegmentError(f"{self.path(name)} is not what was written to it: see to that disk")


def is_url(place: str) -> bool:
    """Whether it is a URL, no path."""
    return "://" in place


def read(path: str) -> bytes:
    """The bytes of a file at a path or URL; raises `SegmentError` where it cannot be read."""
    try:
        if not is_url(path):
            return Path(path).read_bytes()
        files, inside = _file_system(path)
        with files.open_input_stream(inside) as stream:
            data: bytes = stream.read()
            return data
    except OSError as error:
        raise SegmentError(f"cannot read {path}: {error.strerror or error}") from error


def _write(path: Path, data: bytes) -> None:
    """The file has its name once all of it is on the disk."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not has_room(path.parent, len(data)):
        raise StoreFullError(f"the match log cannot be archived: {no_room(path.parent, len(data))}")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _upload(url: str, data: bytes) -> None:
    files, inside = _file_system(url)
    if files.type_name == "local":  # An object store has no folders: it would be left an empty object for each.
        files.create_dir(str(PurePosixPath(inside).parent), recursive=True)
    with files.open_output_stream(inside) as stream:
        stream.write(data)


def _file_system(url: str) -> tuple[Any, str]:
    import pyarrow as pa
    from pyarrow.fs import FileSystem

    try:
        files, inside = FileSystem.from_uri(url)
    except (pa.ArrowException, ValueError) as error:
        raise SegmentError(f"log.archive: pyarrow knows no {url.partition('://')[0]}://…: {error}") from error
    return files, inside
