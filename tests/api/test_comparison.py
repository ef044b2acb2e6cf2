"""Leagues side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from league.api.comparison import compare
from league.config import LeagueConfig
from league.errors import PolicyError, WrongLeagueError
from league.games import game_spec
from league.interfaces.cli import run
from league.ladder.records import Promotion, Snapshot
from league.matches.arena import Arena
from league.policies.weights import digest, fresh, pack
from league.pool.store import Store
from tests.interfaces.cli.test_keys import check


def small(folder: str, name: str, game: str, seed: int) -> None:
    config = LeagueConfig.from_dict({"game": game, "network": {"kind": "mlp", "hidden": [8]}})
    with Store.open(folder, name) as store:
        store.create(config)
        for number in range(3):
            weights = pack(fresh(game_spec(game), config.network, seed=seed + number))
            snapshot = Snapshot(
                name=f"main-{number:04d}",
                digest=digest(weights),
                learner="main",
                steps=1000 * number,
                created_s=100.0 + 60 * number,
                bytes=len(weights),
            )
            store.add_snapshot(snapshot, weights)
            store.record(Arena(store, config).play(snapshot.name, "uniform", games=10, seed=number))
        store.promote(
            Promotion(policy=snapshot.name, digest=snapshot.digest, by="test", reason="newest", promoted_s=300.0)
        )


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    folder = tmp_path_factory.mktemp("stores")
    one, two = str(folder / "one"), str(folder / "two")
    with Store.open(one), Store.open(two):
        small(one, "league", "tic_tac_toe", 1)
        small(two, "league", "tic_tac_toe", 11)
        small(two, "other", "rock_paper_scissors", 1)
        yield one, two


def test_curves_and_a_match_of_the_champions(stores: tuple[str, str]) -> None:
    found = compare(stores, games=20, seed=1)
    assert [side.name for side in found.sides] == list(stores)
    for side in found.sides:
        assert [point.steps for point in side.curve] == [0, 1000, 2000]
        assert [point.seconds for point in side.curve] == [0.0, 60.0, 120.0]
        assert side.best is not None
        assert side.best.elo == max(point.elo for point in side.curve)
    (cross,) = found.crosses
    assert 0 < cross.total.games <= 20
    assert cross.score.low <= cross.score.value <= cross.score.high
    assert compare(stores, games=20, seed=1).crosses[0].total == cross.total
    assert compare(stores, games=0).crosses == ()


def test_a_champion_meets_itself_as_an_equal(stores: tuple[str, str], tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "copy")):
        small(str(tmp_path / "copy"), "league", "tic_tac_toe", 1)
        (cross,) = compare([stores[0], str(tmp_path / "copy")], games=20, seed=1).crosses
    assert cross.score.value == 0.5


def test_what_cannot_be_compared_is_refused(stores: tuple[str, str]) -> None:
    with pytest.raises(WrongLeagueError, match=r"plays tic_tac_toe and .*#other plays rock_paper_scissors"):
        compare([stores[0], f"{stores[1]}#other"])
    with pytest.raises(PolicyError, match="is named twice"):
        compare([stores[0], stores[0]])
    with pytest.raises(PolicyError, match="two stores or more"):
        compare(stores[:1])
    with pytest.raises(WrongLeagueError, match="no league at"):
        compare([stores[0], f"{stores[0]}-nothing"])


def test_the_command(stores: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = tmp_path / "curves.svg"
    assert run(["compare", *stores, "--games", "10", "--seed", "1", "--image", str(image)]) == 0
    printed = capsys.readouterr().out
    assert "champion of" in printed
    assert printed.count("main-0002") == 2
    assert "Elo above uniform" in image.read_text(encoding="utf-8") or image.stat().st_size > 5000
    assert run(["compare", *stores, "--games", "10", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    check(found)
    assert [one["champion"]["policy"] for one in found["leagues"]] == ["main-0002", "main-0002"]
    (cross,) = found["crosses"]
    assert (cross["row"], cross["row_league"], cross["column_league"]) == ("main-0002", *stores)
    assert run(["compare", *stores, "--games", "0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["crosses"] == []
    assert run(["compare", *stores, "--games", "0"]) == 0
    assert "champion of" not in capsys.readouterr().out
    assert run(["compare", stores[0], f"{stores[1]}#other"]) == 2
    assert "only leagues of one game can be compared" in capsys.readouterr().err
