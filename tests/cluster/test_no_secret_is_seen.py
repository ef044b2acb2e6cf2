"""A store with a password, a league on it, its page and its exporter: no secret is in a process list or a file."""

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from league.pool.store import Store
from tests.actors.small_runs import SMALL

ROOT = Path(__file__).parents[2]
NAMES = ("LEAGUE_REDIS_PASSWORD", "LEAGUE_READER_PASSWORD", "LEAGUE_DASHBOARD_TOKEN", "RAY_AUTH_TOKEN")
PATIENCE_S = 240
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="reads Linux's /proc"),
]


@pytest.fixture
def folder() -> Iterator[Path]:
    # Ray's sockets need a short path.
    with tempfile.TemporaryDirectory(prefix="unseen-", dir="/tmp", ignore_cleanup_errors=True) as name:
        yield Path(name)


def command_lines() -> Iterator[bytes]:
    """Of every process that is here."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield (entry / "cmdline").read_bytes()
            except OSError:
                continue  # It has ended meanwhile.


def test_no_secret_is_in_a_process_list_a_log_or_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {name: secrets.token_hex(32) for name in NAMES}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
        **values,
        "PATH": path,
        "RAY_AUTH_MODE": "token",
        "RAY_TMPDIR": str(folder),
        "LEAGUE_REDIS_BIND": "127.0.0.1",
        "LEAGUE_REDIS_USERNAME": "league",
    }
    shown: set[bytes] = set()

    def until(condition: Callable[[], object]) -> None:
        """Look through the process list until the condition holds."""
        deadline, pause = time.monotonic() + PATIENCE_S, threading.Event()
        while not condition():
            assert time.monotonic() < deadline, "\n".join(log.read_text() for log in folder.glob("*.log"))
            shown.update(line for line in command_lines() for value in values.values() if value.encode() in line)
            pause.wait(0.02)

    @contextmanager
    def started(name: str, *words: str) -> Iterator["subprocess.Popen[bytes]"]:
        with (folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(PATIENCE_S)

    port, page, metrics = (free_port() for _ in range(3))
    store, league = f"redis://127.0.0.1:{port}/0", [sys.executable, "-m", "league"]
    settings = [word for setting in SMALL for word in ("--set", setting)]
    monkeypatch.setenv("LEAGUE_REDIS_USERNAME", "league")
    monkeypatch.setenv("LEAGUE_REDIS_PASSWORD", values["LEAGUE_REDIS_PASSWORD"])
    with ExitStack() as running:
        running.enter_context(started("store", "sh", "cluster/redis.sh", str(folder / "redis"), str(port)))
        until(lambda: answers(port))
        opened = running.enter_context(Store.open(store))
        running.enter_context(started("train", *league, "train", "--store", store, *settings))
        running.enter_context(started("page", *league, "dashboard", "--store", store, "--port", str(page)))
        running.enter_context(started("exporter", *league, "exporter", "--store", store, "--port", str(metrics)))
        until(lambda: answers(page) and answers(metrics))
        until(lambda: opened.config() is not None and opened.match_count() >= 5)
        backup = running.enter_context(
            started("backup", *league, "backup", str(folder / "league.tar"), "--store", store)
        )
        until(lambda: backup.poll() is not None)
        assert backup.returncode == 0, (folder / "backup.log").read_text()
        assert any(b"ray::Coordinator" in line for line in command_lines()), "what is looked for is looked at"
    assert not shown
    files = [file for file in folder.rglob("*") if file.is_file() and not file.is_symlink()]
    assert any("session_" in str(file) and file.suffix == ".log" for file in files), "Ray's logs are among them"
    found = [
        f"{name}: {file}" for file in files for name, value in values.items() if value.encode() in file.read_bytes()
    ]
    assert not found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
