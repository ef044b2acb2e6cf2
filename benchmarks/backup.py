"""How long do a backup and a restore take, and how large is the file? `python -m benchmarks.backup [--check]`.

Claim: of a league at work a backup is of one moment: restored into an empty store it agrees with itself to the last
bit. Both hold one part at a time, so that neither needs more than `MEMORY` above what a command needs anyway.

How: a store of `--policies` and `--matches` as `benchmarks.large_store` makes it, with a checkpoint, in which another
process records matches and saves checkpoints all the time. `league backup`, `league restore` into a new folder and
`league status --verify` there run as processes, as people type them. `--check` exits 1 where the check fails or too
much memory is used.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from benchmarks import large_store
from benchmarks.command import parser, run
from benchmarks.machine import machine
from league.interfaces.cli.console import facts, stdout
from league.pool.store import Store
from league.view.words import size

MEMORY: Final = 200e6
"""Bytes."""
COMMAND: Final = "from league.interfaces.cli import main; main()"
WRITER: Final = """
import itertools, os, sys
from benchmarks.large_store import record_another
from league.pool.store import Store
with Store.open(sys.argv[1], timeout_s=60.0) as store:
    names = [snapshot.name for snapshot in store.snapshots()]
    for number in itertools.count():
        record_another(store, names, number)
        if number % 10 == 0:
            store.save_checkpoint("main", os.urandom(4_000_000), {"steps": number})
        print(number, flush=True)
"""


def typed(*words: str) -> dict[str, Any]:
    """Run a command of ours to its end: its report, its seconds, and its most bytes of memory."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", COMMAND, *words, "--json"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    report: dict[str, Any] = json.loads(said)
    seconds = time.perf_counter() - started
    return {"report": report, "seconds": seconds, "memory": _bytes(used), "code": process.returncode}


def _bytes(used: resource.struct_rusage) -> int:
    return used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Back up, restore, verify."""
    before = machine()
    with tempfile.TemporaryDirectory() as temporary:
        source, back, file = (str(Path(temporary, name)) for name in ("source", "back", "league.tar"))
        large_store.build(source, policies=options.policies, matches=options.matches)
        with Store.open(source, timeout_s=60.0):
            plain = typed("status", "--store", source)
            writer = subprocess.Popen([sys.executable, "-c", WRITER, source], stdout=subprocess.PIPE, text=True)
            try:
                assert writer.stdout is not None
                first = int(writer.stdout.readline())
                backup = typed("backup", file, "--store", source)
            finally:
                writer.terminate()
                meanwhile = int(writer.communicate()[0].splitlines()[-1]) - first
        restore = typed("restore", file, "--store", back)
        verify = typed("status", "--verify", "--store", back)
    memory = max(backup["memory"], restore["memory"]) - plain["memory"]
    problems = verify["report"]["verification"]["problems"]
    return {
        "machine": before,
        "policies": options.policies,
        "matches": backup["report"]["matches"],
        "recorded_meanwhile": meanwhile,
        "bytes": backup["report"]["bytes"],
        "backup_s": backup["seconds"],
        "restore_s": restore["seconds"],
        "verify_s": verify["seconds"],
        "memory_bytes": memory,
        "problems": problems,
        "held": not problems and verify["code"] == 0 and memory <= MEMORY,
    }


def show(report: dict[str, Any]) -> None:
    """Print the report."""
    shown = {
        "league": f"{report['policies']:,} policies, {report['matches']:,} matches",
        "recorded meanwhile": f"{report['recorded_meanwhile']:,} matches",
        "file": size(report["bytes"]),
        "league backup": f"{report['backup_s']:.1f} s",
        "league restore": f"{report['restore_s']:.1f} s",
        "league status --verify": f"{report['verify_s']:.1f} s, {len(report['problems'])} problems",
        "memory": f"{size(max(0, report['memory_bytes']))} above `league status`; at most {size(MEMORY)}",
    }
    stdout().print(facts({**report["machine"], **shown}))


def main() -> int:
    """Measure and print; with `--check`, 1 where the claim does not hold."""
    asked = parser("backup", __doc__)
    asked.add_argument("--policies", type=int, default=200)
    asked.add_argument("--matches", type=int, default=10_000)
    return run(asked, measure, show)


if __name__ == "__main__":
    sys.exit(main())
