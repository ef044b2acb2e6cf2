"""`cluster/redis.sh`, the store beside Ray's head."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from league.errors import StorePermissionError
from league.pool.store import Store

SCRIPT = Path(__file__).parents[2] / "cluster" / "redis.sh"


def start(folder: Path, port: int, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["sh", str(SCRIPT), str(folder), str(port)],
        env={"PATH": path, "LEAGUE_REDIS_BIND": "127.0.0.1", **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "redis"
    file = tmp_path / "redis" / "redis.pid"
    if file.exists():
        os.kill(int(file.read_text()), signal.SIGTERM)


def test_has_a_password_and_an_append_only_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert "set LEAGUE_REDIS_PASSWORD" in start(folder, port).stderr
    assert start(folder, port, LEAGUE_REDIS_PASSWORD="a b").returncode == 2
    for answer in ("listens on port", "already running"):
        done = start(folder, port, LEAGUE_REDIS_PASSWORD="correct-horse")
        assert done.returncode == 0, done.stderr
        assert answer in done.stdout
    pid = int((folder / "redis.pid").read_text())
    assert b"correct-horse" not in Path(f"/proc/{pid}/cmdline").read_bytes()
    assert all(b"correct-horse" not in file.read_bytes() for file in folder.rglob("*") if file.is_file())
    monkeypatch.setenv("LEAGUE_REDIS_PASSWORD", "correct-horse")
    with Store.open(f"redis://127.0.0.1:{port}/0") as store:
        assert store.server_warnings() == []
    monkeypatch.setenv("LEAGUE_REDIS_PASSWORD", "wrong")
    with pytest.raises(StorePermissionError), Store.open(f"redis://127.0.0.1:{port}/0") as store:
        store.config()
