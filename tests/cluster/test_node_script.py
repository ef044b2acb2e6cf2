"""`cluster/node.sh`, with the store and the exporter that it starts on a head."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

ROOT = Path(__file__).parents[2]
SERVICES = ["supervisorctl", "--configuration", str(ROOT / "cluster" / "services.conf")]
Node = Callable[..., subprocess.CompletedProcess[str]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


@pytest.fixture
def home() -> Iterator[Path]:
    """A short folder: a socket lies in it."""
    folder = Path(tempfile.mkdtemp(prefix="ln", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def environment(home: Path, port: int) -> dict[str, str]:
    """Of a shell on a head. The store and the exporter are real, on other ports; what the latter is given is noted."""
    programs = home / "bin"
    programs.mkdir()
    league = Path(sys.executable).with_name("league")
    scripts = {
        "league-redis": f'exec sh {ROOT}/cluster/redis.sh "$1" {port}',
        "league": f"env > {home}/exporter.env; exec {league} exporter --port {free_port()}",
    }
    for name, script in scripts.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
    python = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    return {
        "PATH": path,
        "HOME": str(home),
        "LEAGUE_DATA": str(home / "data"),
        "LEAGUE_REDIS_BIND": "127.0.0.1",
        **python,
    }


@pytest.fixture
def node(home: Path, environment: dict[str, str]) -> Iterator[Node]:
    """Run `league-node` with these secrets."""

    def run(*words: str, **secrets: str) -> subprocess.CompletedProcess[str]:
        if secrets:
            (home / ".league").mkdir(exist_ok=True)
            (home / ".league" / "cluster.env").write_text(
                "".join(f"{name}={value}\n" for name, value in secrets.items())
            )
        command = ["sh", str(ROOT / "cluster" / "node.sh"), *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    yield run
    pid = home / "services.pid"
    if pid.exists():
        process = int(pid.read_text())
        subprocess.run([*SERVICES, "shutdown"], env={**environment, "LEAGUE_READER_PASSWORD": ""}, check=True)
        until(lambda: not Path(f"/proc/{process}").exists())


def secrets(word: str) -> dict[str, str]:
    names = ("LEAGUE_REDIS_PASSWORD", "LEAGUE_READER_PASSWORD", "RAY_AUTH_TOKEN")
    return {name: f"{word}-{number}" for number, name in enumerate(names)}


def test_what_is_missing_is_said(node: Node, home: Path) -> None:
    for words in ((), ("head",), ("tail", "ray", "status")):
        assert "usage: league-node head|worker|run COMMAND" in node(*words).stderr
    done = node("worker", "env")
    assert done.returncode == 2
    assert re.fullmatch(rf"league-node: {home}/.league/cluster.env is not there, or \S+ may not read it\n", done.stderr)
    done = node("worker", "env", **{**secrets("a"), "LEAGUE_READER_PASSWORD": ""})
    assert done.returncode == 2
    assert done.stderr.startswith("league-node: no LEAGUE_READER_PASSWORD in ")


def test_a_command_on_the_head_finds_the_store(node: Node) -> None:
    done = node("run", "env", **secrets("a"))
    assert "LEAGUE_STORE=redis://127.0.0.1:6380/0\n" in done.stdout
    assert "LEAGUE_REDIS_USERNAME=league\n" in done.stdout
    assert "LEAGUE_REDIS_PASSWORD=a-0\n" in done.stdout
    assert "a-1" not in done.stdout, "only the exporter is the reader"


def test_a_store_that_cannot_start_is_said(node: Node, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        done = node("head", "echo", "Ray", **secrets("a"))
    assert done.returncode == 1
    assert "Ray" not in done.stdout
    assert "Address already in use" in done.stderr


@pytest.mark.long
def test_the_store_and_the_exporter_are_kept_running(
    node: Node, home: Path, port: int, environment: dict[str, str]
) -> None:
    done = node("head", "sh", "-c", "echo Ray; ulimit -n", **secrets("a"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("Ray\n")[1].strip() == str(min(65536, int(hard_limit())))
    with closing(redis.Redis(port=port, username="league", password="a-0")) as league:
        league.set("league:a", "1")
        given = dict(line.split("=", 1) for line in (home / "exporter.env").read_text().splitlines() if "=" in line)
        assert (given["LEAGUE_REDIS_USERNAME"], given["LEAGUE_REDIS_PASSWORD"]) == ("reader", "a-1")
        assert re.fullmatch(r"redis://[\d.]+:6380/0", given["LEAGUE_STORE"])

        asked = {"env": {**environment, "LEAGUE_READER_PASSWORD": ""}, "text": True}
        for service in ("store", "exporter"):
            pid = subprocess.check_output([*SERVICES, "pid", service], **asked).strip()  # type: ignore[call-overload]
            os.kill(int(pid), 9)
        until(lambda: subprocess.run([*SERVICES, "status"], capture_output=True, **asked).stdout.count("RUNNING") == 2)  # type: ignore[call-overload]
        assert league.get("league:a") == b"1"

    assert node("head", "true", **secrets("b")).returncode == 0
    with closing(redis.Redis(port=port, username="league", password="b-0")) as league:
        assert league.get("league:a") == b"1", "other passwords, the same store"
    before = redis.Redis(port=port, username="league", password="a-0")
    with closing(before), pytest.raises(redis.exceptions.AuthenticationError):
        before.ping()
    logs = "".join(file.read_text() for file in (home / "data" / "log").iterdir())
    assert "Ready to accept connections" in logs
    assert not re.search(r"\b[ab]-[012]\b", logs)


def hard_limit() -> str:
    return subprocess.check_output(["sh", "-c", "ulimit -H -n"], text=True)
