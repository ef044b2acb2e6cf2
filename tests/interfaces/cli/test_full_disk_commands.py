"""Every command that writes, on a disk that is full: one line that says so, and nothing half written.

A new command is missed here until somebody says whether it writes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page_server import TOKEN, serving
from small_league import CONFIG, Command, Recorded
from small_league import fill as record
from typer.main import get_command

from league.games import game_spec
from league.interfaces.cli import run
from league.interfaces.cli.app import app
from league.ladder.records import Snapshot
from league.policies.weights import digest, fresh, pack
from league.pool.store import Store
from tests.full_disk import fill, small_disk

WRITES = {
    "train": [["--game", "tic_tac_toe"]],
    "challenge": [["uniform", "--minutes", "0.05", "--output", "DISK/exploiter.st"]],
    "evaluate": [["main-0002", "--against", "uniform", "--games", "20", "--record"]],
    "promote": [["main-0002", "--force", "--reason", "a test"], ["main-0002", "--games", "2000"]],
    "rollback": [["--reason", "a test"]],
    "export": [["champion", "--output", "DISK/it.onnx"], ["champion", "--format", "safetensors", "-o", "DISK/it.st"]],
    "grafana": [["--output", "DISK/monitoring"]],
    "matches": [["--image", "DISK/payoff.png"]],
    "log export": [["DISK/matches.jsonl"], ["DISK/matches.parquet"]],
    "new-game": [["my_game"]],
    "backup": [["DISK/league.tar"], ["DISK/backups/"]],
    "restore": [["BESIDE/league.tar", "--league", "back"]],
    "pool prune": [["--set", "retention.newest=1", "--yes"]],
    "pool export": [["--all", "--output", f"DISK/pool{end}"] for end in ("", ".tar", ".tar.gz", ".zip")],
    "pool import": [["BESIDE/pool.tar", "--as", "anna"]],
}
"""With arguments with which it writes; `DISK` is the full one, `BESIDE` another."""

READS = {
    *("leaderboard", "status", "watch", "champion", "play", "exporter", "games", "config", "presets", "ratings"),
    *("pool list", "pool show"),
    *("log list", "check", "cluster check"),
    "repair",  # Needs a store for itself: `tests/pool/test_repair.py`.
    "log archive",  # Needs a longer log: `tests/pool/` has its segments.
    *("compare", "tensorboard"),
    "tune",  # Writes no store of ours; what Ray Tune writes is Ray's.
    "publish",  # Sends a folder.
    "serve",  # Ray's own files are beside Ray.
    "dashboard",  # Its promotions are below.
}
ELSEWHERE = {"deploy", "status", "scale", "logs", "promote", "resume", "stop", "delete"}
"""Of `league k8s`, which write into a cluster."""


def commands(command: Any = None, name: str = "") -> Iterator[str]:
    """All there are, by the words that one types."""
    command = command or get_command(app)
    children = getattr(command, "commands", {})
    if not children:
        yield name
    for child, below in children.items():
        yield from commands(below, f"{name} {child}".strip())


def test_it_is_known_of_every_command_whether_it_writes() -> None:
    known = {*WRITES, *READS, *(f"k8s {name}" for name in ELSEWHERE)}
    assert set(commands()) == known
    assert not WRITES.keys() & READS


def another(seed: int) -> tuple[Snapshot, bytes]:
    """A snapshot that no other league has."""
    weights = pack(fresh(game_spec(CONFIG.game), CONFIG.network, seed=seed))
    named = {"name": f"main-{seed:04d}", "digest": digest(weights), "bytes": len(weights)}
    return Snapshot(**named, learner="main", steps=1000 * seed, created_s=60.0), weights


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, recorded: Recorded) -> Iterator[tuple[Path, Path]]:
    """A disk with a league and no room, and a folder on another disk with what may be brought in."""
    beside = tmp_path_factory.mktemp("beside")
    with small_disk(tmp_path_factory.mktemp("full") / "disk") as disk:
        for folder, seed in ((beside / "store", 8), (disk / "store", 9)):
            with Store.open(str(folder)) as store:
                record(store, recorded)
                store.add_snapshot(*another(seed))
                store.add_snapshot(*another(seed + 10))
        with Store.open(str(disk / "store")) as store:
            at = ["--store", str(beside / "store")]
            assert run(["backup", str(beside / "league.tar"), *at]) == 0
            assert run(["pool", "export", "--all", "--output", str(beside / "pool.tar"), *at]) == 0
            fill(disk)
            yield disk, beside


CASES = [(name, arguments) for name, many in WRITES.items() for arguments in many]


def written(disk: Path) -> dict[Path, bytes]:
    """What lies on a disk beside what the server writes by itself."""
    own = {"appendonlydir", "server.log", "server.lock"}
    files = [path for path in disk.rglob("*") if path.is_file() and not own & {*path.parts}]
    return {path: path.read_bytes()[:1000] for path in files if path.stat().st_size}


@pytest.mark.parametrize(("name", "arguments"), CASES, ids=[f"{name} {' '.join(words)}" for name, words in CASES])
def test_a_command_that_writes_says_that_there_is_no_room(
    name: str, arguments: list[str], full: tuple[Path, Path], league: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, beside = full
    before = written(disk)
    words = [word.replace("DISK", str(disk)).replace("BESIDE", str(beside)) for word in arguments]
    monkeypatch.setenv("LEAGUE_STORE", str(disk / "store"))
    monkeypatch.setenv("LEAGUE_NAME", "league")
    monkeypatch.chdir(disk)
    with Store.open(str(disk / "store")) as store:
        known = store.champion(), store.match_count(), store.pruned(), store.snapshots()
        done = league(*name.split(), *words)
        assert (done.code, done.err.count("\n")) == (2, 1), done
        assert done.err.startswith("league: ")
        assert "no room on the disk of" in done.err
        assert (store.champion(), store.match_count(), store.pruned(), store.snapshots()) == known
        assert store.verify().problems == ()
    assert written(disk) == before, "nothing is left half written"


def test_a_promotion_on_the_page_says_so(full: tuple[Path, Path]) -> None:
    disk, _ = full
    wish = {"policy": "main-0002", "by": "anna", "reason": "a test", "how": "force", "token": TOKEN}
    with serving(str(disk / "store"), "league") as url:
        form = urllib.parse.urlencode(wish).encode()
        asked = urllib.request.Request(f"{url}/promotion", form, {"Origin": url})
        assert urllib.request.urlopen(asked, timeout=20).status == 202
        shown = ""
        while "the store of this league is full: nothing was written" not in shown:  # The test has a limit of its own.
            shown = urllib.request.urlopen(url, timeout=20).read().decode()
    with Store.open(str(disk / "store")) as store:
        champion = store.champion()
        assert champion is not None
        assert champion.policy == "main-0001"


@pytest.mark.parametrize("words", [["games"], ["config", "--defaults"], ["leaderboard", "--json"], ["presets"]])
def test_what_is_printed_into_a_full_file_is_missed_in_one_line(words: list[str], folder: Path, filled: str) -> None:
    with Path("/dev/full").open("w") as nowhere:
        done = subprocess.run(
            [sys.executable, "-m", "league", *words],
            env={**os.environ, "LEAGUE_STORE": str(folder), "LEAGUE_NAME": filled},
            stdout=nowhere,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == "league: cannot write what was asked for: No space left on device\n"
