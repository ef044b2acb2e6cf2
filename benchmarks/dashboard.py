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
import sys
import time
from statistics import median
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from benchmarks import large_store
from benchmarks.command import parser, run
from benchmarks.machine import machine
from league.interfaces.cli.console import facts, stdout
from league.interfaces.web.pages import READ_EVERY_S
from league.pool.store import Store

VISITS = 20
LIMIT_MS = 1000.0
SIZE = {"width": 1280, "height": 800}
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


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


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """The first visit, and the others with a new match before each."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    before = machine()
    with (
        large_store.filled(options.store) as address,
        Store.open(address, timeout_s=60.0) as store,
        large_store.served("dashboard", address) as url,
        sync_playwright() as started,
    ):
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = started.chromium.launch(executable_path=chromium, args=arguments)
        browser.new_context().close()  # It has started.
        names = [snapshot.name for snapshot in store.snapshots()]
        first_ms, rows = visit(browser, url)
        times = []
        for number in range(options.visits):
            large_store.record_another(store, names, number)
            time.sleep(READ_EVERY_S)
            painted_ms, rows = visit(browser, url)
            times.append(painted_ms)
        browser.close()
        return {
            "machine": before,
            "policies": len(names),
            "matches": store.match_count(),
            "visits": options.visits,
            "median_ms": median(times),
            "worst_ms": max(times),
            "first_ms": first_ms,
            "rows": rows,
            "limit_ms": LIMIT_MS,
            "held": max(first_ms, median(times)) < LIMIT_MS,
        }


def show(report: dict[str, Any]) -> None:
    """Print the report."""
    shown = {
        "league": f"{report['policies']:,} policies, {report['matches']:,} matches; {report['rows']} rows shown",
        "first paint": f"median {report['median_ms']:.0f} ms, worst {report['worst_ms']:.0f} ms of {report['visits']}",
        "first visit": f"{report['first_ms']:.0f} ms",
    }
    stdout().print(facts({**report["machine"], **shown}))


def main() -> int:
    """Measure, print, and with `--check` say by the exit status whether the claim is held."""
    options = parser("dashboard", __doc__)
    options.add_argument("--store", help="a folder that benchmarks.large_store has filled")
    options.add_argument("--visits", type=int, default=VISITS)
    return run(options, measure, show)


if __name__ == "__main__":
    sys.exit(main())
