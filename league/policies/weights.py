"""A policy as bytes: safetensors that say what they are, identified by their sha256."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from league.config import LeagueConfig, NetworkConfig
from league.errors import LeagueError, PolicyError
from league.games.base import GameSpec
from league.policies.network import PolicyNetwork
from league.policies.rounding import RoundedTable, rounded
from league.policies.tables import TABLE

FORMAT = 2
"""Version of packed weights; version 1 had tables in half precision."""
SCALE = f"{TABLE}.scale"
"""Name of the powers of two of a table among the tensors of packed weights."""


def pack(network: PolicyNetwork) -> bytes:
    """Serialise the weights, with the game and the architecture in the header. Equal policies give equal bytes.

    Looked-up tables are rounded to a byte for each number (`league.policies.rounding`), so what is unpacked may differ
    from what was packed by that; packed again it is the same bytes.
    """
    spec = network.spec
    header = {
        "format": FORMAT,
        "game": spec.name,
        "shape": list(spec.shape),
        "actions": spec.actions,
        "network": dataclasses.asdict(network.config),
    }
    # One metadata key: safetensors writes several in no fixed order, and the hash has to be of the content.
    tensors = {name: t.detach().cpu().contiguous() for name, t in network.state_dict().items()}
    if TABLE in tensors:
        tensors[TABLE], tensors[SCALE] = rounded(tensors[TABLE])
    return save(tensors, metadata={"league": json.dumps(header, sort_keys=True)})


def digest(weights: bytes) -> str:
    """sha256 of packed weights, in hexadecimal: their name in the pool."""
    return hashlib.sha256(weights).hexdigest()


def unpack(weights: bytes, spec: GameSpec, device: torch.device | str = "cpu") -> PolicyNetwork:
    """Build the policy that `pack` wrote; raise `PolicyError` where it is not one, or is another game's."""
    header, tensors = _parse(weights)
    theirs = (header["game"], header["shape"], header["actions"])
    ours = (spec.name, list(spec.shape), spec.actions)
    if theirs != ours:
        raise PolicyError(f"these weights are for {theirs[0]} {theirs[1:]}, not for {ours[0]} {ours[1:]}")
    try:
        config = LeagueConfig.from_dict({"network": header["network"]}).network
        # What does not say that it scales what it sees is from before any did.
        config = dataclasses.replace(config, normalize=bool(config.normalize))
        network = _unfilled(spec, config, tensors).to_empty(device=device)
        network.load_state_dict(tensors)
    except (LeagueError, RuntimeError) as error:
        raise PolicyError(f"weights do not fit their own header: {str(error).splitlines()[0]}") from error
    return network


def _unfilled(spec: GameSpec, config: NetworkConfig, tensors: Mapping[str, Tensor]) -> PolicyNetwork:
    """The network without memory for its parameters: a header may announce any size, the tensors are what is there.

    Raises `PolicyError` where they differ.
    """
    if config.kind == "conv" and config.blocks > len(tensors):
        raise PolicyError(f"{config.blocks} blocks and {len(tensors)} tensors")
    with torch.device("meta"):
        network = PolicyNetwork(spec, config)
    announced = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    if announced != {name: list(tensor.shape) for name, tensor in tensors.items()}:
        raise PolicyError("other names or shapes of tensors")
    return network


def _parse(weights: bytes) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What `pack` says of the policy, and its tensors; raise `PolicyError` for bytes that we do not understand."""
    try:
        size = int.from_bytes(weights[:8], "little")
        metadata = json.loads(weights[8 : 8 + size])["__metadata__"]
        header: dict[str, Any] = json.loads(metadata["league"])
        known = header["format"] in (1, FORMAT) and {"game", "shape", "actions", "network"} <= header.keys()
        tensors: dict[str, Tensor] = load(weights)
    except (ValueError, KeyError, TypeError, RecursionError, SafetensorError) as error:
        raise PolicyError(f"not a policy of this project: {error}") from error
    if not known:
        raise PolicyError(f"weights in format {header['format']}; this version reads formats 1 and {FORMAT}")
    if SCALE in tensors:
        tensors[TABLE] = _exact(tensors.get(TABLE), tensors.pop(SCALE))
    return header, tensors


def _exact(numbers: Tensor | None, scale: Tensor) -> Tensor:
    if numbers is None or numbers.dim() != 2 or scale.shape != numbers.shape[:1]:
        raise PolicyError("weights do not fit their own header: a table and its scale do not fit each other")
    return RoundedTable(numbers, scale).exact


def fresh(spec: GameSpec, config: NetworkConfig, seed: int) -> PolicyNetwork:
    """A newly initialised policy; equal seeds give equal weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PolicyNetwork(spec, config)
