"""What every exported policy takes and gives, whatever the format.

Inputs `observation` float32 `[N, *spec.shape]` and `action_mask` float32 `[N, A]`; outputs `logits` float32 `[N, A]`,
illegal actions at -1e9, and `value` float32 `[N]`.
"""

from __future__ import annotations

import copy
import json
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import register_parametrization

from league.policies.network import PolicyNetwork
from league.policies.rounding import RoundedTable, rounded
from league.policies.tables import Tables


class _Contract(nn.Module):
    """The network behind the names and types of the exported file."""

    def __init__(self, network: PolicyNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, observation: Tensor, action_mask: Tensor) -> tuple[Tensor, Tensor]:
        logits, value = self.network(observation, action_mask > 0.5)
        return logits, value


class _AsRounded(nn.Module):
    """A table as its snapshot stores it."""

    def forward(self, numbers: Tensor, scale: Tensor) -> Tensor:
        return RoundedTable(numbers, scale).exact

    def right_inverse(self, table: Tensor) -> RoundedTable:
        return rounded(table)


class _AsHalf(nn.Module):
    """A table in half precision, as snapshots of the first format store it."""

    def forward(self, table: Tensor) -> Tensor:
        return table.float()

    def right_inverse(self, table: Tensor) -> tuple[Tensor]:
        return (table.half(),)


def contract(network: PolicyNetwork) -> tuple[nn.Module, tuple[Tensor, Tensor], dict[str, Any]]:
    """What is exported: a module with the inputs and outputs of a file, an example of the inputs, and their free sizes.

    Its table is in the fewest bytes that hold every number exactly; of a policy that no snapshot has rounded yet, these
    are float32.
    """
    exported = copy.deepcopy(network).cpu().eval().requires_grad_(False)
    if isinstance(exported.body, Tables):
        table = exported.body.table
        for form in (_AsRounded(), _AsHalf()):  # The smaller one first.
            if torch.equal(form(*form.right_inverse(table)), table):
                register_parametrization(exported.body, "table", form, unsafe=True)
                break
    spec = network.spec
    # Two rows, because the exporter takes a size of one for a constant.
    example = (torch.zeros(2, *spec.shape), torch.ones(2, spec.actions))
    rows = torch.export.Dim("N")
    return _Contract(exported), example, {"observation": {0: rows}, "action_mask": {0: rows}}


def about(network: PolicyNetwork, *, policy: str, digest: str) -> dict[str, str]:
    """What a file says of itself: the policy's name, its hash, the game and the shape of an observation."""
    return {
        "league.policy": policy,
        "league.sha256": digest,
        "league.game": network.spec.name,
        "league.shape": json.dumps(network.spec.shape),
    }
