"""A fresh exploiter against policies that can be beaten, on a real Ray; and the command around it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from league.actors import challenge as module
from league.actors.challenge import Found, Target, Try, challenge
from league.cluster.nodes import Room
from league.config import LeagueConfig
from league.games import game_spec
from league.interfaces.cli import run
from league.ladder.records import Snapshot
from league.policies.network import settled
from league.policies.player import NetworkPlayer
from league.policies.weights import digest, fresh, pack, unpack
from league.pool.store import Store
from tests.interfaces.cli.test_keys import check as check_keys

CONFIG = LeagueConfig.from_dict(
    {
        "game": "tic_tac_toe",
        "network": {"hidden": [32]},
        "rollout": {"games": 128, "plies": 16, "exploring_share": 0.1, "exploring_plies": 2},
        "learning": {"lr": 1e-2, "num_epochs": 4, "minibatch_size": 256},
        "arena": {"opening_plies": 2},
    }
)
SPEC = game_spec("tic_tac_toe")
WEAK = pack(fresh(SPEC, CONFIG.network, seed=0))


pytestmark = pytest.mark.usefixtures("ray_for_all")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tries that follow each other quickly, in one thread: on a busy machine threads wait for one another."""
    monkeypatch.setattr(module, "TRY_EVERY_S", 0.5)
    monkeypatch.setattr(module, "TRYING_SHARE", 0.5)
    monkeypatch.setattr(module, "whole_room", lambda nodes: Room(cpus=1.0))
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "target",
    [
        Target(name="uniform", weights=None, sample=False),
        Target(name="weak", weights=WEAK, sample=False),
        Target(name="weak", weights=WEAK, sample=True),
    ],
    ids=["uniform", "greedy", "sampled"],
)
def test_a_weak_policy_is_beaten_in_games_that_chose_nothing(target: Target) -> None:
    tries: list[Try] = []

    def strong() -> bool:
        return bool(tries) and tries[-1].best >= 0.92

    found = challenge(target, CONFIG, seconds=120, games=400, seed=1, watch=tries.append, interrupted=strong)
    check(found, tries)
    assert (found.match.row, found.match.column) == ("exploiter", target.name)
    games = {seating: tally.games for seating, tally in found.match.results.items()}
    if target.name == "uniform" or target.sample:
        assert games == {"01": 200, "10": 200}
    else:  # Both play the same from the same position, and no game counts twice.
        assert all(120 < count <= 200 for count in games.values())
    assert found.match.total.score > 0.8


def check(found: Found, tries: list[Try]) -> None:
    """The best try is the one that was kept."""
    assert found.tries == tuple(tries)
    assert [one.best for one in tries] == [max(one.score for one in tries[: n + 1]) for n in range(len(tries))]
    assert found.steps == max((one.score, one.steps) for one in tries)[1]
    assert unpack(found.weights, SPEC).config == settled(CONFIG.network, SPEC)


@pytest.mark.parametrize("sample", [False, True])
def test_the_target_plays_in_training_as_in_matches(sample: bool) -> None:
    exploiter = module._Exploiter(Target(name="weak", weights=WEAK, sample=sample), CONFIG, games=20)
    exploiter.trainer.iterate()
    runner = exploiter.trainer.algorithm.env_runner_group.local_env_runner
    players = runner.collector.table.players.values()
    exploiter.trainer.stop()
    assert [player.sample for player in players if isinstance(player, NetworkPlayer)] == [sample]
    assert isinstance(exploiter.ring.target, NetworkPlayer)
    assert exploiter.ring.target.sample == sample


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(str(tmp_path / "store")) as opened:
        opened.create(CONFIG)
        snapshot = Snapshot(
            name="main-0000", digest=digest(WEAK), learner="main", steps=0, created_s=1.0, bytes=len(WEAK)
        )
        opened.add_snapshot(snapshot, WEAK)
        yield opened


def dumped(store: Store) -> dict[bytes, bytes]:
    return {key: store._call("DUMP", key) for key in store._call("KEYS", "*")}


def test_the_command_reports_keeps_the_exploiter_and_leaves_the_store_alone(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = dumped(store)
    output = tmp_path / "exploiters" / "first.safetensors"
    options = ["--store", str(tmp_path / "store"), "--minutes", "0.02", "--games", "20", "--seed", "7"]
    more = ["--json", "--output", str(output), "--set", "learning.lr=0.02"]
    assert run(["challenge", "main-0000", *options, *more]) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    check_keys(found)
    assert (found["policy"], found["form"], found["seed"]) == ("main-0000", "greedy", 7)
    assert 10 < found["games"] <= 20
    assert found["score_low"] <= found["score"] <= found["score_high"]
    lines = printed.err.splitlines()
    assert len(lines) == len(found["tries"]) >= 1
    assert all(re.fullmatch(r"\d+ s  steps [\d,]+  scores [\d.]+%  best [\d.]+%", line) for line in lines)
    unpack(output.read_bytes(), SPEC)

    assert run(["challenge", digest(WEAK)[:8], *options, "--sample"]) == 0
    shown = capsys.readouterr().out
    assert "a fresh exploiter scores" in shown
    assert "against main-0000 (sampled), 95% interval" in shown
    assert dumped(store) == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["main-000"], "no policy 'main-000' in league 'league'; did you mean 'main-0000'?"),
        (["champion"], "has no champion yet"),
        (["uniform", "--minutes", "0"], "--minutes 0: must be above 0"),
        (["uniform", "--minutes", "-1"], "'--minutes': '-1' is less than 0"),
        (["uniform", "--minutes", "nan"], "'--minutes': 'nan' is not a finite number"),
        (["uniform", "--set", "learning.lrr=1"], "did you mean 'learning.lr'"),
        (["uniform", "--set", "game=connect_four"], "the policies of this league play tic_tac_toe"),
        (["uniform", "--set", "learning.gpus=99"], "there is no room for a learner"),
        (["uniform", "--output", "."], "cannot write .: it is a folder"),
    ],
)
def test_bad_input_is_one_line_and_code_2(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert run(["challenge", *options, "--store", str(tmp_path / "store")]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("league: ")
    assert printed.err.count("\n") == 1
    assert said in printed.err


@pytest.mark.long
def test_ctrl_c_reports_what_was_found_so_far(store: Store, tmp_path: Path) -> None:
    program = [sys.executable, "-m", "league", "challenge", "uniform"]
    process = subprocess.Popen(
        [*program, "--store", str(tmp_path / "store"), "--minutes", "1", "--games", "20", "--json"],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, first + err
    assert "Traceback" not in err
    assert len(json.loads(out)["tries"]) <= 3, "ten without the interruption"
