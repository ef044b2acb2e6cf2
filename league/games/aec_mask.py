"""Action masks as environments write them, as bool arrays; what could mean two things is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import gymnasium.spaces
import numpy as np
from numpy.typing import NDArray

MASK: Final = "action_mask"
_OTHER_WORDS: Final = ("mask", "legal", "valid", "avail")
ADDED: Final = -1e6
"""What is added to the logit of an illegal action is at most this."""
BYTES: Final = frozenset(map(np.dtype, "?bB"))
"""Kinds of numbers of which a byte each tells whether they are 0, 1, or something else."""


def as_array(said: Any) -> NDArray[Any]:
    """What an environment gives as numpy reads it, also where torch still keeps a gradient for it."""
    return np.asarray(said.detach().cpu() if hasattr(said, "detach") else said)


def is_added(space: Any) -> bool:
    """Whether a mask of that space is what is added to the logits, in which zeros forbid nothing."""
    return isinstance(space, gymnasium.spaces.Box) and bool((space.low < 0).any())


def find_mask(agent: Any, seen: Any, info: Any, *, promised: bool) -> Any:
    """The mask beside an observation, or in the seat's `info`; None where the environment has none.

    Raises `ValueError` where one was promised by the observation space and is missing, or has another name.
    """
    mask = seen.get(MASK) if isinstance(seen, Mapping) else None
    if mask is None and isinstance(info, Mapping):
        mask = info.get(MASK)
    if mask is not None:
        return mask
    keys = [key for key in (*_keys(seen), *_keys(info)) if key != MASK]
    others = [key for key in keys if any(word in str(key).lower() for word in _OTHER_WORDS)]
    if others:
        raise ValueError(f"{agent} has no '{MASK}', but {others[0]!r}: name it '{MASK}'")
    if promised:
        raise ValueError(f"the observation space of {agent} promises an '{MASK}', and there is none")
    return None


def read_mask(agent: Any, mask: Any, actions: int, *, added: bool) -> NDArray[np.bool_]:
    """Which actions are legal, bool `[A]`.

    Args:
        agent: whose mask it is, for messages.
        mask: one entry per action in anything that numpy reads: true, 1 or 1.0 for a legal one. Or what is added to the
            logits: 0 for a legal one, -inf or a number below `ADDED` for the others.
        actions: A.
        added: the mask is known to be of the second kind, in which a mask of zeros forbids nothing.

    Raises:
        ValueError: it has another length, holds other numbers, or forbids everything.
    """
    array = as_array(mask)
    if array.dtype == object:
        array = np.asarray(array.tolist())
    if array.size != actions or array.ndim == 0:
        raise ValueError(
            f"the action mask of {agent} has shape {array.shape}, not ({actions},): it needs one entry per action, "
            "1 where it is legal, not the numbers of the legal ones nor their bits"
        )
    if array.dtype.kind not in "biuf":
        raise ValueError(f"the action mask of {agent} holds {array.dtype}, not 0 and 1")
    array = array.reshape(actions)
    illegal = array <= ADDED if array.dtype.kind in "if" else np.zeros(actions, np.bool_)
    if added or illegal.any():
        legal, known = array == 0, illegal | (array == 0)
    else:
        legal, known = array == 1, (array == 0) | (array == 1)
    if not known.all():
        raise ValueError(f"the action mask of {agent} holds {array[~known][0]}, not 0 and 1")
    if not legal.any():
        raise ValueError(
            f"{agent} is to move and has no legal action: its mask is 0 everywhere (if it is added to logits, give it "
            "a space with negative bounds)"
        )
    return np.asarray(legal, np.bool_)


def _keys(found: Any) -> tuple[Any, ...]:
    return tuple(found) if isinstance(found, Mapping) else ()
