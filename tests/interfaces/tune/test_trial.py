"""A trial beside a league that is at work, or a process in its place."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_league import CONFIG, Recorded

from league.interfaces.tune import trial
from league.interfaces.tune.score import Progress
from league.interfaces.tune.trial import OBJECTIVE, SCORE, SECONDS, Plan, TrialFailedError
from league.pool.store import Store


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    """What is waited for in place of a league."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, text=True) as waits:
        yield waits
        waits.kill()


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What Ray Tune is told."""
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(trial.tune, "report", told.append)
    return told


def place(home: Path, recorded: Recorded, progress: Progress) -> trial._Place:
    found = trial._Place(home, progress)
    with Store.open(str(found.store), found.league) as store:
        store.create(CONFIG)
        for snapshot in recorded.snapshots[:2]:
            store.add_snapshot(*snapshot)
    return found


def plan(home: Path) -> Plan:
    return Plan(space={}, seconds=2.0, report_s=1.0, games=2, checkpoints=False, home=str(home), folder=str(home))


def test_a_trial_that_was_killed_after_its_time_reports_all_the_same(
    folder: Path, recorded: Recorded, process: subprocess.Popen[str], reports: list[dict[str, Any]]
) -> None:
    known = Progress(seconds=2.5, area=1.0, score=0.5, snapshot="main-0001")
    trial._watch(place(folder, recorded, known), CONFIG, plan(folder), process)
    assert [(one[SCORE], one["snapshot"]) for one in reports] == [(0.5, "main-0001")]
    assert reports[0][SECONDS] >= 2.5
    assert 0.4 <= reports[0][OBJECTIVE] <= 0.5


def test_a_trial_waits_for_what_is_new_and_ends_with_its_time(
    folder: Path, recorded: Recorded, process: subprocess.Popen[str], reports: list[dict[str, Any]]
) -> None:
    began = place(folder, recorded, Progress())
    trial._watch(began, CONFIG, plan(folder), process)
    assert [one["snapshot"] for one in reports] == ["main-0001", "main-0001"]  # Nothing new was frozen in between.
    assert reports[0][SECONDS] >= 1.0
    assert reports[1][SECONDS] >= 2.0
    assert trial._read(folder) == began.progress


def test_a_trial_whose_league_ends_says_what_that_said(
    folder: Path, recorded: Recorded, process: subprocess.Popen[str], reports: list[dict[str, Any]]
) -> None:
    (folder / "output.txt").write_text("league: no room\n", encoding="utf-8")
    process.communicate("\n")
    with pytest.raises(TrialFailedError, match="its league ended with 0: league: no room"):
        trial._watch(place(folder, recorded, Progress()), CONFIG, plan(folder), process)
    assert reports == []
