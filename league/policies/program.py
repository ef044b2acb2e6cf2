"""A policy as a program of torch.export, which runs with torch and without this project."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch

from league.policies.contract import about, contract
from league.policies.network import PolicyNetwork


def export_program(network: PolicyNetwork, path: Path, *, policy: str, digest: str) -> None:
    """Write a `.pt2` file for `torch.export.load`, whose extra files hold what `about` says.

    `load(path).module()(observation, action_mask)` gives logits and value, see `league.policies.contract`; N is free.
    """
    module, example, free = contract(network)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(module, example, dynamic_shapes=free)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            torch.export.save(program, file, extra_files=about(network, policy=policy, digest=digest))
