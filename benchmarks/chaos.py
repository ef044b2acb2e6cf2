"""Does a league go on after what clusters do to it, and how soon? `python -m benchmarks.chaos [--check]`.

Claim: whatever is killed with `kill -9`, the league goes on by itself, and no result is lost or counted twice.

How: a league trains on a Ray cluster of three nodes on this machine, with a store on TCP (append-only file) behind a
small network that can cut a node off. One fault after another is done to it; a learner, and the node with it, dies in
the middle of an update. `back`: until what was killed is there again; `learns`: until every learner makes steps again;
`plays`: until a match is recorded again, all in seconds from the fault, or, where it lasts, from its end. After each
fault the results, snapshots and promotions that were there before it must all be there, in their order; match ids must
be unique; and `league status --verify` must agree. `--check` exits 1 if anything of this fails or takes longer than its
limit.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.chaos_rig import DRIVER, ROOT, Rig, wait_until
from benchmarks.command import parser, run
from benchmarks.machine import machine
from league.interfaces.cli.console import facts, stdout, table
from league.pool.store import Store

SETTINGS = [
    "game=tic_tac_toe",
    "network.hidden=[32]",
    "rollout.games=64",
    "rollout.plies=16",
    "rollout.runners=1",
    "learning.minibatch_size=512",
    "snapshots.every_steps=20000",
    "snapshots.checkpoint_every_s=1",
    "arena.games=8",
    "arena.share=0.5",
    "arena.workers=1",
    "promotion.elo1=200",
]
START_S = 180.0
LIMIT_S = 150.0
"""Of a machine that has other work, too; an idle one needs a fraction."""
DOWN_S = 7.0
"""How long the server is down: longer than a client tries by itself."""
REFUSED_S = 4.0
PARTITION_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one fault; times in seconds."""

    fault: str
    lasted_s: float
    back_s: float
    learns_s: float
    plays_s: float
    matches: int
    """In the log when the league went on."""
    problems: tuple[str, ...]

    def __str__(self) -> str:
        lasted = f" for {self.lasted_s:.0f} s" if self.lasted_s >= 1 else ""
        times = f"back after {self.back_s:.1f} s, plays after {self.plays_s:.1f} s, learns after {self.learns_s:.1f} s"
        return f"{self.fault}{lasted}: {times}; {'; '.join(self.problems) or 'whole'}"

    @property
    def held(self) -> bool:
        """Nothing was lost, and it went on in time."""
        return not self.problems and max(self.back_s, self.learns_s, self.plays_s) <= LIMIT_S


@dataclass(frozen=True, kw_only=True)
class Before:
    """What the store held when a fault began."""

    matches: list[str]
    snapshots: list[tuple[str, str]]
    promotions: list[str]
    checkpoints: dict[str, int]

    @classmethod
    def of(cls, store: Store) -> Before:
        saved = {name: store.checkpoint(name) for name in store.learners()}
        return cls(
            matches=[match.match_id for match in store.matches()],
            snapshots=[(snapshot.name, snapshot.digest) for snapshot in store.snapshots()],
            promotions=[promotion.policy for promotion in store.promotions()],
            checkpoints={name: found[1]["steps"] for name, found in saved.items() if found is not None},
        )


def problems(before: Before, store: Store) -> list[str]:
    """What is not as it must be after a fault, one line each."""
    now, found = Before.of(store), list(store.verify().problems)
    for what in ("matches", "snapshots", "promotions"):
        old, new = getattr(before, what), getattr(now, what)
        if new[: len(old)] != old:
            found.append(f"{what} that were reported are gone")
    if len(set(now.matches)) != len(now.matches):
        found.append("a match counts twice")
    if len({digest for _, digest in now.snapshots}) != len(now.snapshots):
        found.append("a snapshot is there twice")
    numbers = [int(name.rpartition("-")[2]) for name, _ in now.snapshots]
    if numbers != list(range(len(numbers))):
        found.append(f"snapshots are not numbered one after another: {numbers}")
    behind = [name for name, steps in before.checkpoints.items() if now.checkpoints.get(name, 0) < steps]
    return found + [f"the checkpoint of {name} is older than it was" for name in behind]


class Chaos:
    """Does things to a league that trains, and looks how it goes on."""

    def __init__(self, rig: Rig, store: Store) -> None:
        self.rig, self.store = rig, store
        self.faults: dict[str, Callable[[], Callable[[], bool]]] = {
            "coordinator": lambda: self._kill("Coordinator"),
            "learner": lambda: self._kill("Learner"),
            "runner": lambda: self._kill("LeagueRunner"),
            "match worker": lambda: self._kill("MatchWorker"),
            "Redis": self._redis,
            "Redis is full": self._full,
            "Redis is a replica": self._replica,
            "partition": self._partition,
            "node": self._node,
        }
        self.ended_at = 0.0

    def does(self, fault: str) -> Outcome:
        """One fault, from a league that works to one that works again."""
        before, began = Before.of(self.store), time.monotonic()
        is_back = self.faults[fault]()
        self.ended_at = max(self.ended_at, began)
        back = self._until(is_back, f"{fault}: back")
        # What it said until now may be of before.
        told, matches = time.time(), self.store.match_count()
        times: dict[str, float] = {}
        waits = {
            "learns": _growing(lambda: self._steps(told)),
            "plays": lambda: self.store.match_count() > matches,
        }
        while len(times) < len(waits):
            for name in waits.keys() - times.keys():
                if waits[name]():
                    times[name] = time.monotonic() - self.ended_at
            if time.monotonic() - self.ended_at > LIMIT_S:
                events = "\n".join(f"{event['kind']}: {event['text']}" for event in self.store.events(30))
                raise TimeoutError(f"{fault}: the league does not go on, only {times}\n{events}\n{self.rig.said()}")
            time.sleep(0.02)
        return Outcome(
            fault=fault,
            lasted_s=self.ended_at - began,
            back_s=back,
            learns_s=times["learns"],
            plays_s=times["plays"],
            matches=self.store.match_count(),
            problems=tuple(problems(before, self.store)),
        )

    def _until(self, condition: Callable[[], bool], what: str) -> float:
        wait_until(condition, what, LIMIT_S)
        return time.monotonic() - self.ended_at

    def _steps(self, since_s: float) -> dict[str, int]:
        """Of each learner, as the coordinator has said since then."""
        status = self.store.status() or {}
        if status.get("heartbeat_s", 0) <= since_s:
            return {}
        return {name: learner["steps"] for name, learner in status["learners"].items()}

    def _kill(self, kind: str) -> Callable[[], bool]:
        if kind == "Learner":
            self.rig.halt_in_update()
        pid = next(self.rig.actors(kind))["Pid"]
        os.kill(pid, signal.SIGKILL)
        self.ended_at = time.monotonic()
        return lambda: any(actor["Pid"] != pid for actor in self.rig.actors(kind))

    def _redis(self) -> Callable[[], bool]:
        self.rig.server.kill()
        self._lasts(DOWN_S, self.rig.server.start)
        return lambda: True

    def _full(self) -> Callable[[], bool]:
        self.rig.server.answers("CONFIG", "SET", "maxmemory", "1")
        self._lasts(REFUSED_S, lambda: self.rig.server.answers("CONFIG", "SET", "maxmemory", "0"))
        return lambda: True

    def _replica(self) -> Callable[[], bool]:
        self.rig.server.answers("REPLICAOF", "127.0.0.1", "1")
        self._lasts(REFUSED_S, lambda: self.rig.server.answers("REPLICAOF", "NO", "ONE"))
        return lambda: True

    def _partition(self) -> Callable[[], bool]:
        node = self.rig.node_of("Learner")
        self.rig.network.cut(node)
        self._lasts(PARTITION_S, lambda: self.rig.network.heal(node))
        return lambda: True

    def _node(self) -> Callable[[], bool]:
        node = self.rig.node_of("Learner")
        gone = {actor["Pid"] for actor in self.rig.actors("Learner")}
        self.rig.halt_in_update()
        self.rig.kill_node(node)
        self.ended_at = time.monotonic()
        return lambda: any(actor["Pid"] not in gone for actor in self.rig.actors("Learner"))

    def _lasts(self, seconds: float, end: Callable[[], object]) -> None:
        threading.Event().wait(seconds)
        end()
        self.ended_at = time.monotonic()


def _growing(steps: Callable[[], dict[str, int]]) -> Callable[[], bool]:
    """Whether every learner has made steps from one look to another; a learner that is not ready has none."""
    last: dict[str, int] = {}
    grown: set[str] = set()

    def look() -> bool:
        now = steps()
        grown.update(name for name, made in now.items() if 0 < last.get(name, 0) < made)
        last.update(now)
        return bool(last) and grown >= last.keys()

    return look


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Break and watch: the report as plain data."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        report = break_all(Path(folder), options.fault)
    return {**report, "held": held(report)}


def break_all(folder: Path, wanted: list[str]) -> dict[str, Any]:
    """All faults in turn, and what the league has become in the end."""
    about = machine()
    with Rig(folder, SETTINGS) as rig, Store.open(rig.server.url) as store:
        chaos = Chaos(rig, store)
        began = time.monotonic()
        wait_until(lambda: store.learners() and store.match_count() >= 3 and store.champion(), "a start", START_S)
        started_s = time.monotonic() - began
        print(f"a league trains after {started_s:.1f} s", file=sys.stderr, flush=True)
        outcomes = []
        for fault in wanted or chaos.faults:
            outcomes.append(chaos.does(fault))
            print(outcomes[-1], file=sys.stderr, flush=True)  # As it happens: all of it takes minutes.
        code = rig.end()
        status = store.status() or {}
        return {
            "machine": about,
            "started_s": started_s,
            "faults": [
                {**dataclasses.asdict(outcome), "held": outcome.held, "said": str(outcome)} for outcome in outcomes
            ],
            "exit_code": code,
            "said": rig.said(),
            "events": store.events(1000),
            "counts": {"status": status.get("matches"), "log": store.match_count()},
            "verify_code": verified(rig),
        }


def verified(rig: Rig) -> int:
    """The exit code of `league status --verify`."""
    command = [sys.executable, "-m", "league", "status", "--verify"]
    environment = {**os.environ, "LEAGUE_REDIS_USERNAME": DRIVER}
    done = subprocess.run([*command, "--store", rig.network.url], cwd=ROOT, env=environment, capture_output=True)
    return done.returncode


def held(report: dict[str, Any]) -> bool:
    """Whether the claim is."""
    counts, codes = set(report["counts"].values()), (report["exit_code"], report["verify_code"])
    return all(row["held"] for row in report["faults"]) and codes == (0, 0) and len(counts) == 1


def show(report: dict[str, Any]) -> None:
    """Print the report as a table."""
    output = stdout()
    output.print(facts(report["machine"]))
    made = table("what", ">lasted s", ">back s", ">learns s", ">plays s", ">matches", "")
    for row in report["faults"]:
        times = (f"{row[key]:.1f}" for key in ("lasted_s", "back_s", "learns_s", "plays_s"))
        made.add_row(row["fault"], *times, f"{row['matches']:,}", "; ".join(row["problems"]) or "whole")
    output.print("")
    output.print(made)


def main() -> int:
    """Break, watch, print, and with `--check` say by the exit status whether the claim is held."""
    options = parser("chaos", __doc__)
    options.add_argument("--fault", action="append", default=[], help="only this one; may be repeated")
    return run(options, measure, show)


if __name__ == "__main__":
    sys.exit(main())
