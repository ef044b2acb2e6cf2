"""`evaluate`, `play` and `export`."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from small_league import CONFIG, Command, Recorded

from league.games import game_spec
from league.policies.weights import unpack
from league.pool.store import Store
from league.view.words import counted
from tests.interfaces.cli.test_keys import check

Refused = Callable[..., str]


def test_evaluate_plays_both_seats_equally_and_repeats_itself(league: Command) -> None:
    arguments = ("evaluate", "perfect", "--against", "uniform", "--games", "121", "--seed", "5", "--json")
    found = league(*arguments).json
    assert found["games"] == 122
    assert [tally["games"] for tally in found["by_seating"].values()] == [61, 61]
    assert found["results"]["losses"] < 6, "a few openings of two plies are lost"
    assert 0.8 < found["score_low"] <= found["score"] <= found["score_high"] <= 1
    assert found["elo_difference"] > 200
    assert found["recorded"] is False
    assert league(*arguments).json == found


def test_evaluate_for_people(league: Command) -> None:
    shown = league("evaluate", "champion", "--against", "main-0000", "--games", "20").out
    assert [line.split()[:2] for line in shown.splitlines()[1:3]] == [["seat", "0"], ["seat", "1"]]
    assert "main-0001 scores" in shown
    assert "Elo difference" in shown
    assert "not recorded" in shown


def test_games_that_repeat_others_do_not_count(league: Command) -> None:
    arguments = ("evaluate", "main-0001", "--against", "main-0000", "--games", "80", "--seed", "1")
    found = league(*arguments, "--json").json
    assert found["repeated"] > 0, "tic-tac-toe has few openings of two plies"
    assert found["games"] + found["repeated"] == 80
    assert f"{counted(found['repeated'], 'game')} without a move that an earlier one lacks" in league(*arguments).out


def test_an_evaluation_is_recorded_on_request_only(league: Command, own: Store) -> None:
    arguments = ("evaluate", "main-0000", "--against", "uniform", "--games", "10", "--json")
    league(*arguments, at=own)
    assert own.match_count() == 10
    found = league(*arguments, "--record", at=own).json
    assert own.match_count() == 11
    assert list(next(own.matches(1, newest_first=True)).total) == list(found["results"].values())
    assert own.verify().problems == ()


@pytest.mark.parametrize(
    ("policy", "against", "reason"),
    [
        ("main-0001", "champion", "both main-0001"),
        ("uniform", "uniform", "both uniform"),
        ("main-1", "uniform", "no policy 'main-1'"),
        ("main-0001", "unifrom", "did you mean 'uniform'"),
    ],
)
def test_evaluations_that_make_no_sense(refused: Refused, policy: str, against: str, reason: str) -> None:
    assert reason in refused("evaluate", policy, "--against", against)


def test_a_damaged_snapshot_cannot_be_evaluated_played_or_exported(
    refused: Refused, own: Store, recorded: Recorded, tmp_path: Path
) -> None:
    damaged = recorded.snapshots[1][0]
    own._call("SET", own._keys.weights(damaged.digest), b"damaged")
    assert damaged.digest in refused("evaluate", "main-0001", "--against", "uniform", at=own)
    assert damaged.digest in refused("play", at=own)
    assert damaged.digest in refused("export", "main-0001", "--output", str(tmp_path / "it.onnx"), at=own)
    assert not list(tmp_path.iterdir())


def say(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{word}\n" for word in words)))


def test_a_game_to_its_end(league: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    # Every cell in turn until the game is over: those that are taken are refused and asked for again.
    say(monkeypatch, "x", "99", "-1", *[str(cell) for cell in range(9)] * 2)
    result = league("play", "--seat", "0", "--seed", "3", "--hints")
    assert result.code == 0
    assert "'99' is not a legal move: one of 0 1 2 3 4 5 6 7 8" in result.out
    assert "main-0001 plays cell" in result.out
    assert "main-0001 expects" in result.out
    assert re.search("^(You win against|You lose against|A draw with) main-0001", result.out, re.MULTILINE)


def test_the_policy_moves_first_from_seat_1(league: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    say(monkeypatch, "hint", "q")
    shown = league("play", "perfect", "--seat", "1", "--hints").out
    assert shown.index("perfect plays cell") < shown.index("your move")
    assert shown.count("no opinion") == 2
    assert shown.splitlines()[-1] == "you left; the game has no result"


def test_hint_undo_resign_and_rematch(league: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    say(monkeypatch, "hint", "0", "undo", "undo", "resign", "x", "y", "q")
    shown = league("play", "--seed", "3").out
    assert "main-0001 expects" in shown
    assert "It would play" in shown
    assert shown.count("no move of yours to take back") == 1
    assert "You have resigned: main-0001 wins." in shown
    assert "'x': y plays again" in shown
    seats = re.findall("you have seat (.) of 2", shown)
    assert sorted(seats) == ["0", "1"], "where the seat is random, one begins after the other"


def test_a_word_that_is_the_name_of_an_action_is_the_action(league: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["quit", "Hint", "resign", *"345678"]
    monkeypatch.setattr("league.interfaces.play.session.action_name", lambda game, row, action: names[action])
    say(monkeypatch, "quit", "q")
    shown = league("play", "uniform", "--seat", "0", "--seed", "3").out
    assert "your move (quit Hint resign 3 4 5 6 7 8; a move, or: h, undo, q):\n" in shown
    assert shown.count("your move (") == 2, "it was played"
    assert shown.splitlines()[-1] == "you left; the game has no result"


def test_the_last_move_and_the_winning_line_are_marked(league: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    say(monkeypatch, *[str(cell) for cell in range(9)] * 2)
    shown = league("play", "perfect", "--seat", "0", "--seed", "1").out
    assert shown.count("(O)") >= 2
    assert "You lose against perfect" in shown
    last = shown[shown.rindex("your move") :]
    assert last.count("[O]") == 3
    assert "\x1b" not in shown
    assert not [line for line in shown.splitlines() if line.endswith(" ")]


def test_what_a_seat_must_not_know(league: Command, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    config = dataclasses.replace(CONFIG, game="rock_paper_scissors")
    config = dataclasses.replace(config, arena=dataclasses.replace(config.arena, bots=("uniform",)))
    with Store.open(str(folder), "hidden") as store:
        store.create(config)
        say(monkeypatch, "undo", "Rock")
        shown = league("play", "uniform", "--seat", "1", at=store).out
    before, after = shown.split("your move (rock paper scissors", 1)
    assert "plays" not in before
    assert "something in it is hidden" in after
    assert re.search("uniform plays (rock|paper|scissors)", after)


def test_games_under_a_name_are_recorded(
    league: Command, refused: Refused, own: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = own.match_count()
    say(monkeypatch, "0", "resign", "y", "undo", "hint", "resign", "y")
    shown = league("play", "--name", "[red]anna", "--seat", "0", "--temperature", "0.5", at=own).out
    assert re.search(r"^\[red\]anna: [+-]\d+ Elo ± \d+, 1 game$", shown, re.MULTILINE)
    assert "does not count" in shown
    first, last = reversed(own.person_games())
    assert (first.person, first.opponent, first.result, first.helped) == (
        "[red]anna",
        "main-0001+temperature0.5",
        "lost",
        False,
    )
    assert last.helped
    assert own.match_count() == before
    found = league("leaderboard", "--people", "--json", at=own).json
    assert [(row["person"], row["games"], row["score"]) for row in found] == [("[red]anna", 1, 0.0)]
    assert found[0]["results"] == {"wins": 0, "draws": 0, "losses": 1}
    check(found)
    assert "[red]anna" in league("leaderboard", "--people", at=own).out
    for name in ("a" * 41, "a\nb", " a", "  "):
        assert "--name: " in refused("play", "--name", name)


def test_the_end_of_the_input_leaves_the_table(league: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    say(monkeypatch)
    result = league("play", "uniform")
    assert result.code == 0
    assert result.out.splitlines()[-1].startswith("you left")


def test_play_that_cannot_begin(refused: Refused) -> None:
    assert "--seat 2: must be one of random, 0, 1" in refused("play", "--seat", "2")
    assert "did you mean 'perfect'" in refused("play", "prefect")
    assert "'5.5' is more than 5" in refused("play", "--temperature", "5.5")
    assert "without a temperature" in refused("play", "perfect", "--temperature", "1")
    for wrong in (("prefect",), ("--seat", "2"), ("perfect", "--temperature", "1"), ("--league", "none")):
        refused("play", "--web", *wrong)


def test_export_to_onnx_computes_the_same(league: Command, tmp_path: Path, recorded: Recorded) -> None:
    path = tmp_path / "deep" / "champion.onnx"
    found = league("export", "champion", "--output", str(path), "--json").json
    assert found["policy"] == "main-0001"
    assert found["file_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found["inputs"] == "observation float32 [N, 3, 3, 2], action_mask float32 [N, 9]"
    session = onnxruntime.InferenceSession(path)
    observation, mask = np.zeros((3, 3, 3, 2), np.float32), np.ones((3, 9), np.float32)
    logits, value = session.run(["logits", "value"], {"observation": observation, "action_mask": mask})
    network = unpack(recorded.snapshots[1][1], game_spec("tic_tac_toe"))
    ours = network(torch.from_numpy(observation), torch.from_numpy(mask) > 0)
    np.testing.assert_allclose(logits, ours[0].detach().numpy(), atol=1e-5)
    np.testing.assert_allclose(value, ours[1].detach().numpy(), atol=1e-5)


def test_export_of_the_weights_into_this_folder(
    league: Command, tmp_path: Path, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = league("export", "main-0002", "--format", "safetensors").out
    assert "main-0002.safetensors" in shown
    assert (tmp_path / "main-0002.safetensors").read_bytes() == recorded.snapshots[2][1]


def test_export_that_cannot_be(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "fixed bot" in refused("export", "uniform")
    assert "it is a folder" in refused("export", "champion", "--format", "safetensors", "--output", str(tmp_path))
    blocked = str(tmp_path / "file" / "policy.st")
    assert "cannot write" in refused("export", "champion", "--format", "safetensors", "--output", blocked)
