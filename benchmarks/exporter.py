"""How long does a scrape take? `python -m benchmarks.exporter [--store FOLDER] [--check]`.

Claim: with 1,000 policies and 200,000 matches in the store, the median scrape takes less than 50 ms.

How: the league of `benchmarks.large_store`, in a folder of its own unless `--store` names one that holds it already.
The exporter runs as people run it, as a process; scrapes are HTTP requests for gzip, as Prometheus sends them. A match
is recorded before each, with what follows from it, so that no scrape sees an unchanged league. The first scrape, which
reads the whole payoff, is told apart. `--check` exits 1 at a median of 50 ms or more.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import large_store
from benchmarks.machine import machine
from league.interfaces.cli.console import facts, print_json, stdout
from league.ladder.records import Match, Tally
from league.pool.store import Store

SCRAPES = 100
LIMIT_MS = 50.0


@contextmanager
def served(address: str) -> Iterator[str]:
    """`league exporter` of the store, by its URL."""
    program = "from league.interfaces.cli import main; main()"
    command = [sys.executable, "-c", program, "exporter", "--store", address, "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def scrape(url: str) -> tuple[float, int]:
    """Milliseconds until the whole answer is there, and its size in bytes as it was sent."""
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    started = time.perf_counter()
    with urllib.request.urlopen(request) as answer:
        body = answer.read()
    return 1000 * (time.perf_counter() - started), len(body)


def measure(address: str, scrapes: int) -> dict[str, Any]:
    """The first scrape, and the others with a new match before each."""
    with Store.open(address, timeout_s=60.0) as store, served(address) as url:
        first_ms, _ = scrape(url)
        names = [snapshot.name for snapshot in store.snapshots()]
        times, size = [], 0
        for number in range(scrapes):
            row, column = names[-1 - number % 20], names[-30 - number % 7]
            results = {"01": Tally(1, 0, 1), "10": Tally(1, 1, 0)}
            match = Match(match_id=f"{time.time_ns():x}", row=row, column=column, results=results, played_s=time.time())
            store.record(match)
            took_ms, size = scrape(url)
            times.append(took_ms)
        return {
            "policies": len(names),
            "matches": store.match_count(),
            "scrapes": scrapes,
            "median_ms": median(times),
            "worst_ms": max(times),
            "first_ms": first_ms,
            "bytes": size,
        }


def main() -> None:
    """Measure, print, check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", help="a folder that benchmarks.large_store has filled")
    parser.add_argument("--scrapes", type=int, default=SCRAPES)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    before = machine()
    with tempfile.TemporaryDirectory() as folder:
        address = given.store or str(Path(folder) / "store")
        if given.store is None:
            large_store.build(address)
        found = measure(address, given.scrapes)
    held = found["median_ms"] < LIMIT_MS
    if given.json:
        print_json({"machine": before, **found, "limit_ms": LIMIT_MS, "held": held})
    else:
        shown = {
            "league": f"{found['policies']:,} policies, {found['matches']:,} matches",
            "scrape": f"median {found['median_ms']:.1f} ms, worst {found['worst_ms']:.1f} ms of {found['scrapes']}",
            "first scrape": f"{found['first_ms']:,.0f} ms, which reads the whole payoff",
            "answer": f"{found['bytes'] / 1000:.1f} kB, compressed",
        }
        stdout().print(facts({**before, **shown}))
    if given.check and not held:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
