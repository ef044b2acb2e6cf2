"""Masked actor-critic networks, built from a game's spec.

Shapes: `N` positions, `A` actions. Observations keep PettingZoo's layout: boards are `[N, height, width, planes]`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import torch
from torch import Tensor, nn

from league.config import NetworkConfig
from league.errors import ConfigError
from league.games.base import GameSpec

ILLEGAL = -1e9
"""Logit of an illegal action: finite, so that gradients and exports stay free of NaN; its probability is exactly 0
in float32. Choosing masks once more with -inf, so no rounding error can pick it."""


class PolicyNetwork(nn.Module):
    """A body shared by a policy head and a value head."""

    def __init__(self, spec: GameSpec, config: NetworkConfig) -> None:
        """Raise `ConfigError` where the network does not fit the game's observations."""
        super().__init__()
        self.spec = spec
        self.config = config
        self.body, width = BODIES[config.kind](spec, config)
        self.policy = nn.Linear(width, spec.actions)
        self.value = nn.Linear(width, 1)
        nn.init.orthogonal_(self.policy.weight, gain=0.01)
        nn.init.zeros_(self.policy.bias)

    def forward(self, observation: Tensor, legal: Tensor) -> tuple[Tensor, Tensor]:
        """From float32 `[N, *shape]` and bool `[N, A]` to masked logits `[N, A]` and values `[N]`."""
        features = self.features(observation)
        return self.logits(features, legal), self.values(features)

    def features(self, observation: Tensor) -> Tensor:
        """float32 `[N, *shape]` to `[N, width]`."""
        features: Tensor = self.body(observation)
        return features

    def logits(self, features: Tensor, legal: Tensor) -> Tensor:
        """Logits `[N, A]`, illegal ones at `ILLEGAL`."""
        logits: Tensor = self.policy(features)
        return logits.masked_fill(~legal, ILLEGAL)

    def values(self, features: Tensor) -> Tensor:
        """The expected return of the seat to move, `[N]`, in the game's own reward units."""
        values: Tensor = self.value(features)
        return values.squeeze(-1)


def _mlp(spec: GameSpec, config: NetworkConfig) -> tuple[nn.Module, int]:
    layers: list[nn.Module] = [nn.Flatten()]
    width = int(torch.Size(spec.shape).numel())
    for hidden in config.hidden:
        layers += [nn.Linear(width, hidden), nn.ReLU()]
        width = hidden
    return nn.Sequential(*layers), width


def _conv(spec: GameSpec, config: NetworkConfig) -> tuple[nn.Module, int]:
    if len(spec.shape) != 3:
        raise ConfigError(
            f"network.kind = 'conv' needs observations [height, width, planes]; {spec.name} has {list(spec.shape)}: "
            "use mlp"
        )
    height, width, planes = spec.shape
    layers: list[nn.Module] = [Windows3x3(planes, config.channels), nn.ReLU()]
    layers += [ResidualBlock(config.channels) for _ in range(config.blocks)]
    hidden = config.hidden[-1]
    layers += [nn.Flatten(), nn.Linear(height * width * config.channels, hidden), nn.ReLU()]
    return nn.Sequential(*layers), hidden


class Windows3x3(nn.Module):
    """A 3x3 convolution with zero padding on channels-last boards, as nine shifted copies and one matrix product.

    On boards as small as 6x7 this is several times as fast on a CPU as torch's convolution, which is tuned for images.
    """

    def __init__(self, planes: int, channels: int) -> None:
        super().__init__()
        self.product = nn.Linear(9 * planes, channels)

    def forward(self, board: Tensor) -> Tensor:
        """`[N, height, width, planes]` to `[N, height, width, channels]`."""
        height, width = board.shape[1], board.shape[2]
        padded = nn.functional.pad(board, (0, 0, 1, 1, 1, 1))
        shifted = [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
        out: Tensor = self.product(torch.cat(shifted, dim=-1))
        return out


class ResidualBlock(nn.Module):
    """Two convolutions and a skip connection (He et al. 2016), with layer norm, which needs no batch statistics."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            Windows3x3(channels, channels), nn.LayerNorm(channels), nn.ReLU(), Windows3x3(channels, channels)
        )

    def forward(self, board: Tensor) -> Tensor:
        """Same shape in and out, `[N, height, width, channels]`."""
        return torch.relu(board + self.inner(board))


BODIES: Final[Mapping[str, Callable[[GameSpec, NetworkConfig], tuple[nn.Module, int]]]] = {"mlp": _mlp, "conv": _conv}
"""By `network.kind`: builds the body, `[N, *shape]` to `[N, width]`, and says its width. Raises `ConfigError` where the
network does not fit the game's observations."""
