"""What the coordinator said last, whoever it was: read by the exporter, the page, the panel and the commands."""

from __future__ import annotations

import io
import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from page_server import serving
from rich.console import Console
from small_league import CONFIG, STATUS, Command

from league.errors import StoreError
from league.interfaces.cli.panel import TrainingView
from league.interfaces.exporter.collector import LeagueCollector
from league.iteration import LOSSES
from league.pool.store import Store
from league.status import Status
from league.view.overview import Overview
from league.view.progress import Limits, Progress

SPARSE = [
    {"phase": "training"},
    {"phase": "training", "learners": {"main": {}}, "arena": {}, "totals": {"steps": {}}},
    {"phase": "dreaming", "learners": {"main": {"usage": {}, "parts_s": {"dream": 1.0}}}, "new": 1}
    | {"totals": {"restarts": {"dreamer": 3}}, "nodes": None, "started_s": None, "unreadable": None},
]
"""Of versions that say less than this one, or more."""


@pytest.mark.parametrize("said", SPARSE)
@pytest.mark.parametrize("terminal", [True, False])
def test_whatever_another_version_says_is_shown(
    said: dict[str, Any], terminal: bool, own: Store, folder: Path, league: Command
) -> None:
    own.set_status(said)
    collector = LeagueCollector(str(folder), own.league)
    names = {family.name for family in collector.collect()}
    collector.close()
    assert "league_heartbeat_age_seconds" in names
    assert ("learners" in said) == ("league_learner_steps" in names)
    with serving(str(folder), own.league) as url, urllib.request.urlopen(url) as answer:
        assert "main-0001" in answer.read().decode()
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=terminal, width=160, height=60)
    with TrainingView(own, CONFIG, Limits(), console, every_s=0.0) as view:
        view.update(Progress(phase="training", seconds=1.0, steps=0, interrupted=False))
    assert "pool 0" in shown.getvalue()
    assert league("status", at=own).code == 0
    assert league("status", "--json", at=own).json["phase"] == said["phase"]


def test_what_is_read_is_what_was_said(own: Store) -> None:
    said = own.status()
    assert said is not None
    read = json.loads(json.dumps(Status.from_json(said).to_json()))
    assert {key: read[key] for key in said if key != "learners"} == {k: v for k, v in said.items() if k != "learners"}
    assert STATUS["learners"]["main"].items() <= read["learners"]["main"].items()


@pytest.mark.parametrize(
    ("phase", "silent_s", "at_work"),
    [
        ("starting", 0, True),
        ("training", 3, True),
        ("training", 11, False),
        ("closing", 0, True),
        ("stopped", 0, False),
        ("failed", 0, False),
    ],
)
def test_a_league_that_is_not_at_work_does_and_holds_nothing(
    phase: str, silent_s: float, at_work: bool, own: Store, folder: Path, league: Command
) -> None:
    own.set_status({**STATUS, "phase": phase}, now_s=time.time() - silent_s)
    collector = LeagueCollector(str(folder), own.league)
    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in collector.collect()
        for sample in family.samples
    }
    collector.close()
    present = {
        ("league_match_workers",): 2,
        ("league_match_workers_busy",): 1,
        ("league_candidates",): 1,
        ("league_matches_wanted", "gate"): 2,
        ("league_matches_wanted", "rating"): 7,
        ("league_learner_steps_per_second", "main"): 1234.5,
        ("league_learner_plies_per_second", "main"): 2345.6,
        ("league_learner_placed", "main"): 1,
        ("league_learner_runners", "main", "healthy"): 2,
    }
    assert {key: values[key] for key in present} == (present if at_work else dict.fromkeys(present, 0))
    assert values.get(("league_nodes", "head")) == (1 if at_work else None), "what still costs is not known"
    watched = io.StringIO()
    with TrainingView(own, CONFIG, Limits(), Console(file=watched), every_s=0.0) as view:
        view.update(Progress(phase=phase, seconds=1.0, steps=3000, interrupted=False))
    assert (" 1234 steps/s" in watched.getvalue(), "  0 steps/s" in watched.getvalue()) == (at_work, not at_work)
    assert (" learns\n" in league("status", at=own).out) == (phase == "training" and at_work)
    assert values["league_learner_steps", "main"] == 3000
    assert values["league_learner_steps_total", "main"] == 3500
    assert values["league_actor_restarts_total", "learner"] == 1


def test_losses_have_words(own: Store, league: Command) -> None:
    """For people; programs get RLlib's names. What another version has beside them keeps its name."""
    losses = {**dict.fromkeys(LOSSES, 0.5), "new_loss": 0.5}
    own.set_status({**STATUS, "learners": {"main": {**STATUS["learners"]["main"], "losses": losses}}})
    line = next(line for line in league("status", at=own).out.splitlines() if line.startswith("losses "))
    assert line.split(maxsplit=1)[1] == ", ".join(f"{word} 0.5" for word in (*LOSSES.values(), "new_loss"))
    assert "_" not in line.replace("new_loss", "")
    assert league("status", "--json", at=own).json["learners"]["main"]["losses"] == losses


def test_the_clock_goes_on_while_a_run_starts(own: Store) -> None:
    """From when its command began; once it trains, it says for how long."""
    shown = io.StringIO()
    began = time.monotonic() - 75
    with TrainingView(own, CONFIG, Limits(), Console(file=shown), every_s=0.0, began=began) as view:
        for phase, stage in (("starting", "learner main"), ("training", "")):
            view.update(Progress(phase=phase, stage=stage, seconds=0.0, steps=0, interrupted=False))
    times = [line.split()[:2] for line in shown.getvalue().splitlines() if line[0].isdigit()]
    assert times[0][0] >= "0:01:15"
    assert times[1] == ["0:00:00", "training"]


def test_a_store_that_does_not_answer_takes_nothing_from_the_screen(
    own: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read last stays, with the reason beside it."""

    def unanswered(_: object) -> Overview:
        raise StoreError("no answer")

    shown = io.StringIO()
    progress = Progress(phase="training", seconds=1.0, steps=3000, interrupted=False)
    with TrainingView(own, CONFIG, Limits(), Console(file=shown, markup=False), every_s=0.0) as view:
        view.update(progress)
        monkeypatch.setattr(Overview, "read", unanswered)
        view.update(progress)
    before, after = (line for line in shown.getvalue().splitlines() if "training" in line)
    assert "[no answer]" in after
    assert after.partition("  [")[0] == before.partition("  [")[0]
    assert "champion -" not in after


@pytest.mark.parametrize("learned", [False, True])
def test_a_learner_gets_older_from_the_start_of_the_run(learned: bool, own: Store, folder: Path) -> None:
    """Until its first report, and until its first checkpoint, which before it has learned nobody misses."""
    now_s = time.time()
    reported = {"reported_s": now_s - 500 if learned else None, "saved_s": None}
    learner = {**STATUS["learners"]["main"], **reported, "placed": learned, "usage": None}
    own.set_status({**STATUS, "phase": "starting", "started_s": now_s - 1000, "learners": {"main": learner}})
    collector = LeagueCollector(str(folder), own.league)
    values = {family.name: family.samples[0].value for family in collector.collect() if "learner_" in family.name}
    collector.close()
    assert values["league_learner_report_age_seconds"] == pytest.approx(500 if learned else 1000, abs=60)
    assert values.get("league_learner_checkpoint_age_seconds") == (pytest.approx(1000, abs=60) if learned else None)
    assert values["league_learner_placed"] == learned
    assert "league_learner_runners" not in values
