"""A league on a cluster of several nodes, which come and go."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from league.pool.store import Store
from tests.actors.test_train_process import ROOT, redis_url, train

__all__ = ["redis_url"]
pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
PATIENCE_S = 120
"""A cluster of four nodes on a machine that is busy with other things."""


class ClusterOfProcesses:
    """Talks to `cluster_of_processes.py`."""

    def __init__(self, **head: Any) -> None:
        command = [sys.executable, str(Path(__file__).with_name("cluster_of_processes.py")), json.dumps(head)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        self.address: str = self._answer()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("ANSWER "):
                return json.loads(line.removeprefix("ANSWER "))
        raise AssertionError(f"the cluster ended with {self.process.wait()}")

    def _ask(self, *request: Any) -> Any:
        assert self.process.stdin is not None
        print(json.dumps(request), file=self.process.stdin, flush=True)
        return self._answer()

    def add(self, **options: Any) -> str:
        node: str = self._ask("add", options)
        return node

    def remove(self, node: str) -> None:
        self._ask("remove", node)

    def where(self, *, name: str = "", kind: str = "") -> list[str]:
        """Nodes of the live actors of that name or class."""
        return sorted(a["node"] for a in self._ask("actors") if (name and a["name"] == name) or a["kind"] == kind)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(60)


@pytest.fixture
def cluster() -> Iterator[Callable[..., ClusterOfProcesses]]:
    started: list[ClusterOfProcesses] = []

    def start(**head: Any) -> ClusterOfProcesses:
        started.append(ClusterOfProcesses(**head))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def running() -> Iterator[list[subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait()


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def ended(process: subprocess.Popen[str]) -> None:
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert "Traceback" not in err


def said(store: Store, kind: str) -> list[str]:
    return [event["text"] for event in store.events(1000) if event["kind"] == kind]


def test_learners_live_on_gpu_nodes_and_nodes_come_and_go(
    tmp_path: Path,
    redis_url: str,
    cluster: Callable[..., ClusterOfProcesses],
    running: list[subprocess.Popen[str]],
) -> None:
    ray = cluster(num_cpus=0)
    head, cpu, gpu = ray.where(kind="nobody"), ray.add(num_cpus=1), ray.add(num_cpus=1, num_gpus=1)
    assert head == []
    settings = ["learning.gpus=0.5", "rollout.runners=2", "rollout.device=cpu"]
    options = [word for setting in settings for word in ("--set", setting)]
    process = train(redis_url, "--address", ray.address, "--log-dir", str(tmp_path), *options, RAY_AUTH_MODE="disabled")
    running.append(process)
    with Store.open(redis_url) as store:

        def status() -> dict[str, Any]:
            return store.status() or {}

        wait_until(lambda: bool(store.learners()) and store.match_count() > 0, process)
        (device,) = said(store, "device")
        assert device.startswith("main holds 0.5 GPUs of Ray, but learns on the CPU: cuda is not there: ")
        missing = "asks for 3 CPUs and 0.5 GPUs, has 2 and 1: 1 of 2 runners each"
        assert status()["missing"] == missing
        assert said(store, "room") == [missing]
        assert ray.where(name="league/main") == [gpu]
        assert ray.where(kind="LeagueRunner") == [cpu], "runners keep off GPU nodes"
        assert ray.where(name="league/match-0") == [cpu], (cpu, gpu, ray.where(name="league/coordinator"))
        (home,) = ray.where(name="league/coordinator")
        assert home not in (cpu, gpu)

        second = ray.add(num_cpus=1)
        wait_until(lambda: status()["missing"] is None and len(ray.where(kind="LeagueRunner")) == 2, process)
        assert ray.where(kind="LeagueRunner") == sorted([cpu, second])
        assert said(store, "room")[0] == "nothing is missing any more"

        def saved() -> int:
            checkpoint = store.checkpoint("main")
            assert checkpoint is not None
            return int(checkpoint[1]["steps"])

        before = saved()
        wait_until(lambda: saved() > before, process)  # It trains in its new place.
        ray.remove(cpu)
        wait_until(lambda: ray.where(name="league/match-0") == [second], process)
        matches = store.match_count()
        wait_until(lambda: store.match_count() > matches, process)
        steps = saved()
        ray.remove(gpu)
        another = ray.add(num_cpus=1, num_gpus=1)
        wait_until(lambda: ray.where(name="league/main") == [another], process)
        wait_until(lambda: saved() > steps + 1_000, process)
        assert any(text.startswith("main: ") for text in said(store, "lost")), store.events(1000)
        process.terminate()
        ended(process)
        assert store.verify().problems == ()


def test_two_leagues_share_a_cluster_and_a_redis(
    tmp_path: Path,
    redis_url: str,
    cluster: Callable[..., ClusterOfProcesses],
    running: list[subprocess.Popen[str]],
) -> None:
    ray = cluster(num_cpus=1)
    ray.add(num_cpus=1)
    names = ["red", "blue"]
    for name in names:
        options = ["--league", name, "--address", ray.address, "--log-dir", str(tmp_path / name), "--steps", "6000"]
        running.append(train(redis_url, *options, RAY_AUTH_MODE="disabled"))
    for name, process in zip(names, running, strict=True):
        ended(process)
        with Store.open(redis_url, name) as store:
            assert (store.status() or {})["phase"] == "stopped"
            assert (store.status() or {})["steps"] >= 6_000
            assert store.champion() is not None
            assert store.verify().problems == ()
            assert {s.learner for s in store.snapshots()} == {"main"}


def test_other_versions_are_refused_by_name(
    tmp_path: Path, redis_url: str, cluster: Callable[..., ClusterOfProcesses]
) -> None:
    elsewhere = tmp_path / "elsewhere" / "selfplay_league-9.9.9.dist-info"
    elsewhere.mkdir(parents=True)
    (elsewhere / "METADATA").write_text("Metadata-Version: 2.1\nName: selfplay-league\nVersion: 9.9.9\n")
    ray = cluster(num_cpus=1)
    ray.add(num_cpus=1, env_vars={"PYTHONPATH": str(elsewhere.parent)})
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    starting = train(redis_url, "--address", ray.address, RAY_AUTH_MODE="disabled")
    serve = [sys.executable, "-m", "league", "serve", "--store", redis_url]
    for said in (
        starting.communicate(timeout=PATIENCE_S)[1],
        subprocess.run(
            [*serve, "--address", ray.address], env=environment, capture_output=True, text=True, timeout=PATIENCE_S
        ).stderr,
    ):
        assert re.fullmatch(
            r"league: this process has league \S+, but node \S+ \(\w{8}\) has 9\.9\.9: install the same everywhere\n",
            said,
        ), said
    change = (
        "import json, sys; from ray._raylet import GcsClient; client = GcsClient(address=sys.argv[1]);"
        "key, space = b'CLUSTER_METADATA', b'cluster';"
        "data = json.loads(client.internal_kv_get(key, space)); data['ray_version'] = '2.59.0';"
        "client.internal_kv_put(key, json.dumps(data).encode(), True, space)"
    )
    subprocess.run([sys.executable, "-c", change, ray.address], check=True, env=environment)
    _, err = train(redis_url, "--address", ray.address, RAY_AUTH_MODE="disabled").communicate(timeout=PATIENCE_S)
    assert re.fullmatch(
        r"league: no Ray at \S+: it runs Ray 2\.59\.0 on Python \S+, this process Ray \S+ on Python \S+: "
        r"install the same in both places\n",
        err,
    ), err
