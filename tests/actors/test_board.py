"""What TensorBoard shows of a learner, read back from the files."""

from __future__ import annotations

from pathlib import Path

import pytest

from league.actors.board import Board
from league.config import LeagueConfig
from league.games import game_spec
from league.iteration import Iteration, Usage
from league.ladder.records import Promotion, Snapshot, Tally
from league.matches.arena import Arena
from league.policies.weights import digest, fresh, pack
from league.pool.store import Store

CONFIG = LeagueConfig.from_dict({"game": "tic_tac_toe", "network": {"kind": "mlp", "hidden": [8]}})
SPEC = game_spec(CONFIG.game)
ITERATION = Iteration(
    results={"main-0000": Tally(3, 0, 1), "main-0001": Tally(1, 0, 3), "uniform": Tally(4, 0, 0)},
    plies=100,
    steps=50,
    losses={"policy_loss": 0.5},
    sample_s=0.1,
    learn_s=0.2,
    usage=Usage(),
)


def test_opponents_are_one_chart_and_strength_is_a_curve(tmp_path: Path) -> None:
    loading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="extra tensorboard")
    board = Board(tmp_path / "main", SPEC, ("uniform",))
    network = fresh(SPEC, CONFIG.network, 1)
    board.describe(CONFIG)
    board.draw(network)
    board.learned(ITERATION, 1.0, 1, 50)
    weights = pack(network)
    with Store.open(str(tmp_path / "runs")) as store:
        store.create(CONFIG)
        snapshot = Snapshot(
            name="main-0000", digest=digest(weights), learner="main", steps=40, created_s=1.0, bytes=len(weights)
        )
        store.add_snapshot(snapshot, weights)
        store.promote(Promotion(policy="main-0000", digest=snapshot.digest, by="test", reason="only", promoted_s=2.0))
        match = Arena(store, CONFIG).play("main-0000", "uniform", games=10, seed=1)
        store.record(match)
        board.rated(store, "main", 60)
        shown = store.ratings()["main-0000"]
    board.close()
    read = loading.EventAccumulator(str(tmp_path / "main"))
    read.Reload()
    tags = read.Tags()
    charts = {name for name in tags["scalars"] if name.startswith(("training/", "elo/", "score/"))}
    assert charts == {"training/snapshots", "training/uniform", "elo/newest", "elo/champion", "score/uniform"}
    (point,) = read.Scalars("training/snapshots")
    assert (point.step, point.value) == (50, 0.5)
    (score,) = read.Scalars("score/uniform")
    assert score.value == pytest.approx(match.total.score)
    assert shown.games == match.total.games
    drawn = loading.EventAccumulator(str(tmp_path / "main" / "network"))
    drawn.Reload()
    assert drawn.Tags()["graph"]
    assert any("configuration" in name for name in tags["tensors"])
    assert (tmp_path / "main" / "configuration").is_dir()


def test_a_league_that_began_without_tensorboard_is_drawn_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="extra tensorboard")
    network = fresh(SPEC, CONFIG.network, 1)
    with monkeypatch.context() as without:
        without.setattr("league.actors.board.find_spec", lambda name: None)
        board = Board(tmp_path / "main", SPEC, ())
        board.draw(network)
        board.close()
    read = loading.EventAccumulator(str(tmp_path / "main"))
    read.Reload()
    (said,) = read.Tensors("graph/text_summary")
    assert b"tensorboard]" in said.tensor_proto.string_val[0]
    for _ in range(2):
        board = Board(tmp_path / "main", SPEC, ())
        board.draw(network)
        board.close()
    assert len(list((tmp_path / "main" / "network").iterdir())) == 1
    drawn = loading.EventAccumulator(str(tmp_path / "main" / "network"))
    drawn.Reload()
    assert drawn.Tags()["graph"]
