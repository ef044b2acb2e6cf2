"""A minibatch and the memory that there is: what a network keeps of each position, and what is cut into parts."""

import time
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from ray.rllib.core.learner.torch.torch_learner import TorchLearner
from ray.rllib.core.learner.training_data import TrainingData
from torch.utils._pytree import tree_leaves

from league.config import LeagueConfig
from league.config.files import load_config
from league.errors import ClusterError, GameError
from league.games import game_spec
from league.learning import memory
from league.learning.learner import ROW, LeagueLearner
from league.learning.runner import LEARNER_MODULE
from league.policies.network import Windows3x3
from league.policies.weights import fresh
from league.rollout.collect import Collector
from league.rollout.opponents import Opponents
from tests.learning.alone import Alone, alone
from tests.learning.card import NAME, Card
from tests.learning.small_memory import SmallMemory

SPEC = game_spec("connect_four")
CONFIG = LeagueConfig.from_dict(
    {
        "game": SPEC.name,
        "network": {"kind": "conv", "channels": 8, "blocks": 2, "hidden": [16]},
        "rollout": {"games": 64, "plies": 8},
        "learning": {"lookahead": False, "precision": "float32"},
    }
)


def numbered(learner: LeagueLearner, batch: Any) -> Any:
    """A minibatch of the whole batch."""
    return learner._make_batch_if_necessary(training_data=TrainingData(batch=batch)).policy_batches


def gradients(learner: LeagueLearner, batch: Any, parts: int) -> dict[Any, torch.Tensor]:
    """Of one step, as the optimiser is given them, without a step."""
    found: dict[Any, torch.Tensor] = {}
    learner.parts, learner.apply_gradients = parts, found.update  # type: ignore[method-assign]
    learner._in_parts(numbered(learner, batch))
    return {name: gradient.clone() for name, gradient in found.items()}


@pytest.mark.parametrize("parts", [2, 7])
def test_a_minibatch_in_parts_has_the_same_gradient(parts: int) -> None:
    one = alone(CONFIG)
    batch = one.played()
    assert len(batch) % 7, "parts differ in size, too"
    whole, cut = gradients(one.learner, batch, 1), gradients(one.learner, batch, parts)
    assert set(whole) == set(cut) != set()
    for name, gradient in whole.items():
        torch.testing.assert_close(cut[name], gradient, rtol=1e-4, atol=1e-6)
    assert any(bool(gradient.any()) for gradient in whole.values())


def learned(one: Alone, most: int) -> SmallMemory:
    """A learner updates twice from the same moves, with so many bytes of memory for it."""
    batch = one.played()
    with SmallMemory(most) as held:
        for _ in range(2):
            one.update(batch)
    return held


def test_where_memory_is_too_small_the_same_is_learned_in_parts() -> None:
    plenty, narrow = alone(CONFIG), alone(CONFIG)
    needed = learned(plenty, 2**40)
    little = learned(narrow, int(0.7 * needed.peak))
    assert plenty.learner.parts == 1
    assert narrow.learner.parts in (2, 4, 8)
    assert 2**little.refused == narrow.learner.parts, "once each time that parts are doubled"
    for mine, other in zip(
        narrow.learner.module[LEARNER_MODULE].parameters(),
        plenty.learner.module[LEARNER_MODULE].parameters(),
        strict=True,
    ):
        torch.testing.assert_close(mine, other, atol=1e-4, rtol=1e-3)


def test_a_memory_that_holds_not_one_position_is_waited_for_and_then_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    one = alone(CONFIG)
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    rows = numbered(one.learner, one.played())
    with SmallMemory(100), pytest.raises(ClusterError, match="end what else fills it"):
        one.learner._in_parts(rows)
    assert one.learner.parts >= len(rows[LEARNER_MODULE])
    assert waited == list(memory.WAITS_S)


@pytest.mark.parametrize(
    ("error", "is_it"),
    [
        (torch.OutOfMemoryError(), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR"), True),
        (RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_says_that_memory_did_not_suffice(error: Exception, is_it: bool) -> None:
    assert memory.out_of_memory(error) == is_it
    wrapped = GameError("my_game: it broke")
    wrapped.__cause__ = error
    assert memory.out_of_memory(wrapped) == is_it


def test_a_batch_for_which_there_is_no_room_stays_on_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    one = alone(CONFIG)
    batch, convert = one.played(), TorchLearner._convert_batch_type

    def full(learner: Any, batch: Any, to_device: bool = True, pin: bool = False) -> Any:
        if to_device:
            raise RuntimeError("CUDA error: out of memory")
        return convert(learner, batch, to_device=False)

    with monkeypatch.context() as narrow:
        narrow.setattr(TorchLearner, "_convert_batch_type", full)
        one.update(batch)
    (said,) = one.learner.memory
    assert "stays on the host" in said
    one.update(batch)
    assert one.learner.memory == (), "there is room again"


def test_of_a_batch_on_the_host_the_rows_of_a_step_are_moved() -> None:
    one = alone(CONFIG)
    numbers = numbered(one.learner, one.played())[LEARNER_MODULE][ROW]
    here = one.learner._taken(LEARNER_MODULE, numbers[:5], None)
    one.learner._device = torch.device(NAME)
    with Card() as card:
        there = one.learner._taken(LEARNER_MODULE, numbers[:5], None)
        assert {leaf.device.type for leaf in tree_leaves(dict(there))} == {NAME}
        assert torch.equal(there["actions"].cpu(), here["actions"])
    assert card.copied == [5]


def test_a_runner_for_whose_games_there_is_no_room_plays_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    one = alone(CONFIG)
    one.runner.take(one.runner.module.get_state(), Opponents(shares={"uniform": 1.0}))
    collect = Collector.collect

    def narrow(collector: Collector, *how: Any) -> Any:
        if collector.table.game.num_games > 16:
            raise torch.OutOfMemoryError
        return collect(collector, *how)

    assert one.runner.sample().rollout.memory == ()
    monkeypatch.setattr(Collector, "collect", narrow)
    rollout = one.runner.sample().rollout
    assert rollout.plies == 16 * 8
    assert rollout.memory == ("the GPU's memory does not hold 64 games; 16 are played at once from now on",)
    assert one.runner.sample().rollout.plies == 16 * 8
    assert set(one.runner.collector._names.values()) == {"uniform"}, "against the same opponents"
    monkeypatch.setattr(memory, "WAITS_S", ())
    monkeypatch.setattr(Collector, "collect", Mock(side_effect=RuntimeError("CUDA out of memory")))
    with pytest.raises(ClusterError, match="CUDA out of memory"):
        one.runner.sample()


def kept(network: torch.nn.Module, boards: int) -> int:
    """Bytes that the backward pass of a network's body needs, in bfloat16."""
    found: dict[int, int] = {}
    held: list[torch.Tensor] = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        held.append(tensor)  # Else another one is stored there soon.
        found[tensor.untyped_storage()._cdata] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), torch.autocast("cpu"):
        network.features(torch.zeros(boards, *SPEC.shape))
    return sum(found.values())


def test_the_residual_network_keeps_an_activation_once_where_it_convolves(monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_config(preset="gpu").network
    network = fresh(SPEC, config, 0)
    product = (kept(network, 16) - kept(network, 8)) / 8
    monkeypatch.setattr(Windows3x3, "forward", Windows3x3.convolved)  # As it is on a GPU.
    convolution = (kept(network, 16) - kept(network, 8)) / 8
    activation = 6 * 7 * config.channels * 2
    assert convolution < (4 * config.blocks + 4) * activation
    assert product > 4 * convolution
