"""A league that learns from a bot until its champion is strong enough."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from league.interfaces.cli import run

from .small_runs import SMALL

MIX = (
    'roles.main.mix=[{ against = "bots", bots = ["uniform"], until_elo = 5000 }, { against = "self", from_elo = 5000 }]'
)


@pytest.mark.parametrize(
    ("mix", "said"),
    [
        ('[{ against = "bots", bots = ["uniforn"] }]', "no bot 'uniforn' for tic_tac_toe; did you mean 'uniform'?"),
        ('[{ against = "bots", roles = ["main"] }]', "roles.main.mix[0].roles = ['main']: bots have no role"),
        ('[{ bots = ["uniform"] }]', "bots = ['uniform']: only for against = 'bots'"),
        ("[{ from_elo = 300, until_elo = 200 }]", "until_elo = 200.0: must be above from_elo = 300.0"),
    ],
)
def test_a_mix_that_cannot_be_is_refused(
    mix: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--set", "game=tic_tac_toe", "--set", f"roles.main.mix={mix}"]
    assert run(["train", "--store", str(tmp_path / "runs"), *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.long
def test_training_ends_at_an_elo_and_bots_were_the_opponents(tmp_path: Path) -> None:
    words = ["train", "--store", str(tmp_path / "runs"), "--until-elo", "150", "--minutes", "4"]
    words += [word for setting in [*SMALL, MIX] for word in ("--set", setting)]
    script = f"from league.interfaces.cli import run; raise SystemExit(run({words!r}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    ask = f"from league.interfaces.cli import run; run(['status', '--store', {str(tmp_path / 'runs')!r}, '--json'])"
    status = json.loads(subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout)
    assert set(status["learners"]["main"]["opponents"]) == {"uniform"}
    board = (
        f"from league.interfaces.cli import run; run(['leaderboard', '--store', {str(tmp_path / 'runs')!r}, '--json'])"
    )
    rows = json.loads(subprocess.run([sys.executable, "-c", board], capture_output=True, text=True, check=True).stdout)
    assert any(row["elo"] > 100 for row in rows if row["is_champion"])
