"""A policy as bytes: safetensors that say what they are, identified by their sha256."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from league.config import LeagueConfig, NetworkConfig
from league.errors import LeagueError, PolicyError
from league.games.base import GameSpec
from league.policies.network import PolicyNetwork

FORMAT = 1
"""Version of the header."""


def pack(network: PolicyNetwork) -> bytes:
    """Serialise the weights, with the game and the architecture in the header. Equal policies give equal bytes."""
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
    return save(tensors, metadata={"league": json.dumps(header, sort_keys=True)})


def digest(weights: bytes) -> str:
    """sha256 in hexadecimal."""
    return hashlib.sha256(weights).hexdigest()


def unpack(weights: bytes, spec: GameSpec, device: torch.device | str = "cpu") -> PolicyNetwork:
    """Build the policy that `pack` wrote; raise `PolicyError` where it is not one, or is another game's."""
    header = read_header(weights)
    theirs = (header["game"], header["shape"], header["actions"])
    ours = (spec.name, list(spec.shape), spec.actions)
    if theirs != ours:
        raise PolicyError(f"these weights are for {theirs[0]} {theirs[1:]}, not for {ours[0]} {ours[1:]}")
    try:
        config = LeagueConfig.from_dict({"network": header["network"]}).network
        network = PolicyNetwork(spec, config)
        network.load_state_dict(load(weights))
    except (LeagueError, RuntimeError) as error:
        raise PolicyError(f"weights do not fit their own header: {str(error).splitlines()[0]}") from error
    return network.to(device)


def read_header(weights: bytes) -> dict[str, Any]:
    """Read the header without the tensors; raise `PolicyError` where there is none that we understand."""
    try:
        size = int.from_bytes(weights[:8], "little")
        metadata = json.loads(weights[8 : 8 + size])["__metadata__"]
        header: dict[str, Any] = json.loads(metadata["league"])
        known = header["format"] == FORMAT and {"game", "shape", "actions", "network"} <= header.keys()
        load(weights)
    except (ValueError, KeyError, TypeError, SafetensorError) as error:
        raise PolicyError(f"not a policy of this project: {error}") from error
    if not known:
        raise PolicyError(f"weights in format {header['format']}; this version reads format {FORMAT}")
    return header


def fresh(spec: GameSpec, config: NetworkConfig, seed: int) -> PolicyNetwork:
    """A newly initialised policy; equal seeds give equal weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PolicyNetwork(spec, config)
