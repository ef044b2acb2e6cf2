"""The module that RLlib trains: the precision of its gradient steps, and of the games that it learns from."""

from dataclasses import fields

import pytest
import torch
from ray.rllib.core.columns import Columns

from league.config import LeagueConfig, LearningConfig
from league.games import game_spec
from league.learning.module import ACTION_MASK, OBSERVATION, module_spec
from league.policies.network import WORTH_ROUNDING, acting, computes_bfloat16

SPEC = game_spec("connect_four")


def build(precision):
    config = LeagueConfig.from_dict({"network": {"kind": "mlp", "hidden": [64]}, "learning": {"precision": precision}})
    return module_spec(SPEC, config, 0).build()


def batch(rows=256):
    generator = torch.Generator().manual_seed(0)
    observation = torch.randint(0, 2, (rows, *SPEC.shape), generator=generator).float()
    legal = torch.rand(rows, SPEC.actions, generator=generator) < 0.8
    return {Columns.OBS: {OBSERVATION: observation, ACTION_MASK: legal.float()}}


def test_bfloat16_is_close_and_everything_but_the_products_is_float32():
    exact, rounded = build("float32"), build("bfloat16")
    given = batch()
    for name in (Columns.ACTION_DIST_INPUTS, Columns.EMBEDDINGS):
        ours, theirs = rounded.forward_train(given)[name], exact.forward_train(given)[name]
        assert ours.dtype == torch.float32
        torch.testing.assert_close(ours, theirs, rtol=0.02, atol=0.02)
    assert not torch.equal(ours, theirs)  # Else nothing was rounded, and the knob does nothing.
    values = rounded.compute_values(given)
    torch.testing.assert_close(values, exact.compute_values(given), rtol=0.02, atol=0.02)
    values.sum().backward()
    assert {p.dtype for p in rounded.parameters()} == {torch.float32}
    assert {p.grad.dtype for p in rounded.parameters() if p.grad is not None} == {torch.float32}


def test_float32_keeps_a_gpu_from_tf32_in_products_and_in_convolutions():
    for precision in ("float32", "bfloat16", None, "float32"):
        build(precision)
        allowed = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
        assert allowed == (precision != "float32",) * 2
    about = {field.name: field.metadata["about"] for field in fields(LearningConfig)}
    assert "float32 keeps a GPU from TF32" in about["precision"]


def enough():
    """Positions that are worth rounding."""
    return WORTH_ROUNDING // sum(weights.numel() for weights in build("float32").network.body.parameters()) + 1


def test_auto_asks_the_device_and_how_much_there_is_to_multiply():
    exact, auto = build("float32"), build(None)
    for rows, pays in ((enough(), True), (enough() - 1, False)):
        ours, theirs = (one.forward_train(batch(rows))[Columns.EMBEDDINGS] for one in (auto, exact))
        assert torch.equal(ours, theirs) != (pays and computes_bfloat16("cpu"))
    assert not computes_bfloat16("mps")


def test_games_are_played_as_they_are_learned_from():
    network, seen = build("float32").network, batch(enough())[Columns.OBS][OBSERVATION]
    exact = network.features(seen)
    for precision, rounds in (("float32", False), ("bfloat16", True), (None, computes_bfloat16("cpu"))):
        playing = acting(network, precision)
        assert torch.equal(playing.features(seen), exact) != rounds
        assert playing.body is network.body  # The same weights: of such networks none is copied.
    assert torch.equal(network.features(seen), exact)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_is_asked_too():
    assert computes_bfloat16("cuda") == (torch.cuda.get_device_capability()[0] >= 8)
