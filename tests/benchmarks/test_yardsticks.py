"""What measures strength is itself right: the independent bots, the solver's sets, the solver at the table."""

from __future__ import annotations

import json
import math
import sys
from functools import cache
from itertools import product
from pathlib import Path

import pytest
import torch

pytest.importorskip("bitbully", reason="needs the extra dev")

from benchmarks import cubes, solved, strength, timeline, yardsticks
from league.config import LeagueConfig
from league.games import Turn, game_spec, make_bot
from league.games.solver import Solver
from league.ladder.records import Promotion, Snapshot
from league.policies.weights import digest, fresh, pack
from league.pool.store import Store

# Written from the rules and the docstrings alone: a board is text, row by row from the top; X is to move, O is not.
STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))
LINES = [
    [7 * (r + i * down) + c + i * right for i in range(4)]
    for r, c, (down, right) in product(range(6), range(7), STEPS)
    if r + 3 * down < 6 and 0 <= c + 3 * right < 7
]


def text_of(observation: torch.Tensor) -> str:
    return "".join("X" if cell[0] else "O" if cell[1] else "." for cell in observation.reshape(42, 2).tolist())


def played(board: str, column: int) -> str | None:
    """After X has played, seen by the other seat, which is X now; None where the column is full."""
    row = next((r for r in range(5, -1, -1) if board[7 * r + column] == "."), None)
    if row is None:
        return None
    cell = 7 * row + column
    return (board[:cell] + "X" + board[cell + 1 :]).translate(str.maketrans("XO", "OX"))


def four(board: str, stone: str) -> bool:
    return any(all(board[cell] == stone for cell in line) for line in LINES)


def plain_scores(board: str, depth: int) -> dict[int, float]:
    """Of every legal column, by looking at each line of play."""
    scores = {}
    for column in range(7):
        after = played(board, column)
        if after is None:
            continue
        if four(after, "O"):
            scores[column] = cubes.WIN + depth
        elif "." not in after:
            scores[column] = 0
        elif depth == 1:
            scores[column] = -sum(plain_worth(after, line) for line in LINES)
        else:
            scores[column] = -max(plain_scores(after, depth - 1).values())
    return scores


def plain_worth(board: str, line: list[int]) -> int:
    stones = [board[cell] for cell in line]
    mine, theirs = stones.count("X"), stones.count("O")
    return mine**3 if not theirs else -(theirs**3) if not mine else 0


@cache
def plain_value(board: str) -> int:
    """1, 0 or -1 for X under best play, by playing everything to its end."""
    values = []
    for column in range(7):
        after = played(board, column)
        if after is not None:
            values.append(1 if four(after, "O") else 0 if "." not in after else -plain_value(after))
            if values[-1] == 1:
                break
    return max(values)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_cubes_equals_a_plain_search(depth: int) -> None:
    positions = solved.random_positions(60 // depth**2, range(0, 40), seed=depth)
    found = cubes.scores(*cubes.words(positions), depth)
    for observation, row in zip(positions, found, strict=True):
        expected = plain_scores(text_of(observation), depth)
        best = max(expected.values())
        assert {c for c in range(7) if row[c] == row.max()} == {c for c, score in expected.items() if score == best}
        if best < cubes.WIN:  # Beside a win nothing else is scored.
            assert {c: row[c] for c in expected} == expected


def test_all_lines_are_counted_once() -> None:
    assert len(LINES) == 69
    board = torch.zeros(1, 6, 7, 2)
    board[0, 5, 3, 0] = 1
    mine, theirs = cubes.words(board)
    assert cubes.worth(mine, theirs)[0] == sum(7 * 5 + 3 in line for line in LINES)


def test_deeper_is_stronger() -> None:
    tallies = [
        yardsticks.play(cubes.Cubes(4), cubes.Cubes(1), seat=seat, games=40, seed=0, opening_plies=4) for seat in (0, 1)
    ]
    assert tallies[0].plus(tallies[1]).score > 0.8


def test_the_solver_agrees_with_playing_to_the_end() -> None:
    positions = solved.random_positions(40, range(31, 36), seed=1)
    for observation, row in zip(positions, solved.solve(positions).tolist(), strict=True):
        board = text_of(observation)
        for column in range(7):
            after = played(board, column)
            if after is None:
                assert row[column] == solved.FULL
            else:
                value = 1 if four(after, "O") else 0 if "." not in after else -plain_value(after)
                assert math.copysign(1, row[column]) * (row[column] != 0) == value


def test_sets_repeat_and_do_not_meet() -> None:
    late = solved.solved(solved.STAGES["late"], 1, count=30)
    assert torch.equal(late.observation, solved.solved(solved.STAGES["late"], 1, count=30).observation)
    assert not torch.equal(late.observation, solved.solved(solved.STAGES["late"], 2, count=30).observation)
    assert set(late.observation.sum(dim=(1, 2, 3)).long().tolist()) <= set(solved.STAGES["late"])


def test_wins_and_blocks_are_what_they_say() -> None:
    for observation, right in zip(*solved.wins(1, count=30), strict=True):
        board = text_of(observation)
        wins = [c for c in range(7) if (after := played(board, c)) and four(after, "O")]
        assert right.nonzero().squeeze(1).tolist() == wins
    for observation, right in zip(*solved.blocks(1, count=30), strict=True):
        board = text_of(observation)
        safe = [
            c
            for c in range(7)
            if (after := played(board, c))
            and not any((reply := played(after, d)) and four(reply, "O") for d in range(7))
        ]
        assert right.nonzero().squeeze(1).tolist() == safe
        assert len(safe) == 1


def test_perfect_makes_no_mistake_and_others_do() -> None:
    perfect, uniform = Solver(), make_bot("uniform", game_spec("connect_four"))
    for one in (solved.solved(solved.STAGES["middle"], 3, count=20), solved.wins(3, 20), solved.blocks(3, 20)):
        assert solved.missed(perfect, one) == 0
    assert solved.missed(uniform, solved.wins(3, 60)) > 0.5


def test_perfect_wins_from_the_empty_board() -> None:
    assert tuple(yardsticks.play(Solver(), cubes.Cubes(4), seat=0, games=3, seed=0, opening_plies=0)) == (
        3,
        0,
        0,
    )


def test_mistakes_fall_with_search() -> None:
    from league.config import NetworkConfig
    from league.policies.player import NetworkPlayer
    from league.policies.search import SearchPlayer

    network = fresh(game_spec("connect_four"), NetworkConfig(kind="mlp", hidden=(16,)), seed=0)
    late = solved.solved(solved.STAGES["late"], 5, count=150)
    plain = solved.missed(NetworkPlayer(network, sample=False), late)
    few, many = (solved.missed(SearchPlayer(network, count, sample=False), late) for count in (8, 100))
    assert plain > 0.2
    assert few < plain / 2
    assert many < 0.03


def test_both_seats_have_the_same_openings() -> None:
    seen: list[list[bytes]] = []

    class Witness(cubes.Cubes):
        def choose(self, turn: Turn) -> torch.Tensor:
            if turn.observation[0].sum() == 2:
                seen.append([board.numpy().tobytes() for board in turn.observation])
            return super().choose(turn)

    yardsticks.play(Witness(1), cubes.Cubes(1), seat=0, games=10, seed=4)
    yardsticks.play(cubes.Cubes(1), Witness(1), seat=1, games=10, seed=4)
    assert seen[0] == seen[1]
    assert len(set(seen[0])) > 5


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A league of four snapshots, frozen ten seconds apart; the second was champion, then the fourth."""
    folder = str(tmp_path_factory.mktemp("strength") / "store")
    config = LeagueConfig.from_dict({"network": {"kind": "mlp", "hidden": [8]}})
    with Store.open(folder) as opened:
        opened.create(config)
        for number in range(4):
            weights = pack(fresh(game_spec(config.game), config.network, seed=number))
            snapshot = Snapshot(
                name=f"main-{number:04d}",
                digest=digest(weights),
                learner="main",
                steps=1000 * number,
                created_s=100.0 + 10 * number,
                bytes=len(weights),
            )
            opened.add_snapshot(snapshot, weights)
            if number in (1, 3):
                promotion = Promotion(
                    policy=snapshot.name,
                    digest=snapshot.digest,
                    by="coordinator",
                    reason="best",
                    promoted_s=snapshot.created_s + 5,
                )
                opened.promote(promotion)
    return folder


def test_marks(store: str) -> None:
    with Store.open(store, create=False) as opened:
        assert timeline.Timeline(opened).marks(5) == [
            (7.0, None, "main-0000"),
            (14.0, None, "main-0001"),
            (21.0, "main-0001", "main-0002"),
            (28.0, "main-0001", "main-0002"),
            (35.0, "main-0003", "main-0003"),
        ]
        since = timeline.Timeline(opened, 65.0)
        assert since.marks(2) == [(35.0, None, "main-0000"), (70.0, "main-0003", "main-0003")]
        assert since.learned("main-0002") == (2000, 55.0)


def test_a_store_is_measured(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    picture = tmp_path / "curve.png"
    few = ["--store", store, "--games", "2", "--positions", "8", "--perfect", "1"]
    more = ["--points", "2", "--search", "4", "--json", "--plot", str(picture)]
    monkeypatch.setattr(sys, "argv", ["strength", *few, *more])
    assert strength.main() == 0
    found = json.loads(capsys.readouterr().out)
    assert found["median"] == found["leagues"][0]
    last = found["leagues"][0]["marks"][-1]
    assert last["main"]["policy"] == "main-0003"
    assert set(last["main"]["scores"]) == {*yardsticks.INDEPENDENT, *yardsticks.OWN}
    assert found["leagues"][0]["searched"]["policy"].endswith("+search4")
    assert found["promised"] == []
    assert found["held"]
    assert picture.stat().st_size > 1000
    monkeypatch.setattr(sys, "argv", ["strength", *few, "--points", "1"])
    assert strength.main() == 0
    assert "moving first from the empty board against best play" in capsys.readouterr().out


@pytest.mark.long
def test_a_league_is_trained_and_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """Two of a few seconds, with real learners."""
    few = ["--games", "2", "--positions", "8", "--points", "1", "--keep", str(tmp_path)]
    small = ["network.kind=mlp", "network.hidden=[8]", "arena.closing_s=0", "arena.games=2"]
    settings = [word for setting in small for word in ("--set", setting)]
    monkeypatch.setattr(sys, "argv", ["strength", "--minutes", "0.1", "--seeds", "2", *few, *settings, "--json"])
    assert strength.main() == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["leagues"]) == 2
    for seed, league in enumerate(found["leagues"]):
        assert league["marks"][0]["seconds"] > 6, "the clock starts with the command"
        with Store.open(str(tmp_path / f"seed-{seed}"), create=False) as opened:
            assert opened.require_config().seed == seed


def test_training_that_fails_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["strength", "--set", "no.such=1", "--keep", str(tmp_path)])
    assert strength.main() == 2
    assert "league train ended with exit code 2" in capsys.readouterr().err


def test_what_cannot_be_measured(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    with Store.open(store, "noughts") as opened:
        opened.create(LeagueConfig.from_dict({"game": "tic_tac_toe"}))
    for options, reason in (
        (["--store", str(tmp_path / "none")], "no league at"),
        (["--store", store, "--league", "noughts"], "plays tic_tac_toe, not connect_four"),
        (["--minutes", "0"], "--minutes 0: must be above 0"),
    ):
        monkeypatch.setattr(sys, "argv", ["strength", *options])
        assert strength.main() == 2
        assert reason in capsys.readouterr().err


def a_row(score: float, mistakes: float) -> dict[str, object]:
    return {"scores": {name: {"score": score} for name in ("n-2", "n-4", "n-5")}, "mistakes": {"mean": mistakes}}


@pytest.mark.parametrize(
    ("minutes", "score", "mistakes", "held"),
    [
        (1, 0.0, 1.0, []),
        (3, 0.6, 0.05, [False, True, True, True]),
        (3, 0.7, 0.07, [True, True, True, False]),
        (10, 0.95, 0.03, [True] * 4),
        (59, 0.93, 0.02, [False, True, True, True]),
    ],
)
def test_promises(minutes: float, score: float, mistakes: float, held: list[bool]) -> None:
    report = {"marks": [{"champion": a_row(score, mistakes)}]}
    assert [one["held"] for one in strength.promised(report, minutes, 0)] == held


def test_without_a_champion_nothing_is_held() -> None:
    assert not any(one["held"] for one in strength.promised({"marks": [{"champion": None}]}, 3, 0))


def test_the_median() -> None:
    leagues = [{"a": 1.0, "b": [1, {"c": 5}], "policy": "x"}, {"a": 9.0, "b": [2, None], "policy": "y"}]
    leagues.append({"a": 2.0, "b": [9, {"c": 7}], "policy": "z"})
    assert strength.median(leagues) == {"a": 2.0, "b": [2, None], "policy": "x"}
