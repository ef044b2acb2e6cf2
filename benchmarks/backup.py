"""How long do a backup and a restore take, and how large is the file? `python -m benchmarks.backup [--check]`.

Claim: of a league at work a backup is of one moment: restored into an empty store it agrees with itself to the last
bit, and training goes on there from its checkpoint. Both hold one part at a time, so that neither needs more than
`MEMORY` above what a command needs anyway, nor more than the pod that makes it on Kubernetes may have (`POD`).

How: a store of `--policies` and `--matches` as `benchmarks.large_store` makes it, and with `--gib` so much more of
weights, on which `league train` learns, plays and saves all the while. `league backup`, `league restore` into a new
folder, `league status --verify` there, and `league train` on it run as processes, as people type them. `--check` exits
1 where the check fails, training does not go on, or too much memory is used.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from benchmarks import large_store
from benchmarks.command import parser, run
from benchmarks.machine import machine
from league.config import NetworkConfig
from league.errors import LeagueError
from league.games import game_spec
from league.interfaces.cli.console import facts, stdout
from league.ladder.records import Snapshot
from league.policies.weights import digest, fresh, pack
from league.pool.store import Store
from league.view.words import size

MEMORY: Final = 200e6
"""Bytes."""
POD: Final = 3 * 2**30
"""Bytes that the CronJob `league-backup` may use (`k8s/base/backup.yaml`)."""
MEASURED: Final = """
import re, sys
from pathlib import Path
from league.interfaces.cli import run
code = run(sys.argv[1:])
print(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1], file=sys.stderr)
sys.exit(code)
"""
"""Ends with its most KiB of memory; what the system says of a child counts what its parent had, too."""
TRAINING: Final = [
    "rollout.games=64",
    "rollout.plies=16",
    "learning.minibatch_size=512",
    "snapshots.every_steps=5000",
    "snapshots.checkpoint_every_s=1",
    "arena.share=0.5",
    "arena.closing_s=0",
    "roles.exploiter.count=0",
    "roles.veteran.count=0",
]
"""On so small a machine one learner, which learns in seconds."""
FURTHER: Final = 5000
"""Steps of training after the restore."""
PATIENCE_S: Final = 300.0
LARGE: Final = 2048
"""Width of two layers of the networks that `--gib` adds."""


def typed(*words: str) -> dict[str, Any]:
    """Run a command of ours to its end: its report, its seconds, and its most bytes of memory."""
    started = time.perf_counter()
    command = [sys.executable, "-c", MEASURED, *words, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    *said, peak = done.stderr.splitlines()
    if not done.stdout:
        raise LeagueError("; ".join(said))
    report: dict[str, Any] = json.loads(done.stdout)
    seconds = time.perf_counter() - started
    return {"report": report, "seconds": seconds, "memory": 1024 * int(peak), "code": done.returncode}


def train(store: str, *options: str) -> subprocess.Popen[bytes]:
    """`league train` at work."""
    settings = [word for setting in TRAINING for word in ("--set", setting)]
    command = [sys.executable, "-m", "league", "train", "--store", store, *settings, *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def at_work(store: Store, process: subprocess.Popen[bytes], matches: int) -> None:
    """Wait until the league has learned, saved, and played more than `matches`."""
    deadline = time.monotonic() + PATIENCE_S
    while store.checkpoint("main") is None or store.match_count() <= matches:
        if process.poll() is not None or time.monotonic() > deadline:
            raise LeagueError("league train does not get to work")
        time.sleep(0.1)


def add_weights(store: Store, gib: float) -> None:
    """Snapshots of large networks, until there are so many bytes."""
    spec, network = game_spec(large_store.CONFIG.game), NetworkConfig(kind="mlp", hidden=(LARGE, LARGE))
    number = added = 0
    while added < gib * 2**30:
        weights = pack(fresh(spec, network, seed=number))
        named = {"name": f"veteran-{90_000 + number}", "digest": digest(weights), "bytes": len(weights)}
        store.add_snapshot(Snapshot(**named, learner="veteran", steps=number, created_s=time.time()), weights)
        number, added = number + 1, added + len(weights)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Train, back up, restore, verify, train on."""
    before = machine()
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        source, back, file = (str(Path(temporary, name)) for name in ("source", "back", "league.tar"))
        large_store.build(source, policies=options.policies, matches=options.matches)
        with Store.open(source, timeout_s=60.0) as store:
            add_weights(store, options.gib)
            plain = typed("status", "--store", source)
            work = train(source)
            try:
                at_work(store, work, options.matches)
                first = store.match_count()
                backup = typed("backup", file, "--store", source)
                meanwhile, trained = store.match_count() - first, work.poll() is None
            finally:
                work.send_signal(signal.SIGINT)
                work.wait()
        restore = typed("restore", file, "--store", back)
        verify = typed("status", "--verify", "--store", back)
        further = go_on(back)
    most = max(backup["memory"], restore["memory"])
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
        "most_bytes": most,
        "memory_bytes": most - plain["memory"],
        "problems": problems,
        **further,
        "held": trained
        and not problems
        and verify["code"] == 0
        and most - plain["memory"] <= MEMORY
        and most <= POD
        and further["went_on"],
    }


def go_on(back: str) -> dict[str, Any]:
    """Train what was restored: from which step, to which, and whether nothing of before is lost."""
    with Store.open(back, timeout_s=60.0) as store:
        saved = store.checkpoint("main")
        if saved is None:
            return {"from_steps": None, "to_steps": None, "went_on": False}
        begun = int(saved[1]["steps"])
        matches, snapshots = [match.match_id for match in store.matches()], store.snapshots()
        code = train(back, "--steps", str(begun + FURTHER)).wait()
        later = store.checkpoint("main")
        ended = int(later[1]["steps"]) if later is not None else 0
        kept = [match.match_id for match in store.matches()][: len(matches)] == matches
        kept = kept and store.snapshots()[: len(snapshots)] == snapshots and not store.verify().problems
        taken_up = not any(event["kind"] == "checkpoint" for event in store.events(50))
    went_on = code == 0 and begun + FURTHER <= ended and kept and taken_up
    return {"from_steps": begun, "to_steps": ended, "went_on": went_on}


def show(report: dict[str, Any]) -> None:
    """Print the report."""
    shown = {
        "league": f"{report['policies']:,} policies, {report['matches']:,} matches",
        "recorded meanwhile": f"{report['recorded_meanwhile']:,} matches",
        "file": size(report["bytes"]),
        "league backup": f"{report['backup_s']:.1f} s",
        "league restore": f"{report['restore_s']:.1f} s",
        "league status --verify": f"{report['verify_s']:.1f} s, {len(report['problems'])} problems",
        "league train, after it": f"{report['from_steps']:,} to {report['to_steps']:,} steps, nothing lost: "
        f"{'yes' if report['went_on'] else 'no'}",
        "memory": f"{size(report['most_bytes'])}, of {size(POD)} for the pod; "
        f"{size(max(0, report['memory_bytes']))} above `league status`, at most {size(MEMORY)}",
    }
    stdout().print(facts({**report["machine"], **shown}))


def main() -> int:
    """Measure and print; with `--check`, 1 where the claim does not hold."""
    asked = parser("backup", __doc__)
    asked.add_argument("--policies", type=int, default=200)
    asked.add_argument("--matches", type=int, default=10_000)
    asked.add_argument("--gib", type=float, default=0.0, help="of further weights")
    asked.add_argument(
        "--folder", default=None, help="where there is room for three times as much; else the temporary one"
    )
    return run(asked, measure, show)


if __name__ == "__main__":
    sys.exit(main())
