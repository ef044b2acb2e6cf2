"""A policy as an ONNX file that runs without this project.

Inputs `observation` float32 `[N, *spec.shape]` in PettingZoo's layout and `action_mask` float32 `[N, A]`; outputs
`logits` float32 `[N, A]`, illegal actions at -1e9, and `value` float32 `[N]`. N is free.
"""

from __future__ import annotations

import logging
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import torch

from league.errors import MissingExtraError
from league.policies.contract import about, contract
from league.policies.network import PolicyNetwork

OPSET: Final = 18
"""Version of ONNX's operators: the one that torch's exporter writes of itself."""
IR_VERSION: Final = 8
"""Version of the file's format, the one of that opset."""
LARGEST_FOLDED: Final = 1024
"""Most numbers of a constant that is computed at export; larger ones are computed by whoever loads the file."""


def export_onnx(network: PolicyNetwork, path: Path, *, policy: str, digest: str) -> None:
    """Write the file, with the policy's name, its hash and the game in its metadata.

    Raises `MissingExtraError` without the extra `onnx`.
    """
    for package in ("onnx", "onnxscript"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "onnx")
    from onnxscript.optimizer import optimize_ir

    module, example, free = contract(network)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module,
            example,
            input_names=["observation", "action_mask"],
            output_names=["logits", "value"],
            dynamic_shapes=free,
            dynamo=True,
            opset_version=OPSET,
            optimize=False,
            verbose=False,
        )
    assert program is not None
    optimize_ir(program.model, input_size_limit=LARGEST_FOLDED, output_size_limit=LARGEST_FOLDED)
    program.model.ir_version = IR_VERSION
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()  # Stack traces, with paths of this machine.
    program.model.metadata_props.update(about(network, policy=policy, digest=digest))
    path.parent.mkdir(parents=True, exist_ok=True)
    program.save(path)
