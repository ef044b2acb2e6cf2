"""A device whose memory is full before the machine's is."""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class SmallMemory(TorchDispatchMode):
    """Counts the bytes of all that is made inside and still held; raises what torch does once they are too many."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.held = 0
        self.peak = 0
        self.refused = 0
        """How often it was full."""
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                self._hold(tensor.untyped_storage())
        if self.held > self.most:
            self.refused += 1
            raise torch.OutOfMemoryError(f"{self.held} bytes are held, there are {self.most}")
        return out

    def _hold(self, storage: torch.UntypedStorage) -> None:
        where, size = storage._cdata, storage.nbytes()
        if where in self._known:
            return
        self._known.add(where)
        self.held += size
        self.peak = max(self.peak, self.held)
        weakref.finalize(storage, self._release, where, size)

    def _release(self, where: int, size: int) -> None:
        self._known.discard(where)
        self.held -= size
