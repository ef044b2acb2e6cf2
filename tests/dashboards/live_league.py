"""A league that really runs, and Debian's Prometheus that scrapes both it and Ray: how to start and to ask them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "dashboards" / "prometheus"
TIMEOUT_S = 150
LEARNS_IN_SECONDS = {
    "game": "tic_tac_toe",
    "network.hidden": [32],
    "rollout.games": 64,
    "rollout.plies": 16,
    "learning.minibatch_size": 512,
    "snapshots.every_steps": 3000,
    "snapshots.checkpoint_every_s": 1,
    "arena.games": 8,
    "arena.share": 0.5,
    "promotion.elo1": 200,
}
RAY_PORTS = ("AUTOSCALER_METRIC_PORT", "DASHBOARD_METRIC_PORT")
"""Of Ray's metrics, which are otherwise the same for every Ray on the machine."""
ENOUGH = (
    'up{job="ray"} == 1',
    "league_promotions_total > 0",
    "league_matches_total > 20",
    "league_learner_checkpoint_age_seconds",
    "league_payoff_score",
    "count_over_time(league_store_up[5m]) > 8",
    "league:learner_steps:rate5m > 0",
    "ray_node_cpu_count",
    "rate(ray_league_serve_positions_total[15s]) > 0",
)
"""What Prometheus must know before a test asks it anything: the league has trained, played, promoted and answered."""


@dataclass(frozen=True, kw_only=True)
class Live:
    """The league is still at work while tests look."""

    store: str
    exporter: str
    """URL of its metrics."""
    prometheus: str
    """URL of the server, without a slash at its end."""
    session: Path
    """Folder of the Ray session."""

    def api(self, path: str, **parameters: str) -> Any:
        """The `data` of an answer of Prometheus's HTTP API; raises `HTTPError` for an expression that is none."""
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        with urllib.request.urlopen(f"{self.prometheus}/api/v1/{path}{query}") as answer:
            return json.load(answer)["data"]

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The series that an expression gives now."""
        series: list[dict[str, Any]] = self.api("query", query=expr)["result"]
        return series


def wait_until(condition: Callable[[], Any], what: str, *processes: subprocess.Popen[str]) -> None:
    """Until it holds; fails at once if a process ends, and after `TIMEOUT_S`."""
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        for process in processes:
            assert process.poll() is None, process.args
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


@contextmanager
def running() -> Iterator[Live]:
    """Start all of it; ended with the block, as a league that trains leaves nothing of the machine to others."""
    # Ray's sockets need a short path.
    with (
        tempfile.TemporaryDirectory(prefix="live-", dir="/tmp", ignore_cleanup_errors=True) as folder,
        ExitStack() as end,
    ):
        place = Path(folder)
        store = str(place / "store")
        settings = [word for key, value in LEARNS_IN_SECONDS.items() for word in ("--set", f"{key}={toml(value)}")]
        own = {"RAY_TMPDIR": folder, **{port: str(free_port()) for port in RAY_PORTS}}
        train = end.enter_context(league("train", "--store", store, "--dashboard", *settings, **own))
        exporter = end.enter_context(league("exporter", "--store", store, "--port", "0"))
        assert exporter.stdout is not None
        scraped = exporter.stdout.readline().strip()
        server, url = end.enter_context(prometheus(place, scraped.removeprefix("http://").removesuffix("/metrics")))
        session = place / "ray" / "session_latest"
        found = Live(store=store, exporter=scraped, prometheus=url, session=session)
        wait_until(lambda: answers(f"{url}/-/ready"), "Prometheus is ready", train, exporter, server)
        wait_until(lambda: found.query("league_info"), "there is a league", train, exporter, server)
        end.enter_context(served(place, store))
        for expr in ENOUGH:
            wait_until(lambda expr=expr: found.query(expr), expr, train, exporter, server)
        yield found


@contextmanager
def served(place: Path, store: str) -> Iterator[None]:
    """The champion over HTTP, in a Ray of its own that Prometheus is told of, and somebody who asks it all the time."""
    folder = place / "serve"
    folder.mkdir()
    with league("serve", "--store", store, "--port", "0", RAY_TMPDIR=str(folder)) as service:
        assert service.stdout is not None
        url = service.stdout.readline().strip()
        port = next((folder / "ray" / "session_latest").glob("metrics_export_port_*")).read_text()
        found = [{"targets": [f"127.0.0.1:{port}"], "labels": {"job": "ray"}}]
        (place / "serve.json").write_text(json.dumps(found), encoding="utf-8")
        asking = threading.Event()
        asker = threading.Thread(target=ask, args=(f"{url}act", asking))
        asker.start()
        try:
            yield
        finally:
            asking.set()
            asker.join()


def ask(url: str, enough: threading.Event) -> None:
    """Put the first position of Tic-Tac-Toe every tenth of a second, also while there is no champion yet."""
    question = {"observation": [[[0, 0]] * 3] * 3, "action_mask": [1] * 9}
    headers = {"Content-Type": "application/json"}
    while not enough.wait(0.1):
        with suppress(OSError):
            urllib.request.urlopen(urllib.request.Request(url, json.dumps(question).encode(), headers)).close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def toml(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@contextmanager
def league(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A command of ours as a process; asked to end as by Ctrl-C."""
    with subprocess.Popen(
        [sys.executable, "-m", "league", *arguments],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith("RAY_")} | environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=TIMEOUT_S)


@contextmanager
def prometheus(place: Path, target: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Debian's server with our own configuration, but for addresses and intervals; with its URL."""
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(PROMETHEUS / name) for name in config["rule_files"]]
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    jobs["league"]["static_configs"] = [{"targets": [target]}]
    discovery = jobs["ray"]["file_sd_configs"][0]
    discovery["files"] = [str(place / Path(file).relative_to("/tmp")) for file in discovery["files"]]
    discovery["files"].append(str(place / "serve.json"))
    discovery["refresh_interval"] = "1s"
    (place / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    address = f"127.0.0.1:{free_port()}"
    options = [f"--config.file={place}/prometheus.yml", f"--storage.tsdb.path={place}/tsdb"]
    command = ["prometheus", *options, f"--web.listen-address={address}"]
    with (place / "prometheus.log").open("w") as log, subprocess.Popen(command, stderr=log, text=True) as process:
        try:
            yield process, f"http://{address}"
        finally:
            process.terminate()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url):
            return True
    except OSError:
        return False
