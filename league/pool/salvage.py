"""What a server can still read of a damaged dump, written as commands.

The server of a folder writes none; the store beside Ray's head and other servers do, whose files may be copied into a
folder. A server of this command's own is asked to restore each entry of it (`league.pool.dump`); what it takes it then
writes, as the beginning of an append-only file that can be read past damage from then on.
"""

from __future__ import annotations

import errno
import mmap
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import redis

from league.errors import StoreError
from league.pool import dump
from league.pool.dump import Data
from league.pool.server import launch, sign_of_life

_PATIENCE_S: Final = 60.0
_SOCKETS: Final = "/tmp"  # noqa: S108  where the path of one is short enough, in a folder of this user's alone
_SEARCHED: Final = 2**20
"""Bytes of a damaged piece in which keys are looked for, to name them."""


@dataclass(frozen=True, kw_only=True)
class Lost:
    """A damaged piece of a file."""

    file: str
    start: int
    bytes: int
    keys: tuple[str, ...]
    """Keys of leagues that are named in it."""

    @classmethod
    def of(cls, file: Path, data: Data, start: int, end: int) -> Lost:
        """The piece from `start` to `end` of a file that holds this."""
        found = dump.NAME.findall(data[start : min(end, start + _SEARCHED)])
        keys = tuple(dict.fromkeys(key.decode() for key in found))
        return cls(file=file.name, start=start, bytes=end - start, keys=keys)

    def __str__(self) -> str:
        named = f" of {', '.join(self.keys)}" if self.keys else ""
        return f"{self.bytes:,} bytes at {self.start:,} of {self.file}{named}"


@contextmanager
def mapped(path: Path) -> Iterator[Data]:
    """The bytes of a file, without reading them into memory."""
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data


def is_damaged(file: Path, binary: str) -> bool:
    """Whether a dump is not one that the server of this `binary` reads; the whole of it is looked at."""
    command = ["valkey-check-rdb", str(file)]  # The server's program is this one, too, under this name.
    done = subprocess.run(command, executable=binary, capture_output=True, check=False)  # noqa: S603
    return done.returncode != 0


def restored(file: Path, to: Path, binary: str) -> list[Lost]:
    """Write what can be read of a dump as commands; what cannot be is returned.

    Needs as much memory as a server with all of it has.

    Raises:
        OSError: there is no room, for example.
        StoreError: no server can be had for it.
    """
    with tempfile.TemporaryDirectory(dir=to.parent) as folder, mapped(file) as data:
        with _server(Path(folder), binary) as server:
            lost = [
                Lost.of(file, data, one.start, one.end)
                for one in dump.entries(data)
                if not (one.key and _restores(server, one, data))
            ]
            _written(server, to)
        for written in Path(folder, "appendonlydir").glob("*.base.aof"):
            written.replace(to)
    return lost


def _restores(server: Any, entry: dump.Entry, data: Data) -> bool:
    """Whether the server takes an entry; damage that reads as a key of nobody's, or of a type that no league has,
    is none."""
    if not dump.NAME.fullmatch(entry.key) or entry.payload[0] in dump.SORTED:
        return False
    options = ("ABSTTL",) if entry.expires_ms else ()
    try:
        server.execute_command("SELECT", entry.database)
        server.execute_command("RESTORE", entry.key, entry.expires_ms, entry.restorable(data), "REPLACE", *options)
    except redis.ResponseError:
        return False
    return True


def _written(server: Any, to: Path) -> None:
    """Let the server begin an append-only file; raises `OSError` where it cannot be written."""
    server.execute_command("CONFIG", "SET", "appendonly", "yes")
    while True:
        now = server.info("persistence")
        if now["aof_last_bgrewrite_status"] != "ok":
            raise OSError(errno.ENOSPC, f"{to} cannot be written")
        if not (now["aof_rewrite_in_progress"] or now["aof_rewrite_scheduled"]):
            return
        time.sleep(0.05)


def _wait_for(process: subprocess.Popen[bytes], socket: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while sign_of_life(Path(socket)) != "ready":
        if process.poll() is not None or time.monotonic() > deadline:
            raise StoreError("no server can be started to read what is left of it")
        time.sleep(0.02)


@contextmanager
def _server(folder: Path, binary: str) -> Iterator[Any]:
    """A connection to an empty server, which looks through whatever it is asked to restore, and ends with the block."""
    with tempfile.TemporaryDirectory(prefix="league-", dir=_SOCKETS) as private:
        socket = str(Path(private, "socket"))
        settings = {
            "unixsocket": socket,
            "dir": str(folder.resolve()),
            "sanitize-dump-payload": "yes",
            "enable-debug-command": "local",
            "logfile": os.devnull,
        }
        process = launch(binary, settings, folder)
        try:
            _wait_for(process, socket)
            with redis.Redis(unix_socket_path=socket, socket_timeout=_PATIENCE_S) as server:
                server.execute_command("DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", "1")
                yield server
        except redis.RedisError as error:
            raise StoreError(f"no server reads what is left of it: {error}") from error
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE_S)
            process.kill()
            process.wait()
