"""A month in some minutes, with kills in between: `python -m benchmarks.soak [--check]`.

Claim: while a league grows as old as a month, memory of its coordinator, its keeper, a match worker and its server stay
flat, nothing that was recorded is lost or there twice, and ratings and payoff are those that its log gives.

How: the real coordinator, keeper and store and one real match worker, which plays; the learner and the other match
workers are fake (`benchmarks.fake_league`). The learner's steps run fast: all of its iterations together are as many
steps as the demo makes in thirty days, so snapshots are spaced, frozen and pruned as in a month, and the log is sealed
and archived every few hundred matches. The run is over when those steps are made and retention has pruned, however long
that takes. For the first half of the month the coordinator, a process of its own, is killed (`kill -9`) with its keeper
and worker every few seconds of its work, wherever it is, and begins again; every fourth time the server of the store is
killed with it. In the second half it is left alone, so that what grows in a process would be seen. Beside it, all the
time, one after the other run `league status --verify`, `league ratings recompute`, `league log archive` and `league
pool prune`, which are killed, too; where one of the first two ends by itself, it must have found nothing wrong. Each
match is noted in a file once the store has taken it. Memory is compared between the middle half of the steps and their
last quarter.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.command import parser, run
from benchmarks.fake_league import fake_league
from benchmarks.machine import machine
from league.config import LeagueConfig
from league.errors import StoreError
from league.games import game_spec
from league.interfaces.cli.console import facts, stderr, stdout
from league.ladder.records import Match
from league.policies.weights import fresh, pack
from league.pool.store import Store
from league.status import Status
from league.view.words import duration, size

ITERATIONS, KILL_EVERY_S = 4000, 12.0
MONTH_STEPS = 30 * 86_400 * 267_000
"""Of one learner of the demo, at the speed at which it froze every 7.5 seconds."""
ITERATION_S, MATCH_S = 0.05, 0.3
GROWN = 1.2
"""So much larger may memory be at the end; Python and the server round up."""
SLACK_BYTES = 30e6
CALM = 0.5
"""Share of the month after which nobody is killed any more but the commands beside it."""
BESIDE = (
    ("status", "--verify"),
    ("ratings", "recompute"),
    ("log", "archive", "--keep", "400"),
    ("pool", "prune", "--yes"),
)
CHECKING = 2
"""Of those, so many say by exit code 1 that something was wrong."""
LIVES_S = 8.0
"""Of a command beside it, at most: they take two or three seconds."""
LEAGUE = "soak"
PARTS = {"coordinator": "coordinator", "Keeper": "keeper", "MatchWorker": "match worker", "store": "store"}
"""Whose memory is looked at: what the system calls the process, and what people do."""
CONFIG = LeagueConfig.from_dict(
    {
        "game": "connect_four",
        "network": {"kind": "mlp", "hidden": [16]},
        "arena": {"workers": 8, "share": 1.0, "games": 4, "replays": 0},
        "log": {"keep": 1000, "segment": 500},
        "snapshots": {"every_steps": 2_000_000, "checkpoint_every_s": 1.0},
        "retention": {"newest": 10, "epochs": 20},
        "promotion": {"max_games": 40, "elo1": 300.0},
        "roles": {"main": {}},
    }
)


def work(address: str, notes: str, iterations: int) -> None:
    """The coordinator's process: at work until it is killed, or the month's steps are made."""
    with Path(notes).open("a", buffering=1) as noted:
        while True:
            try:
                with fake_league(
                    address,
                    LEAGUE,
                    speed=lambda: MONTH_STEPS // iterations,
                    iteration_s=ITERATION_S,
                    match_s=MATCH_S,
                    run="soak",
                    frozen=_weights,
                    plays=1,
                ) as (league, _):
                    _noting(league.store, noted)
                    phase = league.tick("starting")
                    # A keeper takes seconds to start, and is killed with its coordinator: it gets to work at last.
                    while _share(league.training.steps) < 1 or not league.roster.pruned:
                        phase = league.tick(phase)
                    league.close(closing_s=1.0)
                    return
            except StoreError as error:  # Its server was killed: as `until_available` does in the real one.
                print(error, file=sys.stderr)
                time.sleep(0.2)


def _weights() -> bytes:
    return pack(fresh(game_spec(CONFIG.game), CONFIG.network, seed=random.getrandbits(31)))


def _share(steps: int) -> float:
    """Of the month, as far as it is over: a little less counts as all of it, since a share of it is rounded down."""
    return min(1.0, steps / (0.999 * MONTH_STEPS))


def _noting(store: Store, noted: Any) -> None:
    record_all = store.record_all

    def noting(matches: Sequence[Match]) -> Any:
        recorded = record_all(matches)
        noted.write("".join(f"{match.match_id}\n" for match in matches))
        return recorded

    store.record_all = noting  # type: ignore[method-assign]


class Beside:
    """Commands of people on the same league, one after the other, each killed unless it ends before."""

    def __init__(self, address: str, luck: random.Random) -> None:
        self.address, self.luck = address, luck
        self.killed = self.ended = 0
        self.wrong: list[str] = []
        """What they found wrong."""
        self._number = 0
        self._process: subprocess.Popen[str] | None = None
        self._until_s = 0.0

    def look(self) -> None:
        """Start the next one if none runs, or kill the one that runs if it is time."""
        process = self._process
        if process is None:
            words = BESIDE[self._number % len(BESIDE)]
            command = [sys.executable, "-m", "league", *words, "--store", self.address, "--league", LEAGUE]
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self._until_s = time.monotonic() + self.luck.uniform(0, LIVES_S)
        elif process.poll() is not None:
            said, _ = process.communicate()
            if process.returncode == 1 and self._number % len(BESIDE) < CHECKING:
                self.wrong.append(said[-1000:])
            self.ended += 1
            self._number, self._process = self._number + 1, None
        elif time.monotonic() > self._until_s:
            self.close()

    def close(self) -> None:
        """Kill the one that runs."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self.killed += 1
            self._number, self._process = self._number + 1, None


def soak(folder: Path, iterations: int, kill_every_s: float, seed: int) -> dict[str, Any]:
    """Run and kill; what is true at the end."""
    luck, began_s = random.Random(seed), time.monotonic()
    address, notes = str(folder / "store"), folder / "notes"
    notes.touch()
    samples: list[dict[str, float]] = []
    kills = {"coordinator": 0, "server": 0}
    beside = Beside(address, luck)
    with contextlib.closing(beside), Store.open(address, LEAGUE, timeout_s=30.0) as store:
        store.create(CONFIG)
        for number in itertools.count(1):
            process, before = _start(address, notes, iterations), notes.stat().st_size
            ends_s: float | None = None
            while process.poll() is None and (ends_s is None or time.monotonic() < ends_s):
                time.sleep(0.2)
                beside.look()
                samples.append(_sample(store, process.pid))
                if samples[-1]["share"] >= CALM:
                    ends_s = None
                elif ends_s is None and notes.stat().st_size > before:  # It is at work.
                    ends_s = time.monotonic() + kill_every_s * luck.uniform(0.5, 1.5)
            if process.poll() is not None:
                if process.returncode:
                    raise SystemExit(f"the coordinator has ended by itself: {process.returncode}")
                break
            _end(process)
            kills["coordinator"] += 1
            if number % 4 == 0:
                os.kill(int(store._information()["process_id"]), signal.SIGKILL)  # type: ignore[index]
                kills["server"] += 1
            done = f"{duration(time.monotonic() - began_s)}: {samples[-1]['share']:.0%} of a month"
            stderr().print(f"{done}, {store.match_count():,} matches, killed {number} times")
        beside.close()
        commands = {"killed": beside.killed, "ended": beside.ended, "wrong": beside.wrong}
        return {**_found(store, notes), "kills": kills, "commands": commands, **_memory(samples)}


def _start(address: str, notes: Path, iterations: int) -> subprocess.Popen[bytes]:
    words = json.dumps([address, str(notes), iterations])
    code = f"from benchmarks import soak; soak.work(*{words})"
    return subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stderr=subprocess.DEVNULL)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill it with its keeper, wherever they are."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _sample(store: Store, pid: int) -> dict[str, float]:
    health, status = store.health(), Status.from_json(store.status())
    assert health is not None
    found = {"share": _share(status.steps), "store": health.memory_bytes, "coordinator": _resident(pid)}
    with contextlib.suppress(OSError):  # They are all gone.
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            found[Path(f"/proc/{child}/comm").read_text().strip()] = _resident(int(child))
    return found


def _resident(pid: int) -> int:
    """Memory of a process, in bytes; 0: it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _memory(samples: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Of each, the median of the middle half and of the last quarter; of processes that have been up for a while."""
    found: dict[str, Any] = {"flat": True}
    for what in PARTS:
        values = [(one["share"], one[what]) for one in samples if one.get(what)]
        most = max((value for _, value in values), default=0.0)
        early = [v for share, v in values if 0.25 <= share < 0.75 and v > most / 2] or [0.0]
        late = [v for share, v in values if share >= 0.75 and v > most / 2] or [most]
        found[what] = {"middle_half_bytes": median(early), "last_quarter_bytes": median(late)}
        found["flat"] = found["flat"] and median(late) <= GROWN * median(early) + SLACK_BYTES
    return found


def _found(store: Store, notes: Path) -> dict[str, Any]:
    counts = Counter(match.match_id for match in store.matches())
    noted = set(notes.read_text().split("\n")[:-1])
    snapshots, verified = store.snapshots(), store.verify()
    return {
        "matches": counts.total(),
        "noted": len(noted),
        "lost": len(noted - counts.keys()),
        "doubled": counts.total() - len(counts),
        "snapshots": len(snapshots),
        "present": len(store.present()),
        "segments": len(store.segments()),
        "problems": list(verified.problems[:10]),
        "recomputed": store.rebuild().repaired == (),
    }


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run it in a folder of its own."""
    before = machine()
    with tempfile.TemporaryDirectory() as folder:
        found = soak(Path(folder), options.iterations, options.kill_every, options.seed)
    whole = not found["lost"] and not found["doubled"] and not found["problems"] and not found["commands"]["wrong"]
    held = whole and found["recomputed"]
    return {"machine": before, **found, "held": bool(held and found["flat"] and found["noted"])}


def show(report: dict[str, Any]) -> None:
    """Print the report."""

    def memory(what: str) -> str:
        early, late = report[what]["middle_half_bytes"], report[what]["last_quarter_bytes"]
        if not early:
            return f"not up in the middle half, {size(late)} in the last quarter: a longer run can say more"
        return f"{size(early)} in the middle half, {size(late)} in the last quarter"

    rows = {
        "kills": f"coordinator {report['kills']['coordinator']}, server {report['kills']['server']}",
        "commands beside it": f"{report['commands']['killed']} killed, {report['commands']['ended']} ended, "
        f"{len(report['commands']['wrong'])} found something wrong",
        "matches": f"{report['matches']:,} in the log, {report['noted']:,} noted: {report['lost']} lost, "
        f"{report['doubled']} doubled",
        "pool": f"{report['snapshots']:,} snapshots, {report['present']} with weights",
        "log": f"{report['segments']} segments",
        "verify": f"{len(report['problems'])} problems; recomputed {'equal' if report['recomputed'] else 'NOT equal'}",
        **{name: memory(what) for what, name in PARTS.items()},
    }
    stdout().print(facts({**report["machine"], **rows}))


def main() -> int:
    """Measure and print; with `--check`, 1 where the claim does not hold."""
    asked = parser("soak", __doc__)
    asked.add_argument("--iterations", type=int, default=ITERATIONS, help="of the learner, which stand for a month")
    asked.add_argument("--kill-every", type=float, default=KILL_EVERY_S, help="seconds of work before it is killed")
    asked.add_argument("--seed", type=int, default=0, help="of the times of the kills")
    return run(asked, measure, show)


if __name__ == "__main__":
    sys.exit(main())
