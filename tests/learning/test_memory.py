"""A minibatch and the memory that there is: what a network keeps of each position, and what is cut into parts."""

from typing import Any

import pytest
import torch

from league.config import LeagueConfig
from league.config.files import load_config
from league.games import game_spec
from league.learning.learner import LeagueLearner
from league.learning.runner import LEARNER_MODULE
from league.policies.network import Windows3x3
from league.policies.weights import fresh
from tests.learning.alone import Alone, alone
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


def gradients(learner: LeagueLearner, batch: Any, parts: int) -> dict[Any, torch.Tensor]:
    """Of one step, as the optimiser is given them, without a step."""
    found: dict[Any, torch.Tensor] = {}
    learner.parts, learner.apply_gradients = parts, found.update  # type: ignore[method-assign]
    learner._in_parts(learner._convert_batch_type(batch).policy_batches)
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
    with SmallMemory(most) as memory:
        for _ in range(2):
            one.update(batch)
    return memory


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


def test_a_memory_that_holds_not_one_position_is_an_error() -> None:
    one = alone(CONFIG)
    rows = one.learner._convert_batch_type(one.played()).policy_batches
    with SmallMemory(100), pytest.raises(torch.OutOfMemoryError):
        one.learner._in_parts(rows)
    assert one.learner.parts >= len(rows[LEARNER_MODULE])


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
