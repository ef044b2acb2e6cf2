"""Masked actor-critic networks, built from a game's spec.

Shapes: `N` positions, `A` actions. Observations keep PettingZoo's layout: boards are `[N, height, width, planes]`.
"""

from __future__ import annotations

import copy
import functools
import typing
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import Final, Literal, NamedTuple

import torch
from torch import Tensor, nn

from league.config import NetworkConfig
from league.config.auto import AUTO_HIDDEN
from league.errors import ConfigError
from league.foreign import blame, load
from league.games.base import GameSpec
from league.plugins import find
from league.policies.scaling import Scaling, Seen, needs_scaling
from league.policies.tables import TABLE, Tables

ILLEGAL = -1e9
"""Logit of an illegal action: finite, so that gradients and exports stay free of NaN; its probability is exactly 0
in float32. Choosing masks once more with -inf, so no rounding error can pick it."""
WORTH_ROUNDING: Final = 10_000_000
"""Positions times weights: of fewer, a processor takes longer to round them than rounded products save."""


class Parts(NamedTuple):
    """What a network of some kind is made of."""

    body: nn.Module
    """`[N, *shape]` to features `[N, width]`."""
    policy: nn.Module
    """Features to the logits of all actions, `[N, A]`."""
    value: nn.Module
    """Features to the value, `[N, 1]`."""


def settled(config: NetworkConfig, spec: GameSpec) -> NetworkConfig:
    """The configuration with everything chosen that was left to the game: its kind, and the widths that suit it."""
    kind = config.kind or ("mlp" if spec.stones is None else "tables")
    normalize = config.normalize
    if normalize is None:
        normalize = kind != "tables" and needs_scaling(spec)
    hidden = config.hidden or AUTO_HIDDEN.get(kind, AUTO_HIDDEN["mlp"])
    return replace(config, kind=kind, hidden=hidden, normalize=normalize)


class PolicyNetwork(nn.Module):
    """A body shared by a policy head and a value head."""

    precision: Literal["float32", "bfloat16"] | None = "float32"
    """In which its body multiplies; weights and heads are float32. None: bfloat16 where that is faster."""

    def __init__(self, spec: GameSpec, config: NetworkConfig) -> None:
        """Raise `ConfigError` where the network does not fit the game's observations."""
        super().__init__()
        self.spec = spec
        self.config = settled(config, spec)
        self.body, self.policy, self.value = _builder(self.config.kind or "mlp")(spec, self.config)
        self.scaling = Scaling(spec) if self.config.normalize else None
        self._weights_of_body = sum(weights.numel() for weights in self.body.parameters())

    def forward(self, observation: Tensor, legal: Tensor) -> tuple[Tensor, Tensor]:
        """From float32 `[N, *shape]` and bool `[N, A]` to masked logits `[N, A]` and values `[N]`."""
        features = self.features(observation)
        return self.logits(features, legal), self.values(features)

    def features(self, observation: Tensor) -> Tensor:
        """float32 `[N, *shape]` to `[N, width]`."""
        seen = observation if self.scaling is None else self.scaling.view(observation)
        rounding = torch.autocast(seen.device.type, dtype=torch.bfloat16) if self._rounds(seen) else nullcontext()
        with rounding:
            features: Tensor = self.body(seen)
        return features.float()

    def _rounds(self, seen: Tensor) -> bool:
        # What a table adds up goes straight to logits and value: rounded, both would be too coarse to learn from.
        if self.precision == "float32" or self.config.kind == "tables":
            return False
        if self.precision == "bfloat16":
            return True
        return computes_bfloat16(seen.device.type) and seen.shape[0] * self._weights_of_body >= WORTH_ROUNDING

    def logits(self, features: Tensor, legal: Tensor) -> Tensor:
        """Logits `[N, A]`, illegal ones at `ILLEGAL`."""
        logits: Tensor = self.policy(features)
        return logits.masked_fill(~legal, ILLEGAL)

    def values(self, features: Tensor) -> Tensor:
        """The expected return of the seat to move, `[N]`, in the game's own reward units."""
        values = self.scaled_values(features)
        return values if self.scaling is None else values * self.scaling.unit

    def scaled_values(self, features: Tensor) -> Tensor:
        """The same in the unit in which it is learned, `[N]`: see `league.policies.scaling`."""
        values: Tensor = self.value(features)
        return values.squeeze(-1)

    @torch.no_grad()
    def take(self, seen: Seen) -> None:
        """Add to the statistics by which it scales; what it says stays, also where the unit of its values changes."""
        assert self.scaling is not None
        grown = self.scaling.take(seen)
        for parameter in self.value.parameters():
            parameter.div_(grown)


def acting(network: PolicyNetwork, precision: Literal["float32", "bfloat16"] | None = None) -> PolicyNetwork:
    """The network as it plays fastest, for as long as its weights stay: itself, or a copy.

    On a CPU reading rows is what a table costs, so those of a copy are bfloat16; so is the rest of it where the
    processor multiplies in bfloat16. Other networks multiply in `precision`, as `PolicyNetwork.precision` has it.
    """
    if not isinstance(network.body, Tables):
        faster = copy.copy(network)  # The same weights.
        faster.precision = precision
        return faster
    if precision == "float32" or not network.body.table.is_cpu:
        return network
    faster = copy.deepcopy(network).requires_grad_(False)
    for name, weights in faster.named_parameters():
        if name == TABLE or computes_bfloat16("cpu"):
            weights.data = weights.data.bfloat16()
    return faster


@functools.cache
def computes_bfloat16(kind: str) -> bool:
    """Whether matrix products on this kind of torch device are faster in bfloat16 than in float32."""
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if kind == "cpu" and hasattr(torch.cpu, "get_capabilities"):  # Older versions of torch cannot tell.
        processor = torch.cpu.get_capabilities()
        return bool(processor.get("avx512_bf16") or processor.get("amx_bf16"))
    return False


def _with_heads(body: nn.Module, width: int, spec: GameSpec) -> Parts:
    policy, value = nn.Linear(width, spec.actions), nn.Linear(width, 1)
    nn.init.orthogonal_(policy.weight, gain=0.01)
    nn.init.zeros_(policy.bias)
    return Parts(body, policy, value)


def _mlp(spec: GameSpec, config: NetworkConfig) -> Parts:
    layers: list[nn.Module] = [nn.Flatten()]
    width = int(torch.Size(spec.shape).numel())
    for hidden in config.hidden or ():
        layers += [nn.Linear(width, hidden), nn.ReLU()]
        width = hidden
    return _with_heads(nn.Sequential(*layers), width, spec)


def _tables(spec: GameSpec, config: NetworkConfig) -> Parts:
    """The body has both heads in it: a part of what it looks up goes straight to them."""
    if config.normalize:
        raise ConfigError("network.normalize = true: tables look up observations as they are; leave it out")
    body = Tables(spec, config.hidden or ())
    return Parts(body, Columns(0, spec.actions), nn.Sequential(Columns(spec.actions, spec.actions + 1), nn.Tanh()))


class Columns(nn.Module):
    """Some columns of what a body has computed already."""

    def __init__(self, first: int, end: int) -> None:
        super().__init__()
        self.first, self.end = first, end

    def forward(self, features: Tensor) -> Tensor:
        """`[N, width]` to `[N, end - first]`."""
        return features[:, self.first : self.end]


def _conv(spec: GameSpec, config: NetworkConfig) -> Parts:
    if len(spec.shape) != 3:
        raise ConfigError(
            f"network.kind = 'conv' needs observations [height, width, planes]; {spec.name} has {list(spec.shape)}: "
            "use mlp"
        )
    height, width, planes = spec.shape
    layers: list[nn.Module] = [Windows3x3(planes, config.channels), nn.ReLU()]
    layers += [ResidualBlock(config.channels) for _ in range(config.blocks)]
    hidden = (config.hidden or AUTO_HIDDEN["conv"])[-1]
    layers += [nn.Flatten(), nn.Linear(height * width * config.channels, hidden), nn.ReLU()]
    return _with_heads(nn.Sequential(*layers), hidden, spec)


class Windows3x3(nn.Module):
    """A 3x3 convolution with zero padding on channels-last boards.

    On boards as small as 6x7, nine shifted copies and one matrix product are several times as fast on a CPU as torch's
    convolution, which is tuned for images. Elsewhere the copies would fill the memory: there it is torch's.
    """

    def __init__(self, planes: int, channels: int) -> None:
        super().__init__()
        self.product = nn.Linear(9 * planes, channels)

    def forward(self, board: Tensor) -> Tensor:
        """`[N, height, width, planes]` to `[N, height, width, channels]`."""
        return self.multiplied(board) if board.device.type == "cpu" else self.convolved(board)

    def convolved(self, board: Tensor) -> Tensor:
        """By torch's convolution, which reads the board as it lies: channels last."""
        kernel = self.product.weight.view(self.product.out_features, 3, 3, board.shape[3]).permute(0, 3, 1, 2)
        out = nn.functional.conv2d(board.permute(0, 3, 1, 2), kernel, self.product.bias, padding=1)
        return out.permute(0, 2, 3, 1)

    def multiplied(self, board: Tensor) -> Tensor:
        """By one matrix product of all windows, put side by side: faster than a convolution on a CPU."""
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


BODIES: Final[Mapping[str, Callable[[GameSpec, NetworkConfig], Parts]]] = {
    "mlp": _mlp,
    "conv": _conv,
    "tables": _tables,
}
"""By `network.kind`: builds the parts of a network from settled knobs. Raises `ConfigError` where the network does not
fit the game's observations."""


def _builder(kind: str) -> Callable[[GameSpec, NetworkConfig], Parts]:
    """What builds networks of a kind, ours or another package's; raises `ConfigError` where there is none.

    Stored weights name their kind, so nothing is called that does not say of itself that it builds networks.
    """
    entry = find("league.networks", kind, BODIES, ConfigError)
    if entry is None and kind in BODIES:
        return BODIES[kind]
    found = load(kind, kind if entry is None else entry.value, ConfigError)
    try:
        gives = typing.get_type_hints(found).get("return")
    except (NameError, TypeError):
        gives = None
    if gives is not Parts:
        raise ConfigError(
            f"network.kind = {kind!r}: must be a function of (GameSpec, NetworkConfig) that is annotated to return "
            "league.policies.network.Parts"
        )
    return functools.partial(_guarded, kind, found)


def _guarded(
    kind: str, build: Callable[[GameSpec, NetworkConfig], Parts], spec: GameSpec, config: NetworkConfig
) -> Parts:
    try:
        return Parts(*build(spec, config))
    except ConfigError:
        raise
    except Exception as error:  # Somebody else's code may raise anything.
        raise ConfigError(f"network.kind = {kind!r} cannot be built for {spec.name}: {blame(error)}") from error
