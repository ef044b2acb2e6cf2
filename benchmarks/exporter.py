"""How long does a scrape take? `python -m benchmarks.exporter [--store FOLDER] [--check]`.

Claim: with 1,000 policies and 200,000 matches in the store, the median scrape takes less than 50 ms.

How: the league of `benchmarks.large_store`, in a folder of its own unless `--store` names one that holds it already.
The exporter runs as people run it, as a process; scrapes are HTTP requests for gzip, as Prometheus sends them. A match
is recorded before each, with what follows from it, so that no scrape sees an unchanged league. The first scrape, which
reads a line for each policy, is told apart. `--check` exits 1 at a median of 50 ms or more.
"""

from __future__ import annotations

import argparse
import sys
import time
import urllib.request
from statistics import median
from typing import Any

from benchmarks import large_store
from benchmarks.command import parser, run
from benchmarks.machine import machine
from league.interfaces.cli.console import facts, stdout
from league.pool.store import Store

SCRAPES = 100
LIMIT_MS = 50.0


def scrape(url: str) -> tuple[float, int]:
    """Milliseconds until the whole answer is there, and its size in bytes as it was sent."""
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    started = time.perf_counter()
    with urllib.request.urlopen(request) as answer:
        body = answer.read()
    return 1000 * (time.perf_counter() - started), len(body)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """The first scrape, and the others with a new match before each."""
    before = machine()
    with (
        large_store.filled(options.store) as address,
        Store.open(address, timeout_s=60.0) as store,
        large_store.served("exporter", address) as url,
    ):
        first_ms, _ = scrape(url)
        names = [snapshot.name for snapshot in store.snapshots()]
        times, size = [], 0
        for number in range(options.scrapes):
            large_store.record_another(store, names, number)
            took_ms, size = scrape(url)
            times.append(took_ms)
        return {
            "machine": before,
            "policies": len(names),
            "matches": store.match_count(),
            "scrapes": options.scrapes,
            "median_ms": median(times),
            "worst_ms": max(times),
            "first_ms": first_ms,
            "bytes": size,
            "limit_ms": LIMIT_MS,
            "held": median(times) < LIMIT_MS,
        }


def show(report: dict[str, Any]) -> None:
    """Print the report."""
    shown = {
        "league": f"{report['policies']:,} policies, {report['matches']:,} matches",
        "scrape": f"median {report['median_ms']:.1f} ms, worst {report['worst_ms']:.1f} ms of {report['scrapes']}",
        "first scrape": f"{report['first_ms']:,.0f} ms, which reads a line for each policy",
        "answer": f"{report['bytes'] / 1000:.1f} kB, compressed",
    }
    stdout().print(facts({**report["machine"], **shown}))


def main() -> int:
    """Measure, print, and with `--check` say by the exit status whether the claim is held."""
    options = parser("exporter", __doc__)
    options.add_argument("--store", help="a folder that benchmarks.large_store has filled")
    options.add_argument("--scrapes", type=int, default=SCRAPES)
    return run(options, measure, show)


if __name__ == "__main__":
    sys.exit(main())
