"""Boards, network, advantages and gradient steps stay on their device, as one shows that stands for a GPU."""

from typing import Any, Self

import pytest
import torch
from ray.rllib.core.learner.torch import torch_learner
from ray.rllib.utils.schedules.scheduler import Scheduler
from torch.optim import adam

from league.config import LeagueConfig
from league.games import make_game, registry
from league.learning import runner as runners
from league.policies.device import Chosen
from league.policies.weights import fresh, pack
from league.rollout.opponents import Opponents
from tests.learning.alone import alone
from tests.learning.card import NAME, Card

BOARDS = 128


def settings(kind: str, **learning: Any) -> LeagueConfig:
    return LeagueConfig.from_dict(
        {
            "game": "connect_four",
            "network": {"kind": kind, "hidden": [16], "channels": 8, "blocks": 1},
            "rollout": {"games": BOARDS, "plies": 12},
            "learning": {"precision": "float32", **learning},
        }
    )


class _Generator(torch.Generator):
    """torch knows none on a device that is no accelerator; this one's numbers are the host's."""

    def __new__(cls, device: str = "cpu") -> Self:
        return super().__new__(cls)


def _tensor(data: Any, *, device: Any = None, make: Any = torch.tensor, **how: Any) -> torch.Tensor:
    """torch makes an empty one there, as nothing can be written to `meta`."""
    made: torch.Tensor = make(data, **how)
    return made if device is None else made.to(device)


def _on_host(schedule: Scheduler, initial_value: float) -> torch.Tensor:
    return torch.tensor(initial_value)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Card:
    """The device, on which everybody is who asks for one."""
    monkeypatch.setattr(torch, "Generator", _Generator)
    monkeypatch.setattr(torch, "tensor", _tensor)
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda kind: False)  # It knows no such device, either.
    monkeypatch.setattr(registry, "torch_device", torch.device)
    monkeypatch.setattr(runners, "choose_device", lambda asked, gpu: Chosen(NAME))
    monkeypatch.setattr(torch_learner, "get_device", lambda config, gpus: torch.device(NAME))
    monkeypatch.setattr(adam, "_device_dtype_check_for_fused", lambda parameter: None)
    # RLlib puts a number of the host in the place of one on the device, which torch allows of a real one.
    monkeypatch.setattr(Scheduler, "_create_tensor_variable", _on_host)
    return Card()


@pytest.mark.parametrize("lookahead", [False, True])
@pytest.mark.parametrize("kind", ["mlp", "conv", "tables"])
def test_a_learner_of_a_tensor_game_leaves_its_device_for_nothing_but_numbers(
    card: Card, kind: str, lookahead: bool
) -> None:
    config = settings(kind, lookahead=lookahead)
    with card:
        one = alone(config)
        assert one.runner.stays
        weights = {f"main-{n:04d}": pack(fresh(one.runner.spec, config.network, n)) for n in range(8)}
        one.runner.collector.set_opponents(Opponents(shares=dict.fromkeys(weights, 1.0), weights=weights))
        card.copied.clear()
        for _ in range(2):
            one.update(one.played(), num_epochs=2, minibatch_size=512)
            assert one.learner.not_finite() == []
            one.runner.take(one.learner.weights(), None)
        assert max(card.copied) < BOARDS, "elements of what was copied to the host at once"


def test_a_tensor_of_the_other_side_is_noticed(card: Card) -> None:
    with card:
        game = make_game("connect_four", 4, device=NAME)
        game.reset()
        with pytest.raises(RuntimeError, match="both sides"):
            game.observe() + torch.ones(4, 6, 7, 2)
        game.observe().cpu()
        assert card.copied == [4 * 6 * 7 * 2]
