"""Frozen networks of one shape, asked in one pass: many small products in one call cost far less than as many calls.

Shapes: `K` networks, `N` positions, `m` positions of the network that has most of them, `A` actions.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from league.policies.network import ILLEGAL, PolicyNetwork
from league.policies.tables import TABLE, Tables


class Together:
    """Says what each of K networks would say of positions of its own, as each would by itself but for rounding."""

    def __init__(self, networks: Sequence[PolicyNetwork]) -> None:
        """All of one configuration, for one game. Their weights are copied."""
        body = networks[0].body
        self._tables = body if isinstance(body, Tables) else None
        parts: list[nn.Module] = [_Whole(one) if self._tables is None else _Behind(one) for one in networks]
        self._weights, self._buffers = stack_module_state(parts)
        self._count = len(networks)
        self.device = next(networks[0].parameters()).device
        base = copy.deepcopy(parts[0]).to("meta")
        if self._tables is not None:
            # One table for all, in which each row is some network's: what nobody looks up is not read.
            self._table = self._weights.pop(f"network.{TABLE}").flatten(0, 1)
            self._buffers = {}

        def said(weights: dict[str, Tensor], buffers: dict[str, Tensor], *seen: Tensor) -> Tensor:
            out: Tensor = functional_call(base, (weights, buffers), seen)
            return out

        self._said = vmap(said)

    def logits(self, observation: Tensor, legal: Tensor, which: Tensor) -> Tensor:
        """From float32 `[N, *shape]`, bool `[N, A]` and the network of each position to masked logits `[N, A]`."""
        if self._tables is None:
            seen: tuple[Tensor, ...] = (observation,)
        else:
            found, stones = self._tables.rows(observation)
            size = len(self._table) // self._count
            seen = self._tables.summed((found + which[:, None] * size).int(), self._table), stones
        place = _places(which, self._count)
        most = int(place.max()) + 1
        out = self._said(
            self._weights, self._buffers, *(_side_by_side(x, which, place, self._count, most) for x in seen)
        )
        said: Tensor = out[which, place]
        return said.masked_fill(~legal, ILLEGAL)


class _Whole(nn.Module):
    """Logits of all actions, legal or not."""

    def __init__(self, network: PolicyNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, observation: Tensor) -> Tensor:
        logits: Tensor = self.network.policy(self.network.features(observation))
        return logits


class _Behind(nn.Module):
    """The same from what was looked up in its table."""

    def __init__(self, network: PolicyNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, summed: Tensor, stones: Tensor) -> Tensor:
        body = self.network.body
        assert isinstance(body, Tables)
        logits: Tensor = self.network.policy(body.behind(summed, stones))
        return logits


def _places(which: Tensor, count: int) -> Tensor:
    """int64 `[N]`: counts the positions of each network from 0."""
    order = torch.argsort(which, stable=True)
    found = torch.bincount(which, minlength=count)
    first = torch.cumsum(found, 0) - found
    place = torch.empty_like(which)
    place[order] = torch.arange(len(which), device=which.device) - first[which[order]]
    return place


def _side_by_side(rows: Tensor, which: Tensor, place: Tensor, count: int, most: int) -> Tensor:
    """`[N, *]` to `[K, m, *]`, with zeros where a network has fewer positions."""
    out = rows.new_zeros(count, most, *rows.shape[1:])
    out[which, place] = rows
    return out
