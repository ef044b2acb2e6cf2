"""How soon does the web page show something? `python -m benchmarks.dashboard [--store FOLDER] [--check]`.

Claim: with 1,000 policies and 200,000 matches in the store the first paint, which is the page with all of its parts,
comes in under one second.

How: the league of `benchmarks.large_store`, in a folder of its own unless `--store` names one that holds it already.
`league dashboard` runs as people run it, as a process, and a headless Chromium opens the page, each time in a fresh
profile, so that nothing is cached there. A match is recorded before each visit, and the page's server reads anew: it
keeps what it has read for one second, which is waited for. What is timed is Chromium's own first contentful paint, from
the start of the navigation. The first visit after the server's start is told apart. `--check` exits 1 if the first
visit or the median took a second or more. Needs Chromium and the extra `dev`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from benchmarks import large_store
from benchmarks.machine import machine
from league.interfaces.cli.console import facts, print_json, stdout
from league.interfaces.web.pages import READ_EVERY_S
from league.ladder.records import Match, Tally
from league.pool.store import Store

VISITS = 20
LIMIT_MS = 1000.0
SIZE = {"width": 1280, "height": 800}
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


@contextmanager
def served(address: str) -> Iterator[str]:
    """`league dashboard` of the store, by its URL."""
    program = "from league.interfaces.cli import main; main()"
    command = [sys.executable, "-c", program, "dashboard", "--store", address, "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def visit(browser: Browser, url: str) -> tuple[float, int]:
    """Milliseconds until the first paint, and how many rows the leaderboard had."""
    context = browser.new_context(viewport=SIZE)
    page = context.new_page()
    page.goto(url, wait_until="load")
    while (painted_ms := page.evaluate(PAINT)) is None:
        pass  # The paint is reported a frame after it was made.
    rows = page.locator(".board tbody tr").count()
    context.close()
    return painted_ms, rows


def measure(address: str, visits: int) -> dict[str, Any]:
    """The first visit, and the others with a new match before each."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with Store.open(address, timeout_s=60.0) as store, served(address) as url, sync_playwright() as started:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = started.chromium.launch(executable_path=chromium, args=arguments)
        browser.new_context().close()  # It has started.
        names = [snapshot.name for snapshot in store.snapshots()]
        first_ms, rows = visit(browser, url)
        times = []
        for number in range(visits):
            row, column = names[-1 - number % 20], names[-30 - number % 7]
            results = {"01": Tally(1, 0, 1), "10": Tally(1, 1, 0)}
            match = Match(match_id=f"{time.time_ns():x}", row=row, column=column, results=results, played_s=time.time())
            store.record(match)
            time.sleep(READ_EVERY_S)
            painted_ms, rows = visit(browser, url)
            times.append(painted_ms)
        browser.close()
        return {
            "policies": len(names),
            "matches": store.match_count(),
            "visits": visits,
            "median_ms": median(times),
            "worst_ms": max(times),
            "first_ms": first_ms,
            "rows": rows,
        }


def main() -> None:
    """Measure, print, check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", help="a folder that benchmarks.large_store has filled")
    parser.add_argument("--visits", type=int, default=VISITS)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    before = machine()
    with tempfile.TemporaryDirectory() as folder:
        address = given.store or str(Path(folder) / "store")
        if given.store is None:
            large_store.build(address)
        found = measure(address, given.visits)
    if given.json:
        print_json({**found, "machine": before})
    else:
        shown = {name: f"{value:.0f}" if name.endswith("_ms") else f"{value:,}" for name, value in found.items()}
        stdout().print(facts({**shown, **before}))
    if given.check and max(found["first_ms"], found["median_ms"]) >= LIMIT_MS:
        sys.exit(f"the first paint took {LIMIT_MS:.0f} ms or more")


if __name__ == "__main__":
    main()
