"""`ray up cluster/local.yaml` for real: nodes come for a league that needs them, and leave when they are idle."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from league.pool.store import Store
from tests.actors.test_train_process import ROOT, redis_url, train

__all__ = ["redis_url"]
SLOW_S = 200


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def place() -> Iterator[Path]:
    """A short folder: Ray's sockets lie deep below it."""
    folder = Path(tempfile.mkdtemp(prefix="lc", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def environment(place: Path) -> dict[str, str]:
    """Nothing of this cluster is where another Ray of this user would find it."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
        "HOME": str(place),
        "TMPDIR": str(place),
        "LEAGUE_RAY_FOLDER": str(place / "r"),
        "LEAGUE_RAY_PORT": str(free_port()),
        "LEAGUE_DASHBOARD_PORT": str(free_port()),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "0123456789abcdef" * 4,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }


def ray(environment: dict[str, str], *arguments: str) -> str:
    command = ["ray", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SLOW_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def processes_of(place: Path) -> list[str]:
    """Command lines of whatever runs with something of this cluster in its command or environment."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                command = (entry / "cmdline").read_bytes()
                if str(place).encode() in command + (entry / "environ").read_bytes():
                    found.append(command.replace(b"\0", b" ").decode()[:200])
    return found


def until(condition: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> float:
    """Seconds until the condition holds."""
    started = time.monotonic()
    while not condition():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() - started < SLOW_S, "waited in vain"
        time.sleep(0.1)
    return time.monotonic() - started


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.skipif(not Path("/proc").exists(), reason="reads Linux's /proc")
def test_nodes_come_for_a_league_and_leave_after_it(
    place: Path, environment: dict[str, str], redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(ROOT / "cluster" / "local.yaml")
    times = {}
    processes: list[subprocess.Popen[str]] = []
    nodes = place / ".cache" / "league" / "league-local" / "nodes.json"

    def count() -> int:
        return nodes.read_text().count('"ray-node-name"')

    try:
        started = time.monotonic()
        ray(environment, "up", "--yes", "--no-config-cache", file)
        times["ray up"] = time.monotonic() - started
        assert count() == 1
        address = f"127.0.0.1:{environment['LEAGUE_RAY_PORT']}"

        def league(name: str, setting: str) -> subprocess.Popen[str]:
            options = ["--league", name, "--set", setting, "--set", "capacity.idle_s=1", "--log-dir", str(place / name)]
            processes.append(train(redis_url, "--address", address, *options, **environment))
            return processes[-1]

        greedy = league("greedy", "learning.gpus=1")
        with Store.open(redis_url, "greedy") as waiting:
            until(lambda: waiting.status() is not None, greedy)  # It asks for a GPU, of which there will be none.
        process = league("league", "rollout.runners=1")
        with Store.open(redis_url) as store:
            times["nodes came"] = until(lambda: count() == 3, process)
            times["the league trains on them"] = until(
                lambda: store.match_count() > 0 and (store.status() or {}).get("steps", 0) > 1_000, process
            )
            until(lambda: (store.status() or {})["learners"]["main"]["runners"] == 1, process)
            assert (store.status() or {})["missing"] is None
            for one in processes:
                one.terminate()
                out, err = one.communicate(timeout=SLOW_S)
                assert one.returncode == 0, err
                assert "waiting for the autoscaler to bring nodes" in " ".join(out.split())
            times["idle nodes left"] = until(lambda: count() == 1)
            assert store.verify().problems == ()
    finally:
        for one in processes:
            if one.poll() is None:
                one.kill()
                one.communicate()
        started = time.monotonic()
        ray(environment, "down", "--yes", file)
        times["ray down"] = time.monotonic() - started
    until(lambda: processes_of(place) == [])
    with capsys.disabled():
        print("\n" + "\n".join(f"{what}: {seconds:.0f} s" for what, seconds in times.items()))
