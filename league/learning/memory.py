"""A GPU whose memory does not suffice, as another process fills it or as too much is asked of it at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

import torch

from league.errors import ClusterError, GameError

T = TypeVar("T")

SIGNS: Final = (
    "out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_NOT_INITIALIZED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR",
    "CUDNN_STATUS_NOT_INITIALIZED",
)
"""What CUDA and its libraries say, also of their own workspaces, in errors that torch has no class for."""
WAITS_S: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Pauses before what cannot be made smaller is tried again: who fills the GPU may be gone by then."""


def out_of_memory(error: BaseException | None) -> bool:
    """Whether an exception, or its cause, says that a GPU's memory did not suffice."""
    if isinstance(error, RuntimeError):
        return isinstance(error, torch.OutOfMemoryError) or any(sign in str(error) for sign in SIGNS)
    return error is not None and out_of_memory(error.__cause__)


def fitted(act: Callable[[], T], smaller: Callable[[], bool]) -> T:
    """What `act` returns; `smaller` is called each time that the GPU's memory did not suffice for it.

    Where that returns False, as it is as small as can be, memory is waited for, a minute in all. Raises `ClusterError`.
    """
    waits = iter(WAITS_S)
    while True:
        try:
            return act()
        except (RuntimeError, GameError) as error:
            if not out_of_memory(error):
                raise
            reason = str(error).partition("\n")[0]
        # Not above: there what was computed in vain is still held.
        left = smaller()
        torch.cuda.empty_cache()
        if not left:
            pause = next(waits, None)
            if pause is None:
                raise ClusterError(
                    f"the GPU's memory does not suffice, however little is asked of it ({reason}): end what else "
                    f"fills it, which nvidia-smi lists, or leave it alone with learning.gpus = 0 and rollout.gpus = 0"
                )
            time.sleep(pause)
