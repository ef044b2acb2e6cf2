"""A league that has run for long, at work: `python -m benchmarks.large_league [--check]`.

Claim: with 10,000 policies, 10 million matches in the log and 1,000 match workers, on two cores, the coordinator's step
takes 20 ms or less in 99 of 100 cases, the server holds the league in less than 2 GB, and `league status --verify`
finds nothing wrong. What is full first, and at how many results a second, is printed: the coordinator's thread, or the
server's, by the processor time that one result takes of each.

How: the real coordinator and the real store, whose learners and match workers are fake (`benchmarks.fake_league`):
they answer after some seconds and make up who won. What they go on from was made in bulk (`benchmarks.long_league`).
The coordinator draws from those policies that have weights. A step's time is that of `League.tick` without what it
waits for answers. Coordinator and verification are processes of their own, whose memory is told. Give `--store` a
folder to keep the league, and the next run begins with what it holds. What people see of it is measured by the same
folder, against the limits for small ones:

    python -m benchmarks.large_league --check --store runs/large
    python -m benchmarks.exporter --check --store runs/large
    python -m benchmarks.dashboard --check --store runs/large
    python -m benchmarks.command_line --check --store runs/large
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.command import parser, run
from benchmarks.fake_league import MATCH_S, fake_league
from benchmarks.long_league import SAID_EVERY_S, fill
from benchmarks.machine import machine
from league.every import Every
from league.interfaces.cli.console import facts, stderr, stdout
from league.pool.store import Store
from league.view.words import duration, size

POLICIES, MATCHES, WORKERS = 10_000, 10_000_000, 1000
PRESENT = 300
"""About as many as retention leaves of so many, in a league of weeks."""
SECONDS = 60.0
TICK_MS, STORE_BYTES = 20.0, 2e9
LEAGUE = "league"


def work(address: str, seconds: float, match_s: float) -> dict[str, Any]:
    """Run the coordinator for a while; its steps, and what it has recorded."""
    started = time.monotonic()
    with fake_league(address, LEAGUE, match_s=match_s) as (league, futures):
        opened_s = time.monotonic() - started
        phase, steps, processor = league.tick("starting"), list[float](), list[float]()
        while time.monotonic() - started - opened_s < seconds / 4:  # Until everybody is at work.
            phase = league.tick(phase)
        before, began, server_s = league.roster.matches, time.monotonic(), _server_s(league.store)
        while time.monotonic() - began < seconds:
            waited, at, used = futures.waited_s, time.monotonic(), time.thread_time()
            phase = league.tick(phase)
            processor.append(1000 * (time.thread_time() - used))
            steps.append(1000 * (time.monotonic() - at - (futures.waited_s - waited)))
        recorded, took = league.roster.matches - before, time.monotonic() - began
        server_ms = 1000 * (_server_s(league.store) - server_s)
    of_result = {"coordinator": sum(processor) / max(1, recorded), "server": server_ms / max(1, recorded)}
    full = max(of_result, key=lambda what: of_result[what])
    return {
        "start_s": opened_s,
        "steps": len(steps),
        "p50_ms": float(np.percentile(steps, 50)),
        "p99_ms": float(np.percentile(steps, 99)),
        "worst_ms": max(steps),
        "p99_processor_ms": float(np.percentile(processor, 99)),
        "results_per_s": recorded / took,
        "busy": sum(steps) / 1000 / took,
        "result_processor_ms": of_result,
        "full_first": full,
        "full_at_results_per_s": 1000 / max(of_result[full], 1e-9),
        "coordinator_bytes": _peak(),
    }


def check(address: str) -> dict[str, Any]:
    """What `league status --verify` finds, and what it takes."""
    said = Every(SAID_EVERY_S)
    with Store.open(address, LEAGUE, timeout_s=120.0) as store:
        started = time.monotonic()
        verified = store.verify(lambda line: stderr().print(line) if said.claim() else None)
        took = {"verify_s": time.monotonic() - started, "verify_processor_s": time.process_time()}
    return {**took, "matches": verified.matches, "verify_bytes": _peak(), "problems": list(verified.problems[:10])}


def _server_s(store: Store) -> float:
    """Processor time of the server so far, in seconds."""
    info = store._information()
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


def _peak() -> int:
    """Most memory that this process has had, in bytes; `getrusage` would count what its parent had."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def _alone(do: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """What it returns, in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(do, *arguments).result()


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Fill, work, verify."""
    before, started = machine(), time.monotonic()
    with _folder(options.store) as address, Store.open(address, LEAGUE, timeout_s=120.0) as store:
        fill(store, options.policies, options.matches, options.workers, options.present)
        filled_s = time.monotonic() - started
        worked = _alone(work, address, options.seconds, options.match_seconds)
        health = store.health()
        assert health is not None
        verified = _alone(check, address)
        files = sum(segment.bytes for segment in store.segments())
        policies = len(store.snapshots())
    held = (
        worked["p99_ms"] <= TICK_MS
        and health.memory_bytes < STORE_BYTES
        and not verified["problems"]
        and worked["results_per_s"] > 0
    )
    return {
        "machine": before,
        "policies": policies,
        "workers": options.workers,
        **worked,
        **verified,
        "store_bytes": health.memory_bytes,
        "archive_bytes": files,
        "filled_s": filled_s,
        "held": held,
    }


@contextlib.contextmanager
def _folder(given: str | None) -> Iterator[str]:
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        yield f"{folder}/store"


def show(report: dict[str, Any]) -> None:
    """Print the report."""
    of_result = report["result_processor_ms"]
    rows = {
        "league": f"{report['policies']:,} policies, {report['matches']:,} matches, {report['workers']:,} workers",
        "step": f"median {report['p50_ms']:.1f} ms, p99 {report['p99_ms']:.1f} ms, worst {report['worst_ms']:.0f} ms; "
        f"p99 at most {TICK_MS:g} ms; of processor time p99 {report['p99_processor_ms']:.1f} ms",
        "results": f"{report['results_per_s']:.0f}/s, of which the coordinator's thread was busy {report['busy']:.0%}",
        "a result": f"{of_result['coordinator']:.2f} ms of the coordinator's processor time, "
        f"{of_result['server']:.2f} ms of the server's",
        "full first": f"the {report['full_first']}, at {report['full_at_results_per_s']:.0f} results/s",
        "coordinator": size(report["coordinator_bytes"]),
        "store": f"{size(report['store_bytes'])}, at most {size(STORE_BYTES)}; archive {size(report['archive_bytes'])}",
        "start": f"{report['start_s']:.1f} s",
        "fill": duration(report["filled_s"]),
        "verify": f"{duration(report['verify_s'])}, which derives everything anew: {len(report['problems'])} problems; "
        f"{duration(report['verify_processor_s'])} of processor time, {size(report['verify_bytes'])}",
    }
    stdout().print(facts({**report["machine"], **rows}))


def main() -> int:
    """Measure and print; with `--check`, 1 where the claim does not hold."""
    asked = parser("large_league", __doc__)
    asked.add_argument("--store", help="a folder to keep the league in, or one that holds it")
    asked.add_argument("--policies", type=int, default=POLICIES)
    asked.add_argument("--matches", type=int, default=MATCHES)
    asked.add_argument("--present", type=int, default=PRESENT, help="policies with weights, besides the newest")
    asked.add_argument("--workers", type=int, default=WORKERS)
    asked.add_argument("--match-seconds", type=float, default=MATCH_S, help="that a fake match takes, on average")
    asked.add_argument("--seconds", type=float, default=SECONDS, help="for which the coordinator works")
    return run(asked, measure, show)


if __name__ == "__main__":
    sys.exit(main())
