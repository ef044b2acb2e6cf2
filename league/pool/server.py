"""The program that serves a folder: how it is started, whether it answers, and how it last ended.

Used on both sides, by `league.pool.supervisor` and by its clients, so it imports the standard library only.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Final, Literal

ENDS: Final = 3
ENDS_WITHIN_S: Final = 60.0
"""After so many ends within so many seconds, none of them asked for, no server is started until they are over."""
LOCK: Final = "server.lock"
LOG: Final = "server.log"
_PAUSE_S: Final = 0.01
_NOTE_BYTES: Final = 128


def sign_of_life(path: Path) -> Literal["ready", "busy", "dead"]:
    """Ask the server at a Unix socket for a sign of life.

    `busy` is a server that is there but cannot serve yet: it reads its file, or does not answer within a second.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(os.fspath(path))
            connection.sendall(b"PING\r\n")
            reply = connection.recv(64)
        except TimeoutError:
            return "busy"
        except OSError:
            return "dead"
    return "dead" if not reply else "busy" if reply.startswith(b"-LOADING") else "ready"


def locked(path: Path, kind: int, timeout_s: float) -> int | None:
    """Open `path` and lock it (`fcntl.LOCK_SH` or `LOCK_EX`); the descriptor, or None if it stays taken."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                return None
            time.sleep(_PAUSE_S)


def make_private(folder: Path) -> bool:
    """Make a folder that only this user can use; False where there is another one in its place."""
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not stat.S_IMODE(found.st_mode) & 0o077
    return False


def start(folder: Path, path: Path, binary: str, lock: int) -> subprocess.Popen[bytes]:
    """Run the server of a folder, at the socket `path`; it inherits the lock."""
    settings = {
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(folder),
        # What was acknowledged is on the disk, also after a power cut.
        "appendonly": "yes",
        "appendfsync": "always",
        # A torn last write was never acknowledged, but a damaged length looks as one and would take all after it away:
        # `league.pool.appendlog` tells them apart.
        "aof-load-truncated": "no",
        "maxmemory-policy": "noeviction",
    }
    return launch(binary, settings, folder, lock)


def launch(binary: str, settings: dict[str, str], folder: Path, *files: int) -> subprocess.Popen[bytes]:
    """Run a server that writes no dumps, and that Linux ends when this process dies, however it does."""
    settings = {"port": "0", "save": "", "aof-use-rdb-preamble": "no", **settings}
    command = [binary, *(word for key, value in settings.items() for word in (f"--{key}", value))]
    prctl = ctypes.CDLL(None).prctl if sys.platform.startswith("linux") else lambda *arguments: None
    parent = os.getpid()

    def before_exec() -> None:
        prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:  # It died before the line above.
            os._exit(1)

    return subprocess.Popen(command, cwd=folder, pass_fds=files, preexec_fn=before_exec)  # noqa: S603


def clean_up(folder: Path, lock: int) -> None:
    """Have bytes for notes, and remove what a server left that ended while it wrote its file anew."""
    with contextlib.suppress(OSError):
        if os.fstat(lock).st_size < _NOTE_BYTES:
            os.pwrite(lock, b" " * _NOTE_BYTES, 0)
        for left in (*folder.glob("temp-*.aof"), *folder.glob("appendonlydir/temp-*")):
            left.unlink(missing_ok=True)


def note_end(folder: Path, lock: int) -> None:
    """Note that the server ended by itself, on bytes that the file has already, as the disk may be full."""
    noted = [*last_ends(folder), (time.time(), shutil.disk_usage(folder).free)][-ENDS:]
    with contextlib.suppress(OSError):
        os.pwrite(lock, " ".join(f"{at:.3f}/{free}" for at, free in noted).ljust(_NOTE_BYTES).encode(), 0)


def last_ends(folder: Path) -> list[tuple[float, int]]:
    """When servers of this folder ended by themselves, and the bytes that were free then.

    The last `ENDS` within `ENDS_WITHIN_S`, in Unix time.
    """
    try:
        words = [word.partition("/") for word in (folder / LOCK).read_text(encoding="ascii").split()]
        noted = [(float(at), int(free)) for at, _, free in words]
    except (OSError, ValueError):
        return []
    return [(at, free) for at, free in noted if 0 <= time.time() - at < ENDS_WITHIN_S][-ENDS:]


def last_words(folder: Path, lines: int = 2) -> str:
    """What the last server said before it ended, and how it ended, at most 300 characters a line; empty if nothing."""
    with (folder / LOG).open("rb") as log:
        log.seek(max(0, os.fstat(log.fileno()).st_size - 4096))
        said = log.read().decode("utf-8", "replace").strip().splitlines()
    return "; ".join(line[:300] for line in said[-lines:])
