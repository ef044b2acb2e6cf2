"""A device that stands for a GPU: what is on it computes here, and does not mix with what is not.

Its tensors say that they are on `meta`, which torch has everywhere and nothing else here uses.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map

aten = torch.ops.aten
NAME = "meta"
FREE = {
    aten.index.Tensor,
    aten.index_put_.default,
    aten.index_put.default,
    aten._index_put_impl_.default,
    aten.copy_.default,
}
"""What takes rows by number, which may be on the host as with a GPU, and what copies."""


class OnCard(torch.Tensor):
    """A tensor on the card; `inner` is what it holds."""

    inner: torch.Tensor

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> OnCard:
        """Show the shape of `inner`, and another device."""
        made: OnCard = torch.Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=NAME,
        )
        made.inner = inner
        return made

    def tolist(self) -> Any:
        """Copy it to the host."""
        return self.cpu().tolist()

    def numpy(self, *, force: bool = False) -> Any:
        """As torch has it: what is not on the host has no array."""
        raise TypeError("can't convert a tensor on the card to numpy: copy it to the host first")

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError(f"{func} outside of the card")


class Card(TorchDispatchMode):
    """While it is entered there is such a device. Raises `RuntimeError` where an operation is on both sides."""

    def __init__(self) -> None:
        super().__init__()
        self.copied: list[int] = []
        """Elements of each tensor that was copied to the host; single numbers that are read do not count."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        here = [tensor for tensor in tensors if not isinstance(tensor, OnCard)]
        to = kwargs.get("device")
        there = len(here) < len(tensors) if to is None else torch.device(to).type == NAME
        mixed = there and len(here) < len(tensors) and any(one.dim() for one in here)
        if mixed and func not in FREE:
            raise RuntimeError(f"{func} has tensors on both sides: {[tuple(one.shape) for one in here]}")
        if (len(here) < len(tensors) and not there) or (func is aten.copy_.default and not isinstance(args[0], OnCard)):
            self.copied.append(sum(one.numel() for one in tensors if isinstance(one, OnCard)))
        if to is not None:
            kwargs["device"] = "cpu"
            if func is aten._to_copy.default and kwargs.get("dtype") is None:
                kwargs["dtype"] = args[0].dtype
        inner_args, inner_kwargs = tree_map(_inner, (args, kwargs))
        with torch.utils._python_dispatch._disable_current_modes():
            out = func(*inner_args, **inner_kwargs)
        if there:
            with torch.inference_mode(False):
                out = tree_map(lambda one: OnCard(one) if isinstance(one, torch.Tensor) else one, out)
                return return_and_correct_aliasing(func, args, kwargs, out)
        return out


def _inner(value: Any) -> Any:
    return value.inner if isinstance(value, OnCard) else value
