"""`cluster/redis.sh`, the store beside Ray's head."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml

from league.errors import StorePermissionError
from league.interfaces.cli import run
from league.pool.store import Store

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "cluster" / "redis.sh"
PASSWORDS = {"LEAGUE_REDIS_PASSWORD": "correct-horse", "LEAGUE_READER_PASSWORD": "battery staple %&'\""}


def start(folder: Path, port: int, **environment: str) -> subprocess.Popen[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        ["sh", str(SCRIPT), str(folder), str(port)],
        env={"PATH": path, "LEAGUE_REDIS_BIND": "127.0.0.1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def process(tmp_path: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """The server, once it has written something."""
    server = start(tmp_path / "redis", port, **PASSWORDS)
    with user(port, "league", PASSWORDS["LEAGUE_REDIS_PASSWORD"]) as league:
        league.set("league:first", "1")
    yield server
    server.terminate()
    server.communicate(timeout=60)


def user(port: int, name: str, password: str) -> "redis.Redis[Any]":
    """A connection of theirs, which waits for the server to listen."""
    patience = redis.retry.Retry(redis.backoff.ConstantBackoff(0.1), 300)
    return redis.Redis(port=port, username=name, password=password, retry=patience)


def test_wants_a_password(tmp_path: Path, port: int) -> None:
    refused = start(tmp_path / "redis", port)
    said, _ = refused.communicate(timeout=60)
    assert refused.returncode == 2
    assert "set LEAGUE_REDIS_PASSWORD" in said


def test_passwords_are_in_no_file_and_in_no_process_list(tmp_path: Path, process: subprocess.Popen[str]) -> None:
    seen = [Path(f"/proc/{process.pid}/cmdline").read_bytes()]
    seen += [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    assert len(seen) > 1
    assert not [text for text in seen for password in PASSWORDS.values() if password.encode() in text]
    assert (tmp_path / "redis").stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("process")
def test_no_second_server_comes_to_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("league.pool.embedded._ENDING_S", 0.1)
    assert run(["repair", "--store", str(tmp_path / "redis")]) == 2
    assert "is in use" in capsys.readouterr().err


@pytest.mark.usefixtures("process")
def test_users_have_the_rights_that_they_need(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAGUE_REDIS_USERNAME", "league")
    monkeypatch.setenv("LEAGUE_REDIS_PASSWORD", PASSWORDS["LEAGUE_REDIS_PASSWORD"])
    with Store.open(f"redis://127.0.0.1:{port}/0") as store:
        assert store.server_warnings() == []
    monkeypatch.setenv("LEAGUE_REDIS_PASSWORD", "wrong")
    with pytest.raises(StorePermissionError), Store.open(f"redis://127.0.0.1:{port}/0") as store:
        store.config()
    with user(port, "league", PASSWORDS["LEAGUE_REDIS_PASSWORD"]) as league:
        league.set("league:a", "1")
        for command in (("SET", "b", "1"), ("CONFIG", "SET", "maxmemory", "0"), ("FLUSHALL",), ("SHUTDOWN",)):
            with pytest.raises(redis.exceptions.NoPermissionError):
                league.execute_command(*command)
        server = league.info("memory")
    assert server["maxmemory_policy"] == "noeviction"
    total = int(Path("/proc/meminfo").read_text().split()[1]) * 1024
    assert total / 5 < server["maxmemory"] <= total / 4
    with user(port, "reader", PASSWORDS["LEAGUE_READER_PASSWORD"]) as reader:
        assert reader.get("league:a") == b"1"
        with pytest.raises(redis.exceptions.NoPermissionError):
            reader.set("league:a", "2")
    with redis.Redis(port=port) as anyone, pytest.raises(redis.exceptions.AuthenticationError):
        anyone.get("league:a")


def test_the_rights_are_those_of_kubernetes() -> None:
    (patch,) = yaml.safe_load((ROOT / "k8s" / "base" / "store" / "kustomization.yaml").read_text())["patches"]
    (container,) = yaml.safe_load(patch["patch"])["spec"]["template"]["spec"]["initContainers"]
    rules = {one["name"]: one["value"] for one in container["env"] if one["name"].endswith("_RULES")}
    script = SCRIPT.read_text()
    assert f"writes='{rules['REDIS_RULES']}'" in script
    assert f"reads='{rules['READER_RULES']}'" in script


def test_a_league_survives_the_death_of_the_server(tmp_path: Path, port: int) -> None:
    for expected in (None, b"1"):
        server = start(tmp_path / "redis", port, **PASSWORDS, LEAGUE_REDIS_MAXMEMORY="50mb")
        with user(port, "league", PASSWORDS["LEAGUE_REDIS_PASSWORD"]) as league:
            assert league.get("league:a") == expected
            league.set("league:a", "1")
            assert league.info("memory")["maxmemory"] == 50 * 2**20
        server.kill()
        server.communicate()
