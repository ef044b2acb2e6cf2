"""Keeps an embedded server alive for as long as any process uses its folder, and no longer.

Run as a file by `league.pool.embedded`, with the folder, the socket and the server's binary as arguments, so it imports
the standard library only. It detaches, starts the server, reports `ready` (or why not) and then waits for an exclusive
lock on `clients.lock`, of which every client holds a shared one. The system drops the locks of processes that end, also
of killed ones, so the lock comes when the last client is gone. Then it ends the server, whose append-only file stays.
Where somebody removes the socket, which a server makes only once, it starts it again; with the folder, it ends it.

Locks in the folder, each by `flock`:

    clients.lock   shared by every client; exclusive by the supervisor that is ending its server
    start.lock     exclusive by the client that is starting a server
    server.lock    exclusive by the server itself (it inherits the open file) and its supervisor: one server per folder;
                   holds when servers ended by themselves (Unix, s), and the bytes that were free on the disk then
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
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

READY = "ready"
START_TIMEOUT_S = 60.0
"""To read the append-only file, and to wait for the server before to end."""
SHUTDOWN_TIMEOUT_S = 30.0
ENDS = 3
ENDS_WITHIN_S = 60.0
"""After so many ends within so many seconds, none of them asked for, no server is started until they are over."""
LOG = "server.log"
LOOK_S = 1.0
"""How often is looked whether socket and folder are still there: people and cleaners remove them."""
_PAUSE_S = 0.01
_LOCK = "server.lock"
_NOTE_BYTES = 128


def answer(path: Path) -> Literal["ready", "busy", "dead"]:
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


def main(folder: Path, path: Path, binary: str) -> int:
    """Detach a supervisor and wait until it has a server; 0, or 1 with the reason on the standard error."""
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        with os.fdopen(reading, encoding="utf-8") as pipe:
            report = pipe.read()
        if report == READY:
            return 0
        print(report or "the supervisor of the server died", file=sys.stderr)
        return 1
    os.close(reading)
    os.setsid()
    os.umask(0o077)
    _into_log(folder / LOG)
    try:
        _supervise(folder, path, binary, lambda text: _report(writing, text))
    except OSError as error:
        _report(writing, f"cannot start {binary}: {error.strerror}")
    os._exit(0)


def _into_log(log: Path) -> None:
    """Let go of the starter's terminal and pipes."""
    null = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor, target in ((null, 0), (output, 1), (output, 2)):
        os.dup2(descriptor, target)
    os.close(null)
    os.close(output)


def _report(pipe: int, text: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # The starter was killed; the lock on clients.lock decides what follows.
        os.write(pipe, text.encode())
        os.close(pipe)


def _supervise(folder: Path, path: Path, binary: str, report: Callable[[str], None]) -> None:
    lock = _server_lock(folder, path)
    if lock is None:
        there = answer(path) == "ready"
        report(READY if there else f"another server, perhaps on another machine, holds {folder}")
        return
    keeper = _Keeper(folder, path, binary, lock)
    threading.Thread(target=keeper.end_with_last_client, daemon=True).start()
    report(READY if keeper.start() else f"the server did not start: {last_words(folder, 1) or 'it said nothing'}")
    threading.Thread(target=keeper.look_after_files, daemon=True).start()
    keeper.until_it_ends()


def _server_lock(folder: Path, path: Path) -> int | None:
    """The lock of the server; None where whoever has it keeps it, or a server answers after all."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while (lock := locked(folder / _LOCK, fcntl.LOCK_EX, 0.0)) is None:
        if answer(path) == "ready" or time.monotonic() > deadline:
            return None
        time.sleep(_PAUSE_S)
    return lock


class _Keeper:
    """Keeps one server, by itself, while there are clients and it can be reached."""

    def __init__(self, folder: Path, path: Path, binary: str, lock: int) -> None:
        self._folder, self._path, self._binary, self._lock = folder, path, binary, lock
        self._server: subprocess.Popen[bytes] | None = None
        self._asked = False  # To end.
        self._unreachable = False
        self._changing = threading.Lock()

    def start(self) -> bool:
        """Whether a server is ready; False where it ended, or none is wanted any more."""
        with self._changing:
            if self._asked:
                return False
            self._unreachable = False
            self._path.unlink(missing_ok=True)
            _make_room(self._folder, self._lock)
            self._server = server = _start(self._folder, self._path, self._binary, self._lock)
        while server.poll() is None and answer(self._path) != "ready":
            time.sleep(_PAUSE_S)
        return server.poll() is None

    def until_it_ends(self) -> None:
        """Wait for the end of the server, or of the last one that was started in its place."""
        while self._server is not None:
            status = self._server.wait()
            if self._unreachable and self.start():
                continue
            if status and not self._asked:
                _note_end(self._folder, self._lock)
                _log(f"it ended by itself with status {status} (below zero: by that signal)")
            return

    def end_with_last_client(self) -> None:
        """Wait for the last client, then end the server; the lock is held until this process has ended."""
        descriptor = os.open(self._folder / "clients.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with self._changing:
            self._end(for_good=True)

    def look_after_files(self) -> None:
        """End the server when its socket is gone, to be started again, and for good when the folder is removed."""
        while os.fstat(self._lock).st_nlink:  # A folder that was only moved has its files.
            time.sleep(LOOK_S)
            with self._changing:
                runs = self._server is not None and self._server.poll() is None
                has_place = self._path.parent == self._folder or private(self._path.parent)
                if runs and has_place and not self._path.exists() and _is(self._folder / _LOCK, self._lock):
                    _log(f"{self._path} is gone: the server is started again")
                    self._unreachable = True
                    self._end()
        with self._changing:
            self._end(for_good=True)

    def _end(self, *, for_good: bool = False) -> None:
        self._asked |= for_good
        if self._server is not None:
            self._server.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._server.wait(SHUTDOWN_TIMEOUT_S)
            self._server.kill()  # Which has no effect on one that has ended.


def private(folder: Path) -> bool:
    """Make a folder that only this user can use; False where there is another one in its place."""
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not stat.S_IMODE(found.st_mode) & 0o077
    return False


def _log(line: str) -> None:
    with contextlib.suppress(OSError):  # The disk may be full.
        print(line, flush=True)


def _is(path: Path, descriptor: int) -> bool:
    """Whether a path still leads to an open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False


def ends(folder: Path) -> list[tuple[float, int]]:
    """When servers of this folder ended by themselves, and the bytes that were free then.

    The last `ENDS` within `ENDS_WITHIN_S`, in Unix time.
    """
    try:
        words = [word.partition("/") for word in (folder / _LOCK).read_text(encoding="ascii").split()]
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


def _note_end(folder: Path, lock: int) -> None:
    """Note it in room that the file has already, as the disk may be full."""
    noted = [*ends(folder), (time.time(), shutil.disk_usage(folder).free)][-ENDS:]
    with contextlib.suppress(OSError):
        os.pwrite(lock, " ".join(f"{at:.3f}/{free}" for at, free in noted).ljust(_NOTE_BYTES).encode(), 0)


def _make_room(folder: Path, lock: int) -> None:
    """Have room for notes, and remove what a server left that ended while it wrote its file anew."""
    with contextlib.suppress(OSError):
        if os.fstat(lock).st_size < _NOTE_BYTES:
            os.pwrite(lock, b" " * _NOTE_BYTES, 0)
        for left in (*folder.glob("temp-*.aof"), *folder.glob("appendonlydir/temp-*")):
            left.unlink(missing_ok=True)


def _start(folder: Path, path: Path, binary: str, lock: int) -> subprocess.Popen[bytes]:
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


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
