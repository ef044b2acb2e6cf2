"""One trial: a league that trains in a process of its own, and how its newest snapshot does against the fixed bots."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import ray
from ray import tune

from league.config import LeagueConfig
from league.errors import LeagueError
from league.interfaces.tune.score import Judge, Progress
from league.interfaces.tune.space import Space
from league.pool.backup_file import check_backup
from league.pool.store import Store

SCORE, OBJECTIVE, SECONDS = "score", "objective", "seconds"
"""Names of what a trial reports."""
PROGRESS: Final = "progress.json"
LOOK_S: Final = 0.5
"""Between two looks at whether a trial's league is there, and has frozen something."""
_PR_SET_PDEATHSIG: Final = 1
_OF_THE_WORKER: Final = ("RAY_JOB_ID", "RAY_RAYLET_PID", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")
"""Variables that Ray sets for a worker, and that are no business of a driver that it starts."""


class TrialFailedError(Exception):
    """A trial's league ended before its time."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What all trials of a study have in common; plain data."""

    space: Mapping[str, Any]
    """As `Space.to_json` gives it."""
    seconds: float
    """For which each trial trains."""
    report_s: float
    """Between two measurements."""
    games: int
    """Of a measurement, against each bot."""
    checkpoints: bool
    """Whether trials hand their league on: population-based training does."""
    home: str
    """Where the trials' leagues are, a folder each."""
    folder: str
    """The current folder of whoever began the study: games are found there."""


def train(drawn: dict[str, Any], plan: Plan) -> None:
    """What Ray Tune runs. Goes on from where the trial's folder, or the checkpoint that it was given, left off.

    Raises `TrialFailedError` where the league ends early, with what it said.
    """
    if plan.folder not in sys.path:
        sys.path.append(plan.folder)
    home = Path(plan.home, tune.get_context().get_trial_id())
    home.mkdir(parents=True, exist_ok=True)
    config = Space.from_json(plan.space).config(drawn)
    place = _Place.taken_up(home, plan)
    with _league(place, config, plan) as process:
        _watch(place, config, plan, process)


class _Place:
    """Where a trial's league is, and how far it has come."""

    def __init__(self, home: Path, progress: Progress) -> None:
        self.home = home
        self.progress = progress

    @classmethod
    def taken_up(cls, home: Path, plan: Plan) -> _Place:
        known = cls(home, Progress())
        with contextlib.suppress(FileNotFoundError):
            known = cls(home, _read(home))
        checkpoint = tune.get_checkpoint() if plan.checkpoints else None
        if checkpoint is None:
            return known
        with checkpoint.as_directory() as folder:
            new = cls(home, replace(_read(Path(folder)), number=known.progress.number + 1))
            for folder_of in (known.store, new.store):  # The second: of a start that was killed.
                shutil.rmtree(folder_of, ignore_errors=True)
            backup = Path(folder, "league.tar")
            with Store.open(str(new.store), new.league) as store:
                store.restore(backup, check_backup(backup))
        return new

    @property
    def league(self) -> str:
        """Its name: leagues that run on one Ray have different ones."""
        return f"trial-{self.home.name}"

    @property
    def store(self) -> Path:
        return self.home / f"league-{self.progress.number}"

    def keep(self, progress: Progress) -> None:
        """Remember how far it is, in its folder whole or not at all."""
        self.progress = progress
        part = self.home / "progress.part"
        part.write_text(json.dumps(progress.to_json()), encoding="utf-8")
        part.replace(self.home / PROGRESS)


def _read(folder: Path) -> Progress:
    return Progress(**json.loads((folder / PROGRESS).read_text(encoding="utf-8")))


@contextlib.contextmanager
def _league(place: _Place, config: LeagueConfig, plan: Plan) -> Iterator[subprocess.Popen[str]]:
    """`league train` on this Ray, which ends with the block, and with this process."""
    trial = replace(
        config,
        snapshots=replace(config.snapshots, timeout_s=min(config.snapshots.timeout_s, plan.report_s)),
        arena=replace(config.arena, closing_s=0.0),
    )
    file = place.home / "trial.toml"
    file.write_text(trial.to_toml(), encoding="utf-8")
    words = ["train", "--store", str(place.store), "--config", str(file)]
    words += ["--address", ray.get_runtime_context().gcs_address]
    words += ["--minutes", str(max(plan.seconds - place.progress.seconds, 1.0) / 60 + 1)]
    words += ["--league", place.league, "--log-dir", str(place.home / "tensorboard")]
    with (place.home / "output.txt").open("w", encoding="utf-8") as output:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "league", *words],
            cwd=plan.folder,
            env={name: value for name, value in os.environ.items() if name not in _OF_THE_WORKER},
            stdout=output,
            stderr=output,
            text=True,
            preexec_fn=_dies_with_us(),
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()


def _watch(place: _Place, config: LeagueConfig, plan: Plan, process: subprocess.Popen[str]) -> None:
    """Measure and report now and then what is new, and at the end of the time in any case.

    Also where that is over already: Ray Tune may not have heard of the last report before it was killed.
    """
    with Store.open(str(place.store), place.league) as store:
        _until(process, place, lambda: store.config() is not None and bool(store.present()))
        judge, before = Judge(store, config, plan.games), time.monotonic()
        while True:
            soonest, end = before + plan.report_s, before + plan.seconds - place.progress.seconds
            _until(process, place, lambda: _over(end) or (_over(soonest) and judge.is_new(place.progress)))  # noqa: B023
            measured = judge.measure(place.progress)
            now = time.monotonic()
            place.keep(place.progress.after(now - before, *measured))
            before = now
            _report(place, store, plan)
            if place.progress.seconds >= plan.seconds:
                return


def _over(when: float) -> bool:
    return time.monotonic() >= when


def _until(process: subprocess.Popen[str], place: _Place, done: Callable[[], bool]) -> None:
    """Wait for a condition while the league is at work."""
    while not done():
        if process.poll() is not None:
            said = (place.home / "output.txt").read_text(encoding="utf-8").strip().splitlines()
            raise TrialFailedError(f"its league ended with {process.returncode}: {said[-1] if said else 'no word'}")
        time.sleep(LOOK_S)


def _report(place: _Place, store: Store, plan: Plan) -> None:
    progress = place.progress
    steps = max((snapshot.steps for snapshot in store.snapshots()), default=0)
    numbers = {
        SCORE: progress.score,
        OBJECTIVE: progress.mean,
        SECONDS: progress.seconds,
        "steps": steps,
        "snapshot": progress.snapshot,
    }
    if not plan.checkpoints:
        tune.report(numbers)
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            with Path(folder, "league.tar").open("wb") as file:
                store.back_up(file)
        except LeagueError:  # It changes too fast, or a moment ago it was not there: the last one stays.
            tune.report(numbers)
            return
        shutil.copy(place.home / PROGRESS, folder)
        tune.report(numbers, checkpoint=tune.Checkpoint.from_directory(folder))


def _dies_with_us() -> Callable[[], None] | None:
    """For a child, before it is another program: whoever kills us kills it. Linux only; elsewhere Ray's end ends it."""
    if not sys.platform.startswith("linux"):
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def arrange() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return arrange
