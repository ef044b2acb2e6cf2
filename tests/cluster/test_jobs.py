"""A league that Ray's job server runs on a real head, as in `docs/operations.md`, and its champion, served there."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from league.games import game_spec
from league.pool.store import Store
from tests.actors.small_runs import SMALL
from tests.actors.test_train_process import ROOT, redis_url
from tests.cluster.test_local_cluster import SLOW_S, environment, free_port, place, processes_of, ray, until

__all__ = ["environment", "place", "redis_url"]
LEAGUE = [sys.executable, "-m", "league"]


@contextmanager
def head(environment: dict[str, str]) -> Iterator[tuple[str, str]]:
    """A Ray of one node: its address, and that of its job server. It ends with the process that keeps it."""
    port, jobs = environment["LEAGUE_RAY_PORT"], environment["LEAGUE_DASHBOARD_PORT"]
    options = [
        "--node-ip-address=127.0.0.1", f"--port={port}", f"--dashboard-port={jobs}",
        f"--dashboard-agent-listen-port={free_port()}", f"--ray-client-server-port={free_port()}",
        f"--temp-dir={environment['LEAGUE_RAY_FOLDER']}", "--min-worker-port=0", "--max-worker-port=0",
        "--num-cpus=4", "--object-store-memory=100000000", "--disable-usage-stats", "--block",
    ]  # fmt: skip
    process = subprocess.Popen(
        ["ray", "start", "--head", *options],
        cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield f"127.0.0.1:{port}", f"http://127.0.0.1:{jobs}"
    finally:
        process.terminate()
        process.wait(SLOW_S)


@contextmanager
def served(environment: dict[str, str], address: str) -> Iterator[str]:
    """`league serve --address`, ended by SIGTERM: its address."""
    port = free_port()
    process = subprocess.Popen(
        [*LEAGUE, "serve", "--address", address, "--port", str(port)],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == f"http://127.0.0.1:{port}/\n"
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        _, err = process.communicate(timeout=SLOW_S)
    assert (process.returncode, "Traceback" in err) == (0, False), err


def answers(url: str, body: Any = None) -> Any:
    """What is at an address, as JSON; None while nothing is."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as refusal:  # As the job server does without Ray's token.
        return {"status": refusal.code}
    except OSError:
        return None


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.skipif(not Path("/proc").exists(), reason="reads Linux's /proc")
def test_a_submitted_league_trains_is_served_and_is_stopped(
    place: Path, environment: dict[str, str], redis_url: str
) -> None:
    pytest.importorskip("fastapi", reason="needs the extra serve")
    environment |= {"LEAGUE_STORE": redis_url, "RAY_JOB_STOP_WAIT_TIME_S": "120"}
    settings = [word for setting in SMALL for word in ("--set", setting)]
    league = [*LEAGUE, "train", *settings, "--log-dir", str(place / "logs")]

    with head(environment) as (address, jobs), Store.open(redis_url) as store:
        until(lambda: answers(f"{jobs}/api/version") is not None)
        ray(environment, "job", "submit", "--address", jobs, "--submission-id", "one", "--no-wait", "--", *league)

        def job() -> str:
            return ray(environment, "job", "status", "--address", jobs, "one")

        def rated() -> bool:
            return bool(store.match_count() and store.champion() and store.learners())

        started = time.monotonic()
        while not rated():
            logs = ["job", "logs", "--address", jobs, "one"]
            well = "FAILED" not in job() and time.monotonic() - started < SLOW_S
            assert well, ray(environment, *logs)
        ask = [*LEAGUE, "status", "--json"]
        status = json.loads(subprocess.run(ask, env=environment, capture_output=True, text=True, check=True).stdout)
        assert (status["phase"], status["champion"] is not None) == ("training", True)
        assert status["steps"] > 0

        with served(environment, address) as url:
            spec = game_spec("tic_tac_toe")
            position = {"observation": empty(spec.shape), "action_mask": [1] * spec.actions}
            until(lambda: "action" in (answers(f"{url}act", position) or {}))
            answer = answers(f"{url}act", position)
            assert answer["policy"] in {promotion.policy for promotion in store.promotions()}
            assert 0 <= answer["action"] < spec.actions
        assert answers(url) is None, "Ray Serve has ended with the command"

        assert "RUNNING" in job(), "the league does not notice"
        ray(environment, "job", "stop", "--address", jobs, "one")
        assert "was stopped" in job()
        after = store.status() or {}
        assert after["phase"] == "stopped"
        assert store.snapshots()[-1].steps == after["steps"] >= status["steps"], "saved, not killed"
        assert store.lease() is None
        assert store.verify().problems == ()
    until(lambda: processes_of(place) == [])


def empty(shape: tuple[int, ...]) -> Any:
    """Zeros."""
    return [empty(shape[1:]) for _ in range(shape[0])] if shape else 0
