"""A study as a process: killed on the way, gone on with, and its winner trained."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from league.interfaces.cli import tune
from league.interfaces.cli.app import INTERRUPTED
from league.interfaces.tune.study import Row, ranked
from league.pool.backup_file import check_backup
from tests.interfaces.cli.test_keys import check

SPACE = """
[learning]
lr = { log_uniform = [1e-3, 1e-2] }
[network]
kind = "mlp"
hidden = { choice = [[16], [32]] }
"""
QUICK = ["--set", "rollout.games=64", "--set", "learning.minibatch_size=512"]


def command(*words: str) -> list[str]:
    return [sys.executable, "-uc", f"from league.interfaces.cli import run; raise SystemExit(run({list(words)!r}))"]


Begin = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Start `league tune` in the test's folder; what a test that fails leaves of it ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*more: str, space: str = SPACE) -> subprocess.Popen[str]:
        (tmp_path / "space.toml").write_text(space, encoding="utf-8")
        words = ["tune", "--search", "space.toml", "--output", "study", "--game", "tic_tac_toe", "--json", *QUICK]
        output = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = subprocess.Popen(command(*words, *more), cwd=tmp_path, start_new_session=True, **output)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def until_it_has_trained(process: subprocess.Popen[str], folder: Path) -> Path:
    """The first trial's progress, as soon as there is some."""
    deadline = time.monotonic() + 240
    while not (first := list(folder.glob("study/leagues/*/progress.json"))):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return first[0]


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_study_that_was_killed_goes_on_and_its_winner_trains(tmp_path: Path, begin: Begin) -> None:
    words = ["--samples", "3", "--minutes", "0.2", "--scheduler", "none", "--concurrent", "1"]
    process = begin(*words)
    first = until_it_has_trained(process, tmp_path)
    os.killpg(process.pid, signal.SIGKILL)  # Of Ray and of the trials, what is in the same group.
    process.wait()
    before = json.loads(first.read_text(encoding="utf-8"))["seconds"]
    assert before > 0
    again = begin(*words)
    out, err = again.communicate(timeout=600)
    assert again.returncode == 0, err
    rows = json.loads(out)
    assert len(rows) == 3
    check(rows)
    assert all(row["state"] == "done" and row["objective"] is not None for row in rows)
    assert [row["objective"] for row in rows] == sorted((row["objective"] for row in rows), reverse=True)
    assert first.parent.name in {row["name"] for row in rows}  # It went on, and was not begun anew.
    for reports in tmp_path.glob("study/trials/*/result.json"):
        *early, _ = [json.loads(line)["snapshot"] for line in reports.read_text(encoding="utf-8").splitlines()]
        assert len(early) == len(set(early))  # What had been measured already was played once more.
    words[3] = "0.3"
    other = begin(*words)
    assert "holds a study with another seconds" in other.communicate(timeout=120)[1]
    assert other.returncode == 2
    train = ["train", "--config", "study/best.toml", "--store", "tuned", "--steps", "1000"]
    done = subprocess.run(command(*train), cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_study_that_ctrl_c_ends_has_no_winner_yet(tmp_path: Path, begin: Begin) -> None:
    process = begin("--samples", "3", "--minutes", "0.5", "--scheduler", "none", "--concurrent", "1")
    until_it_has_trained(process, tmp_path)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=200)[0] == ""
    assert process.returncode == INTERRUPTED
    assert not (tmp_path / "study" / "best.toml").exists()


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("whole", "said"), [(False, "its league ended with -9"), (True, "its process has died")])
def test_a_trial_that_dies_takes_nobody_along(whole: bool, said: str, tmp_path: Path, begin: Begin) -> None:
    process = begin("--samples", "2", "--minutes", "0.15", "--scheduler", "none", "--concurrent", "1")
    deadline, killed = time.monotonic() + 240, None
    while killed is None:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        killed = next(iter(children("train", "--config", str(tmp_path / "study" / "leagues"))), None)
        time.sleep(0.2)
    stat = Path(f"/proc/{killed}/stat").read_text(encoding="utf-8")
    parent = int(stat.rpartition(")")[2].split()[1])  # Of the league: the trial's own process.
    os.kill(parent if whole else killed, signal.SIGKILL)
    out, err = process.communicate(timeout=400)
    assert process.returncode == 0, err
    states = {row["state"]: row for row in json.loads(out)}
    assert set(states) == {"done", "failed"}
    assert said in states["failed"]["error"]
    assert (tmp_path / "study" / "best.toml").exists()


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_study_whose_trials_diverge_ends_long_before_their_time_and_has_no_winner(
    tmp_path: Path, begin: Begin
) -> None:
    words = ["--samples", "1", "--minutes", "60", "--set", "network.kind=mlp"]
    process = begin(*words, space="learning.lr = { choice = [1e30] }")
    err = process.communicate(timeout=800)[1]
    assert process.returncode == 2, err
    said = "league: no trial has come to a score: its league ended with 2: league: every learner has diverged"
    assert err.splitlines()[-1].startswith(said)
    assert not (tmp_path / "study" / "best.toml").exists()


def children(*words: str) -> list[int]:
    """Processes whose command line has all of these words in it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if all(word in line for word in words) and "tune" not in line.split("\0")[2:3]:
            found.append(int(entry.name))
    return found


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_population_goes_on_with_the_leagues_of_the_strong(tmp_path: Path, begin: Begin) -> None:
    space = "learning.lr = { log_uniform = [1e-3, 1e-2] }"
    words = ["--samples", "2", "--minutes", "0.4", "--scheduler", "pbt", "--concurrent", "2"]
    process = begin(*words, "--set", "network.kind=mlp", "--set", "network.hidden=[16]", space=space)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    rows = json.loads(out)
    assert [row["state"] for row in rows] == ["done", "done"], rows
    # Whether one takes up the other's league depends on who is ahead when; that it can, on what each has handed over.
    for row in rows:
        handed_over = next(tmp_path.glob(f"study/trials/*{row['name']}*/checkpoint_*/league.tar"))
        assert check_backup(handed_over)


def row(name: str, state: str, objective: float | None) -> Row:
    return Row(name=name, state=state, drawn={}, score=objective, objective=objective, seconds=1.0, steps=1, error=None)


def test_whoever_failed_wins_nothing() -> None:
    rows = [row("a", "failed", 0.9), row("b", "done", 0.6), row("c", "running", None), row("d", "done", 0.7)]
    assert [one.name for one in ranked(rows)] == ["d", "b", "c", "a"]


def test_the_table_is_live_on_a_terminal_and_elsewhere_a_line_for_each_trial_that_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(tune, "stdout", lambda: Console(file=shown, force_terminal=True, width=100))
    with tune._table(json=False) as watch:
        watch([row("first", "running", 0.25)])
        watch([row("first", "done", 0.75), row("second", "running", None)])
    assert re.search(r"first +done +75\.0%.*\n.*second +running", shown.getvalue())
    monkeypatch.setattr(tune, "stdout", lambda: Console(file=shown, force_terminal=False))
    with tune._table(json=False) as watch:
        for _ in range(2):
            watch([row("first", "done", 0.75), row("second", "running", None)])
    assert capsys.readouterr().out == "trial first  state done  score 75.0%  on the way 75.0%  seconds 1  steps 1\n"
