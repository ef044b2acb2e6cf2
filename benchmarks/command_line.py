"""How long does one wait for a command? `python -m benchmarks.command_line [--store FOLDER] [--check]`.

Claim: `league --help` takes at most 0.3 s, and on a store of 1,000 policies and 200,000 matches `league leaderboard`,
`league ratings` and `league pool list` take at most 1 s each.

How: each command as a process of its own, as people run it, several times after one that does not count. The store is
that of `benchmarks.large_store`, in a folder of its own unless `--store` names one that holds it already; its server
runs throughout, and retention has looked at it, as it does after each freeze. `--check` exits 1 where a median is above
its limit.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from statistics import median
from typing import Any

from benchmarks import large_store
from benchmarks.command import parser, run
from benchmarks.machine import machine
from league.interfaces.cli.console import facts, stdout
from league.pool.keeping import who_matters
from league.pool.store import Store

RUNS = 7
LIMITS_S = {"--help": 0.3, "leaderboard": 1.0, "ratings": 1.0, "pool list": 1.0}
"""By what is typed after `league`."""


def seconds(words: list[str]) -> float:
    """Until `league WORDS` has ended, successfully, with all that it printed."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "league", *words], check=True, stdout=subprocess.PIPE)
    return time.perf_counter() - started


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """The median of each command."""
    before, rows = machine(), {}
    with large_store.filled(options.store) as address, Store.open(address, timeout_s=60.0) as store:
        policies, matches = len(store.snapshots()), store.match_count()
        store.note_mixture(who_matters(store))
        for command, limit_s in LIMITS_S.items():
            words = command.split() + ([] if command == "--help" else ["--store", address])
            seconds(words)
            times = [seconds(words) for _ in range(options.runs)]
            rows[command] = {"median_s": median(times), "worst_s": max(times), "limit_s": limit_s}
    held = all(row["median_s"] <= row["limit_s"] for row in rows.values())
    return {"machine": before, "policies": policies, "matches": matches, "rows": rows, "held": held}


def show(report: dict[str, Any]) -> None:
    """Print the report."""
    shown = {"league": f"{report['policies']:,} policies, {report['matches']:,} matches"}
    for command, row in report["rows"].items():
        median_s, worst_s, limit_s = row["median_s"], row["worst_s"], row["limit_s"]
        shown[f"league {command}"] = f"median {median_s:.2f} s, worst {worst_s:.2f} s; at most {limit_s:g} s"
    stdout().print(facts({**report["machine"], **shown}))


def main() -> int:
    """Measure and print; with `--check`, 1 where the claim does not hold."""
    asked = parser("command_line", __doc__)
    asked.add_argument("--store", help="a folder that benchmarks.large_store has filled")
    asked.add_argument("--runs", type=int, default=RUNS, help="of each command")
    return run(asked, measure, show)


if __name__ == "__main__":
    sys.exit(main())
