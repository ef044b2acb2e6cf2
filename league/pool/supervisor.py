"""Keeps an embedded server alive for as long as any process uses its folder, and no longer.

Run by `league.pool.embedded` in a Python without packages, so it imports the standard library and
`league.pool.server` only. It detaches, starts the server, reports `ready` (or why not) and then waits for an exclusive
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
import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from league.pool import server

READY: Final = "ready"
START_TIMEOUT_S = 60.0
"""To read the append-only file, and to wait for the server before to end."""
SHUTDOWN_TIMEOUT_S: Final = 30.0
LOOK_S: Final = 1.0
"""How often is looked whether socket and folder are still there: people and cleaners remove them."""
_PAUSE_S: Final = 0.01


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
    _into_log(folder / server.LOG)
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
        there = server.sign_of_life(path) == "ready"
        report(READY if there else f"another server, perhaps on another machine, holds {folder}")
        return
    keeper = _Keeper(folder, path, binary, lock)
    threading.Thread(target=keeper.end_with_last_client, daemon=True).start()
    report(
        READY if keeper.start() else f"the server did not start: {server.last_words(folder, 1) or 'it said nothing'}"
    )
    threading.Thread(target=keeper.look_after_files, daemon=True).start()
    keeper.until_it_ends()


def _server_lock(folder: Path, path: Path) -> int | None:
    """The lock of the server; None where whoever has it keeps it, or a server answers after all."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while (lock := server.locked(folder / server.LOCK, fcntl.LOCK_EX, 0.0)) is None:
        if server.sign_of_life(path) == "ready" or time.monotonic() > deadline:
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
            server.clean_up(self._folder, self._lock)
            self._server = process = server.start(self._folder, self._path, self._binary, self._lock)
        while process.poll() is None and server.sign_of_life(self._path) != "ready":
            time.sleep(_PAUSE_S)
        return process.poll() is None

    def until_it_ends(self) -> None:
        """Wait for the end of the server, or of the last one that was started in its place."""
        while self._server is not None:
            status = self._server.wait()
            if self._unreachable and self.start():
                continue
            if status and not self._asked:
                server.note_end(self._folder, self._lock)
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
                has_place = self._path.parent == self._folder or server.make_private(self._path.parent)
                if runs and has_place and not self._path.exists() and _is(self._folder / server.LOCK, self._lock):
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


def _log(line: str) -> None:
    with contextlib.suppress(OSError):  # The disk may be full.
        print(line, flush=True)


def _is(path: Path, descriptor: int) -> bool:
    """Whether a path still leads to an open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False
