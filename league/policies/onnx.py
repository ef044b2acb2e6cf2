"""A policy as an ONNX file that runs without this project.

Inputs `observation` float32 `[N, *spec.shape]` in PettingZoo's layout and `action_mask` float32 `[N, A]`; outputs
`logits` float32 `[N, A]`, illegal actions at -1e9, and `value` float32 `[N]`. N is free.
"""

from __future__ import annotations

import json
import logging
import warnings
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from league.errors import MissingExtraError
from league.policies.network import PolicyNetwork


class _Contract(nn.Module):
    """The network behind the names and types of the exported file."""

    def __init__(self, network: PolicyNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, observation: Tensor, action_mask: Tensor) -> tuple[Tensor, Tensor]:
        logits, value = self.network(observation, action_mask > 0.5)
        return logits, value


def export_onnx(network: PolicyNetwork, path: Path, *, policy: str, digest: str) -> None:
    """Write the file, with the policy's name, its hash and the game in its metadata.

    Raises `MissingExtraError` without the extra `onnx`.
    """
    for package in ("onnx", "onnxscript"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "onnx")
    spec = network.spec
    # Two rows, because the exporter takes a size of one for a constant.
    example = (torch.zeros(2, *spec.shape), torch.ones(2, spec.actions))
    rows = torch.export.Dim("N")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _Contract(network.cpu().eval()),
            example,
            input_names=["observation", "action_mask"],
            output_names=["logits", "value"],
            dynamic_shapes={"observation": {0: rows}, "action_mask": {0: rows}},
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    program.model.metadata_props.update(
        {
            "league.policy": policy,
            "league.sha256": digest,
            "league.game": spec.name,
            "league.shape": json.dumps(spec.shape),
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    program.save(path)
