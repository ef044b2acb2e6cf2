import torch
from torch import nn

from league.config import NetworkConfig
from league.games import GameSpec
from league.policies.network import Parts


def linear(spec: GameSpec, config: NetworkConfig) -> Parts:
    """A linear policy and value of what is observed."""
    width = torch.Size(spec.shape).numel()
    return Parts(nn.Flatten(), nn.Linear(width, spec.actions), nn.Linear(width, 1))


def not_declared(spec, config):
    return linear(spec, config)


def raises(spec: GameSpec, config: NetworkConfig) -> Parts:
    raise RuntimeError("no network today")
