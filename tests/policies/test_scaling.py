"""Observations and returns of any size come to a network as numbers that suit it, and nobody else has to know."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from league.config import NetworkConfig
from league.errors import ConfigError
from league.games import game_spec
from league.games.base import Bounds
from league.policies.network import settled
from league.policies.onnx import export_onnx
from league.policies.scaling import Scaling, measure, summary
from league.policies.weights import digest, fresh, pack, unpack

CARDS = dataclasses.replace(game_spec("leduc_poker"), name="cards", shape=(4,), stakes=None)
CONFIG = NetworkConfig(kind="mlp", hidden=(16,))
INF = float("inf")


def spec(*bounds):
    """A game whose observations have these bounds, (low, high) of each element."""
    low, high = zip(*bounds, strict=True)
    return dataclasses.replace(CARDS, shape=(len(low),), bounds=Bounds.of(low, high))


def test_bounds_are_brought_to_one_and_what_is_small_is_left_alone():
    scaling = Scaling(spec((0, 255), (-100, 100), (0, 1), (-1, 1), (50, 60)))
    low = torch.tensor([[0.0, -100, 0, -1, 50]])
    high = torch.tensor([[255.0, 100, 1, 1, 60]])
    assert scaling.view(low).tolist() == [[0, -1, 0, -1, 0]]
    assert scaling.view(high).tolist() == [[1, 1, 1, 1, 1]]
    # What is bounded stays so, whatever is seen.
    scaling.take(summary(np.full((9, 5), 7, np.float32), np.ones(9, np.float32), 1.0))
    assert scaling.view(high).tolist() == [[1, 1, 1, 1, 1]]


def test_statistics_of_parts_are_those_of_the_whole():
    random = np.random.default_rng(0)
    seen = random.normal([5e4, -3, 1e-3, 0], [300, 2, 1e-3, 1], (4000, 4)).astype(np.float32)
    scaling = Scaling(spec((-INF, INF), (-INF, INF), (0, INF), (-INF, INF)))
    for part in np.split(seen, [100, 1000, 2500]):
        scaling.take(summary(part, np.ones(1, np.float32), 1.0))
    np.testing.assert_allclose(scaling.shift, seen.mean(axis=0), rtol=1e-3, atol=1e-3)
    viewed = scaling.view(torch.from_numpy(seen))[:, [0, 1, 3]]
    torch.testing.assert_close(viewed.mean(dim=0), torch.zeros(3), atol=0.02, rtol=0)
    torch.testing.assert_close(viewed.std(dim=0), torch.ones(3), atol=0.02, rtol=0)


def test_what_never_changes_and_what_never_occurred_stay_small():
    scaling = Scaling(spec((-INF, INF), (-INF, INF)))
    seen = np.stack([np.full(50, 1e4), np.arange(50)], axis=1).astype(np.float32)
    scaling.take(summary(seen, np.ones(1, np.float32), 1.0))
    assert scaling.view(torch.tensor([[1e4, 24.5]])).abs().max() < 1e-3
    assert scaling.view(torch.tensor([[1e9, -1e9]])).tolist() == [[10, -10]]


@pytest.mark.parametrize(
    ("largest", "square", "unit"), [(1.0, 0.3, 1.0), (2.0, 1.0, 1.0), (250.0, 2500.0, 50.0), (0.01, 2.5e-5, 0.005)]
)
def test_returns_of_about_one_are_left_as_they_are(largest, square, unit):
    network = fresh(CARDS, CONFIG, 0)
    returns = np.full(10, square**0.5, np.float32)
    network.take(summary(np.zeros((10, 4), np.float32), returns, largest))
    assert float(network.scaling.unit) == pytest.approx(unit, rel=1e-5)


def test_a_new_unit_changes_nothing_that_is_said():
    network = fresh(CARDS, CONFIG, 0)
    seen, legal = torch.randn(5, 4), torch.ones(5, 3, dtype=torch.bool)
    before = network(seen, legal)
    network.take(summary(np.zeros((10, 4), np.float32), np.full(10, 40, np.float32), 100.0))
    assert float(network.scaling.unit) == pytest.approx(40)
    for one, other in zip(network(seen, legal), before, strict=True):
        torch.testing.assert_close(one, other)
    learned = network.scaled_values(network.features(seen))
    torch.testing.assert_close(learned * 40, before[1])


def test_games_that_are_about_one_have_no_scaling():
    for name in ("connect_four", "tic_tac_toe", "rock_paper_scissors"):
        for kind in ("mlp", None):
            assert settled(NetworkConfig(kind=kind), game_spec(name)).normalize is False
    assert settled(NetworkConfig(), game_spec("leduc_poker")).normalize
    with pytest.raises(ConfigError, match=r"network\.normalize = true: tables"):
        fresh(game_spec("tic_tac_toe"), NetworkConfig(kind="tables", normalize=True), 0)


def test_statistics_belong_to_the_weights():
    wide = spec((-INF, INF), (0, 255), (0, 1), (-INF, INF))
    network = fresh(wide, CONFIG, 0)
    seen = np.random.default_rng(1).normal(1000, 300, (64, 4)).astype(np.float32)
    network.take(summary(seen, np.full(9, 70, np.float32), 100.0))
    again = unpack(pack(network), wide)
    asked, legal = torch.from_numpy(seen), torch.ones(64, 3, dtype=torch.bool)
    for one, other in zip(again(asked, legal), network(asked, legal), strict=True):
        assert torch.equal(one, other)
    assert pack(again) == pack(network)


def test_a_snapshot_from_before_sees_observations_as_they_are():
    wide = spec((0, 255), (0, 255), (0, 255), (0, 255))
    network = fresh(wide, dataclasses.replace(CONFIG, normalize=False), 0)
    packed = pack(network)
    size = int.from_bytes(packed[:8], "little")
    header = json.loads(json.loads(packed[8 : 8 + size])["__metadata__"]["league"])
    del header["network"]["normalize"]  # As it was written then.
    old = unpack(save(load(packed), metadata={"league": json.dumps(header, sort_keys=True)}), wide)
    assert old.scaling is None
    asked, legal = torch.rand(3, 4) * 255, torch.ones(3, 3, dtype=torch.bool)
    for one, other in zip(old(asked, legal), network(asked, legal), strict=True):
        assert torch.equal(one, other)


def test_the_exported_file_takes_observations_as_they_are(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    wide = spec((-INF, INF), (0, 255), (0, 1), (-INF, INF))
    network = fresh(wide, CONFIG, 0)
    seen = np.random.default_rng(1).normal(1000, 300, (7, 4)).astype(np.float32)
    network.take(summary(seen, np.full(9, 70, np.float32), 100.0))
    export_onnx(network, tmp_path / "policy.onnx", policy="main-0000", digest=digest(pack(network)))
    session = runtime.InferenceSession(tmp_path / "policy.onnx", providers=["CPUExecutionProvider"])
    logits, value = session.run(None, {"observation": seen, "action_mask": np.ones((7, 3), np.float32)})
    ours = network(torch.from_numpy(seen), torch.ones(7, 3, dtype=torch.bool))
    np.testing.assert_allclose(logits, ours[0].detach(), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(value, ours[1].detach(), rtol=1e-4, atol=1e-3)


def test_random_play_measures_a_game():
    seen = measure(game_spec("leduc_poker"), 0)
    assert seen.error is None
    assert seen.rows > 1000
    assert 5 <= seen.largest <= 13
    assert 1 < seen.square < 50
