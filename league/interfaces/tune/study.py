"""A study: trials by Ray Tune in a folder, which can be gone on with after anything, and its winner.

Ray Tune keeps pickles in that folder. It is no store: nothing else reads them, and only who made it is to open it.
"""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from ray import tune
from ray.exceptions import ActorDiedError
from ray.tune.callback import Callback
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, PopulationBasedTraining
from ray.tune.search.basic_variant import BasicVariantGenerator

from league.cluster.nodes import HEAD
from league.config import LeagueConfig
from league.errors import ConfigError, LeagueError
from league.interfaces.tune.space import Space
from league.interfaces.tune.trial import OBJECTIVE, SCORE, SECONDS, Plan, train
from league.view.words import counted

Scheduler = Literal["asha", "pbt", "none"]
TRIALS: Final = "trials"
"""Of the study's folder: Ray Tune's own."""
LEAGUES: Final = "leagues"
"""Of the study's folder: a league for each trial."""
WINNER: Final = "best.toml"
MEASUREMENTS: Final = 12
"""Of a trial that trains to its end."""
LEAST_REPORT_S: Final = 3.0


@dataclass(frozen=True, kw_only=True)
class Row:
    """One trial, as people see it."""

    name: str
    state: str
    """`waiting`, `running`, `paused`, `done` or `failed`."""
    drawn: Mapping[str, Any]
    """By key, what was drawn for it."""
    score: float | None
    """Points per game against the fixed bots, latest."""
    objective: float | None
    """The same, averaged over the time that it has trained."""
    seconds: float
    steps: int
    error: str | None

    def to_json(self) -> dict[str, Any]:
        """The trial as plain data for JSON, under the names of the fields."""
        return dict(vars(self))


@dataclass(frozen=True, kw_only=True)
class Study:
    """A search by many trials: what is drawn, how long each trains, and the folder where all of it is kept."""

    folder: Path
    space: Space
    samples: int
    seconds: float
    """Of training for each trial."""
    scheduler: Scheduler
    concurrent: int
    """Trials at once."""
    games: int
    seed: int

    @property
    def began(self) -> bool:
        """Whether it is there to be gone on with."""
        return bool(tune.Tuner.can_restore(str(self.folder / TRIALS)))

    def run(self, watch: Callable[[list[Row]], None]) -> list[Row]:
        """Run what is left of all trials; the rows, the best first. Needs a running Ray.

        Raises `ConfigError` where the folder holds another study, `LeagueError` where every trial failed, and
        `KeyboardInterrupt` where that came.
        """
        self._remember()
        os.environ.setdefault("RAY_CHDIR_TO_TRIAL_DIR", "0")
        os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # Ray Tune prints tables of its own, and what a trial raised.
        for name in ("ray.tune", "ray.air"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            watcher = _Watcher(watch)
            tuner = self._restored(watcher) if self.began else self._tuner(watcher)
            results = tuner.fit()
        rows = ranked(watcher.rows or [_of_result(result) for result in results])
        if any(row.state not in ("done", "failed") for row in rows):
            raise KeyboardInterrupt  # Ray Tune takes it for itself, and ends in order.
        best = rows[0] if rows else None
        if best is None or best.objective is None or best.state == "failed":
            failed = next((row.error for row in rows if row.error), "none has reported")
            raise LeagueError(f"no trial has come to a score: {failed}")
        self._write_winner(best)
        return rows

    def _plan(self) -> Plan:
        return Plan(
            space=self.space.to_json(),
            seconds=self.seconds,
            report_s=max(self.seconds / MEASUREMENTS, LEAST_REPORT_S),
            games=self.games,
            checkpoints=self.scheduler == "pbt",
            home=str(self.folder / LEAGUES),
            folder=str(Path.cwd()),
        )

    def _trainable(self) -> Any:
        # Its league's actors take the CPUs.
        return tune.with_resources(tune.with_parameters(train, plan=self._plan()), {HEAD: 0.001})

    def _tuner(self, watcher: Callback) -> Any:
        return tune.Tuner(
            self._trainable(),
            param_space=self.space.domains(),
            tune_config=self._tune_config(),
            run_config=tune.RunConfig(name=TRIALS, storage_path=str(self.folder), callbacks=[watcher], verbose=0),
        )

    def _tune_config(self) -> Any:
        return tune.TuneConfig(
            metric=OBJECTIVE,
            mode="max",
            scheduler=self._scheduler(),
            num_samples=self.samples,
            search_alg=BasicVariantGenerator(max_concurrent=self.concurrent, random_state=self.seed),
        )

    def _restored(self, watcher: Callback) -> Any:
        tuner = tune.Tuner.restore(str(self.folder / TRIALS), trainable=self._trainable(), resume_unfinished=True)
        tuner._local_tuner._run_config.callbacks = [watcher]  # Those of before watched for a process that is gone.
        return tuner

    def _scheduler(self) -> Any:
        if self.scheduler == "asha":
            return ASHAScheduler(
                time_attr=SECONDS,
                max_t=max(int(self.seconds), 1),
                grace_period=max(int(self.seconds / 4), 1),
                reduction_factor=2,
            )
        if self.scheduler == "pbt":
            return PopulationBasedTraining(
                time_attr=SECONDS,
                perturbation_interval=self.seconds / 4,
                hyperparam_mutations=self.space.domains(),
                custom_explore_fn=self.space.clipped,
            )
        return FIFOScheduler()

    def _remember(self) -> None:
        """Write what the study is, or refuse another one in its folder."""
        said = json.loads(
            json.dumps(
                {
                    "space": self.space.to_json(),
                    "samples": self.samples,
                    "seconds": self.seconds,
                    "scheduler": self.scheduler,
                    "seed": self.seed,
                }
            )
        )
        file, part = self.folder / "study.json", self.folder / "study.part"
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.began and file.exists():
            before = json.loads(file.read_text(encoding="utf-8"))
            changed = [key for key in said if before.get(key) != said[key]]
            if changed:
                raise ConfigError(
                    f"{self.folder} holds a study with another {changed[0]}: go on with what it began with, or give "
                    "another --output"
                )
        part.write_text(json.dumps(said, indent=1), encoding="utf-8")
        part.replace(file)  # Whole or not at all: whoever goes on after a kill reads it.

    def _write_winner(self, best: Row) -> LeagueConfig:
        config = self.space.config(best.drawn)
        trials = counted(self.samples, "trial")
        head = f"# Of {trials}: {best.score:.1%} against the fixed bots after {best.seconds:.0f} s\n"
        (self.folder / WINNER).write_text(head + config.to_toml(), encoding="utf-8")
        return config


def ranked(rows: Sequence[Row]) -> list[Row]:
    """The best first, then those that have not reported; last those that failed, however well they did until then."""

    def place(row: Row) -> tuple[bool, bool, float, str]:
        return row.state == "failed", row.objective is None, -(row.objective or 0.0), row.name

    return sorted(rows, key=place)


_STATES: Final = {
    "PENDING": "waiting",
    "RUNNING": "running",
    "PAUSED": "paused",
    "TERMINATED": "done",
    "ERROR": "failed",
}


class _Watcher(Callback):  # type: ignore[misc]
    """Turns what Ray Tune says of its trials into rows."""

    def __init__(self, watch: Callable[[list[Row]], None]) -> None:
        self._watch = watch
        self.rows: list[Row] = []

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Called by Ray Tune after each event."""
        self.rows = [_of_trial(trial) for trial in trials]
        self._watch(ranked(self.rows))

    def __getstate__(self) -> dict[str, Any]:
        """Ray Tune keeps callbacks in its own pickle: without whoever watches here."""
        return {"_watch": partial(_nobody), "rows": []}


def _nobody(rows: list[Row]) -> None:
    """Watch nothing."""


def _of_trial(trial: Any) -> Row:
    result = trial.last_result or {}
    error = None
    if trial.status == "ERROR" and trial.error_file and Path(trial.error_file).exists():
        error = _why(Path(trial.error_file).read_text(encoding="utf-8").strip())
    return Row(
        name=trial.trial_id,
        state=_STATES.get(trial.status, trial.status.lower()),
        drawn=dict(trial.config),
        score=result.get(SCORE),
        objective=result.get(OBJECTIVE),
        seconds=result.get(SECONDS, 0.0),
        steps=result.get("steps", 0),
        error=error,
    )


def _why(text: str) -> str | None:
    """What a trial's file of errors comes to, in one line."""
    if ActorDiedError.BASE_ERROR_MSG in text:
        return "its process has died: it was killed, or memory ran out"
    last = text.splitlines()[-1] if text else None
    return last and (last.partition(": ")[2] or last)


def _of_result(result: Any) -> Row:
    numbers = result.metrics or {}
    return Row(
        name=str(numbers.get("trial_id", Path(result.path).name)),
        state="failed" if result.error else "done",
        drawn=dict(result.config or {}),
        score=numbers.get(SCORE),
        objective=numbers.get(OBJECTIVE),
        seconds=numbers.get(SECONDS, 0.0),
        steps=numbers.get("steps", 0),
        error=_why(str(result.error)) if result.error else None,
    )
