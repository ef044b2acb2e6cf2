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
from league.errors import LeagueError, StoreUnavailableError
from league.games import game_spec
from league.interfaces.tune.space import Space
from league.matches.arena import Arena
from league.pool.backup_file import check_backup
from league.pool.store import Store

SCORE, OBJECTIVE, SECONDS = "score", "objective", "seconds"
"""Names of what a trial reports."""
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

    def __init__(self, home: Path, number: int, seconds: float, area: float) -> None:
        self.home = home
        self.number = number
        """Of the league's folder; each exploit of population-based training begins another one."""
        self.seconds, self.area = seconds, area
        """Trained so far, and the score summed over that time."""

    @classmethod
    def taken_up(cls, home: Path, plan: Plan) -> _Place:
        known = cls(home, 0, 0.0, 0.0)
        with contextlib.suppress(FileNotFoundError):
            known = cls(home, **json.loads((home / "progress.json").read_text(encoding="utf-8")))
        checkpoint = tune.get_checkpoint() if plan.checkpoints else None
        if checkpoint is None:
            return known
        with checkpoint.as_directory() as folder:
            progress = json.loads(Path(folder, "progress.json").read_text(encoding="utf-8"))
            new = cls(home, known.number + 1, progress["seconds"], progress["area"])
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
        return self.home / f"league-{self.number}"

    def keep(self) -> None:
        """Write how far it is, whole or not at all."""
        part = self.home / "progress.part"
        part.write_text(json.dumps(self.progress), encoding="utf-8")
        part.replace(self.home / "progress.json")

    @property
    def progress(self) -> dict[str, float]:
        return {"number": self.number, "seconds": self.seconds, "area": self.area}


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
    words += ["--minutes", str(max(plan.seconds - place.seconds, 1.0) / 60 + 1)]
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
    """Measure and report now and then, until the time is over."""
    with Store.open(str(place.store), place.league) as store:
        _until(process, place, lambda: store.config() is not None and bool(store.present()))
        arena, seed, before = Arena(store, config), 0, time.monotonic()
        while place.seconds < plan.seconds:
            ends = before + min(plan.report_s, plan.seconds - place.seconds)
            _until(process, place, lambda ends=ends: time.monotonic() >= ends)  # type: ignore[misc]
            score, seed = _score(arena, plan.games, seed), seed + 1
            passed = time.monotonic() - before
            before += passed
            place.seconds += passed
            place.area += score * passed
            place.keep()
            _report(place, store, score, plan)


def _until(process: subprocess.Popen[str], place: _Place, done: Callable[[], bool]) -> None:
    """Wait for a condition while the league is at work."""
    while not done():
        if process.poll() is not None:
            said = (place.home / "output.txt").read_text(encoding="utf-8").strip().splitlines()
            raise TrialFailedError(f"its league ended with {process.returncode}: {said[-1] if said else 'no word'}")
        time.sleep(0.1)


def _score(arena: Arena, games: int, seed: int) -> float:
    """Points per game of the newest snapshot, over all fixed bots alike; 0 where nothing could be played."""
    with contextlib.suppress(StoreUnavailableError):
        newest = arena.store.present()[-1].name
        bots = arena.config.arena.bots or game_spec(arena.config.game).bots
        totals = [arena.play(newest, bot, games=games, seed=seed).total for bot in bots]
        scores = [total.score for total in totals if total.games]
        return sum(scores) / len(scores) if scores else 0.0
    return 0.0


def _report(place: _Place, store: Store, score: float, plan: Plan) -> None:
    steps = max((snapshot.steps for snapshot in store.snapshots()), default=0)
    numbers = {SCORE: score, OBJECTIVE: place.area / place.seconds, SECONDS: place.seconds, "steps": steps}
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
        Path(folder, "progress.json").write_text(json.dumps(place.progress), encoding="utf-8")
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
