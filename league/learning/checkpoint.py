"""A learner's state as bytes: a tree of plain values and tensors, as safetensors with the tree's shape in the header.

Nothing is pickled: reading a checkpoint cannot run code, whoever wrote it.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from league.errors import PolicyError


def pack_state(state: Any) -> bytes:
    """Serialise nested dicts, lists, tuples, numbers, strings, None, numpy arrays and torch tensors.

    Raises `TypeError` for anything else.
    """
    tensors: dict[str, torch.Tensor] = {}
    skeleton = _encode(state, tensors)
    return save(tensors, metadata={"state": json.dumps(skeleton)})


def unpack_state(data: bytes) -> Any:
    """The inverse of `pack_state`; raises `PolicyError` where the bytes are not a checkpoint."""
    try:
        size = int.from_bytes(data[:8], "little")
        skeleton = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["state"])
        return _decode(skeleton, load(data))
    except (ValueError, KeyError, TypeError, SafetensorError) as error:
        raise PolicyError(f"not a checkpoint of a learner: {error}") from error


def _encode(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """Containers become `[kind, ...]`, so that integer keys and tuples survive JSON."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case dict():
            return ["dict", [[_encode(k, tensors), _encode(v, tensors)] for k, v in value.items()]]
        case list():
            return ["list", [_encode(v, tensors) for v in value]]
        case tuple():
            return ["tuple", [_encode(v, tensors) for v in value]]
        case torch.Tensor():
            return ["torch", _keep(value.detach().cpu(), tensors)]
        case np.ndarray() | np.generic():
            return ["numpy", _keep(torch.from_numpy(np.array(value)), tensors)]
    raise TypeError(f"a {type(value).__name__} cannot be part of a checkpoint")


def _keep(tensor: torch.Tensor, tensors: dict[str, torch.Tensor]) -> str:
    """Store a copy that shares memory with nothing, and return its name."""
    name = str(len(tensors))
    tensors[name] = tensor.clone().contiguous()
    return name


def _decode(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if not isinstance(value, list):
        return value
    kind, content = value
    match kind:
        case "dict":
            return {_decode(k, tensors): _decode(v, tensors) for k, v in content}
        case "list":
            return [_decode(v, tensors) for v in content]
        case "tuple":
            return tuple(_decode(v, tensors) for v in content)
        case "torch":
            return tensors[content]
        case "numpy":
            return tensors[content].numpy()
    raise ValueError(f"unknown kind {kind!r}")
