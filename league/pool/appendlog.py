"""The append-only file of an embedded server, read past what is damaged in it.

It is a sequence of commands, each `*N` and N times `$LENGTH` and so many bytes, every line ending in CR LF. A flipped
byte in a length makes a server refuse all of it, or take all that follows for one write that was torn off, and cut it
away. Here the next command that is whole is searched for, and reading goes on there.

A write that was torn off at the end of the last file was never acknowledged, and may go. It does not end as a command
does, and nothing that is whole follows it. Whatever else is not a command is damage, and for a person to decide.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from league.pool.dump import Data
from league.pool.salvage import Lost, is_damaged, mapped, restored

FOLDER: Final = "appendonlydir"

_MANIFEST: Final = "appendonly.aof.manifest"
_NUMBERED: Final = re.compile(r"appendonly\.aof\.\d+\.(?:base|incr)\.(?:aof|rdb)")
_ENTRY: Final = re.compile(rf"file ({_NUMBERED.pattern}) seq \d+ type [bi](?: startoffset \d+)?")

_COUNT: Final = re.compile(rb"\*([1-9][0-9]{0,9})\r\n")
_LENGTH: Final = re.compile(rb"\$(0|[1-9][0-9]{0,9})\r\n")
_WRITES: Final = frozenset(
    b"""APPEND COPY DECR DECRBY DEL EVAL EXEC EXPIRE EXPIREAT FCALL FLUSHALL FLUSHDB FUNCTION GETDEL GETSET HDEL HINCRBY
    HINCRBYFLOAT HMSET HSET HSETNX INCR INCRBY INCRBYFLOAT LINSERT LMOVE LPOP LPUSH LPUSHX LREM LSET LTRIM MOVE MSET
    MSETNX MULTI PERSIST PEXPIRE PEXPIREAT PFADD PFMERGE PSETEX PUBLISH RENAME RENAMENX RESTORE RPOP RPOPLPUSH RPUSH
    RPUSHX SADD SELECT SET SETBIT SETEX SETNX SETRANGE SMOVE SPOP SREM SWAPDB UNLINK XADD XCLAIM XDEL XGROUP XSETID
    XTRIM ZADD ZINCRBY ZREM""".split()
)
"""Commands that write: what else stands where one should is damaged, and no server would start on it."""
_NOTE: Final = re.compile(rb"#[^\r\n]{0,200}\r\n")
_ENTRY_ID: Final = re.compile(rb"([0-9]{1,18})-0")
_BEGINNING: Final = 1000
"""Bytes in which the key and the id of an entry are."""


class Piece(NamedTuple):
    """A command from `start` to `end`, or what is none."""

    start: int
    end: int
    name: bytes
    """Of the command, in capitals; empty for damage."""


def pieces(data: Data) -> Iterator[Piece]:
    """All commands in their order, and the damage between them; together they are the whole file."""
    at, size = 0, len(data)
    while at < size:
        found = _command(data, at)
        if found is None:
            end = _next_command(data, at + 1)
            found = Piece(at, end, b"")
        yield found
        at = found.end


def cut_torn_end(folder: Path) -> bool:
    """Cut off a write that was never acknowledged from the end of the last file; whether there was one.

    Where there is damage before it nothing is cut. Raises `OSError`.
    """
    files = _files(folder)
    if not files or files[-1].suffix == ".rdb":
        return False
    until, within = 0, False
    with mapped(files[-1]) as data:
        for piece in pieces(data):
            if not piece.name:
                if not _torn(data, piece):
                    return False
                break
            within = piece.name == b"MULTI" or (within and piece.name != b"EXEC")
            until = until if within else piece.end
        if until == len(data):
            return False
    with files[-1].open("r+b") as file:
        file.truncate(until)
    return True


def repaired(folder: Path, binary: str) -> tuple[Path | None, list[Lost]]:
    """Write the files of a store anew, without what is damaged; those that were there are kept beside.

    A dump that is damaged becomes a file of commands. Nobody may use the folder meanwhile.

    Args:
        folder: of the store.
        binary: of a server, which reads what is left of a dump.

    Returns:
        The folder with the damaged files, None where nothing is damaged; and what was lost.

    Raises:
        OSError: there is no room, for example; then everything is as it was.
        StoreError: no server can be had for a dump; then, too.
    """
    files = _files(folder)
    dumps = [file for file in files if file.suffix == ".rdb" and is_damaged(file, binary)]
    lost = [one for file in files if file.suffix != ".rdb" for one in _lost(file)]
    if not (lost or dumps) and _listed(folder) == [file.name for file in files]:
        return None, []
    new, kept = folder / f"{FOLDER}.part", beside(folder)
    shutil.rmtree(new, ignore_errors=True)
    try:
        new.mkdir(mode=0o700)
        for file in files:
            if file in dumps:
                lost = restored(file, new / f"{file.stem}.aof", binary) + lost
            elif file.suffix == ".rdb":
                shutil.copy2(file, new)
            else:
                _rewrite(file, new / file.name)
        names = [f"{file.stem}.aof" if file in dumps else file.name for file in files]
        (new / _MANIFEST).write_text("".join(map(_entry, names)), encoding="ascii")
        shutil.copytree(folder / FOLDER, kept, copy_function=_linked)
        for name in (*names, _MANIFEST):  # Whatever ends this in between, each file is there, as it was or repaired.
            (new / name).replace(folder / FOLDER / name)
        for file in dumps:
            file.unlink()
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return kept, lost


def _linked(path: str, to: str) -> None:
    """A second name for a file, or where its disk knows none a copy."""
    try:
        os.link(path, to)
    except OSError:
        shutil.copy2(path, to)


def beside(folder: Path) -> Path:
    """A new name in the folder of a store for files that are damaged."""
    return folder / f"damaged-{time.strftime('%Y-%m-%dT%H-%M-%SZ', time.gmtime())}"


def _files(folder: Path) -> list[Path]:
    """The files that make up the store, in the order in which they are read.

    As their list says, or where that is damaged, as their names do.
    """
    listed = _listed(folder)
    named = [path for path in (folder / FOLDER).glob("appendonly.aof.*") if _NUMBERED.fullmatch(path.name)]
    if listed and {path.name for path in named} >= set(listed):
        return [folder / FOLDER / name for name in listed]
    return sorted(named, key=lambda path: (".incr." in path.name, int(path.name.split(".")[2])))


def _listed(folder: Path) -> list[str]:
    """The names in the list of files; empty where it is not one."""
    try:
        text = (folder / FOLDER / _MANIFEST).read_text(encoding="ascii")
    except (OSError, ValueError):
        return []
    found = [_ENTRY.fullmatch(line) for line in text.splitlines()]
    return [one[1] for one in found if one is not None] if all(found) else []


def _entry(name: str) -> str:
    """The line of the list for the file of this name."""
    _, _, number, kind, _ = name.split(".")
    return f"file {name} seq {number} type {kind[0]}\n"


def _command(data: Data, at: int) -> Piece | None:
    """The whole command, or note of the server, that begins at `at`; None if there is none."""
    note = _NOTE.match(data, at)
    if note is not None:
        return Piece(at, note.end(), b"#")
    head = _COUNT.match(data, at)
    if head is None:
        return None
    name, end = b"", head.end()
    for number in range(int(head[1])):
        length = _LENGTH.match(data, end)
        if length is None:
            return None
        start, end = length.end(), length.end() + int(length[1])
        if data[end : end + 2] != b"\r\n":
            return None
        if number == 0:
            name = bytes(data[start : min(end, start + 21)]).upper()
        end += 2
    return Piece(at, end, name) if name in _WRITES else None


def _next_command(data: Data, at: int) -> int:
    """Where the next whole command begins; the end of the file if there is none."""
    while (found := data.find(b"*", at)) >= 0:
        if _command(data, found) is not None:
            return found
        at = found + 1
    return len(data)


def _checked(data: Data) -> Iterator[Piece]:
    """`pieces`, where an entry whose number jumps ahead is damage, too: a server would refuse those after it."""
    jumps = _jumps(data)
    for piece in pieces(data):
        yield piece._replace(name=b"") if piece.start in jumps else piece


def _jumps(data: Data) -> set[int]:
    """Where entries begin that are not the n-th of their stream, though those before and after are n - 1 and n + 1."""
    found: set[int] = set()
    recent: dict[bytes, list[tuple[int, int]]] = {}
    for piece in pieces(data):
        if piece.name != b"XADD":
            continue
        key, *words = data[piece.start : min(piece.end, piece.start + _BEGINNING)].split(b"\r\n")[4::2]
        ids = [match for match in map(_ENTRY_ID.fullmatch, words) if match is not None]
        three = recent.setdefault(key, [])
        if ids:
            three.append((piece.start, int(ids[0][1])))
        if len(three) == 3:
            (_, before), (at, number), (_, after) = three
            if after == before + 2 and number > after - 1:
                found.add(at)
            del three[0]
    return found


def _torn(data: Data, piece: Piece) -> bool:
    """Whether it is the beginning of a write that the end of the server cut short."""
    return not piece.name and piece.end == len(data) and data[-2:] != b"\r\n"


def _lost(file: Path) -> list[Lost]:
    """The damage in one file, but for a write at its end that was torn off."""
    with mapped(file) as data:
        return [
            Lost.of(file, data, piece.start, piece.end)
            for piece in _checked(data)
            if not piece.name and not _torn(data, piece)
        ]


def _rewrite(file: Path, to: Path) -> None:
    """Copy all whole commands, a transaction at its end only if it is whole, too.

    The marks of transactions are left out, as the other end of one may be what is damaged.
    """
    with mapped(file) as data, to.open("wb") as new:
        within: list[Piece] | None = None
        for piece in _checked(data):
            if _torn(data, piece):
                break
            if within is not None and piece.name not in (b"MULTI", b"EXEC", b""):
                within.append(piece)
                continue
            for one in within or ():
                new.write(data[one.start : one.end])
            within = [] if piece.name == b"MULTI" else None
            if piece.name not in (b"MULTI", b"EXEC", b""):
                new.write(data[piece.start : piece.end])
        new.flush()
        os.fsync(new.fileno())
