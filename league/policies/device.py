"""Which torch device computes: what was asked for where it is there, else the CPU."""

from __future__ import annotations

from typing import NamedTuple

import torch

CPU = "cpu"


class Chosen(NamedTuple):
    """A torch device, and why it is not the one that was asked for."""

    device: str
    missing: str | None = None
    """In words; None: nothing is missing."""


def choose_device(asked: str | None, *, gpu: bool = True) -> Chosen:
    """The device for a process.

    Args:
        asked: as torch names devices; None: a GPU if the process has one, else the CPU.
        gpu: whether the process may use a GPU. Ray shows all GPUs of a node to whoever asked for none, so torch alone
            would put everybody on the first one.
    """
    if asked is None:
        return Chosen("cuda" if gpu and torch.cuda.is_available() else CPU)
    if torch.device(asked).type == "cuda" and not gpu:
        return Chosen(CPU, f"{asked} is asked for, but Ray gave this process no GPU")
    try:
        torch.empty(0, device=asked)
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # As many as there are devices.
        return Chosen(CPU, f"{asked} is not there: {str(error).splitlines()[0]}")
    return Chosen(asked)
