"""A looked-up table as a snapshot stores it: a byte for every number, and a power of two for each row.

Powers of two make it exact: what was rounded once is not changed by rounding it again, and every number is one of
bfloat16, too, in which policies play for training. Shapes: `R` rows of `W` numbers.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor

BITS: Final = 7
"""Of a number, beside its sign."""
SMALLEST: Final = -24
LARGEST: Final = 15
"""Exponents of the powers of two that half precision holds."""


class RoundedTable(NamedTuple):
    """Rows of small whole numbers, times a power of two for each row."""

    numbers: Tensor
    """int8 `[R, W]`."""
    scale: Tensor
    """float16 `[R]`, powers of two; NaN or infinite for a row that holds such a number."""

    @property
    def exact(self) -> Tensor:
        """The table, float32 `[R, W]`."""
        return self.numbers.float() * self.scale.float()[:, None]


def rounded(table: Tensor) -> RoundedTable:
    """Round a table, float `[R, W]`: each number by at most a hundredth of its row's largest."""
    largest = table.float().abs().amax(dim=1)
    # Of 0, too, the exponent is the smallest: a row may be rounded to nothing.
    exponent = (
        torch.frexp(largest.clamp(min=2.0 ** (SMALLEST - 1))).exponent.clamp(SMALLEST + BITS, LARGEST + BITS) - BITS
    )
    scale = torch.ldexp(torch.ones_like(largest), exponent).where(largest.isfinite(), largest)
    numbers = (table.float() / scale[:, None]).round().clamp(-(2**BITS) + 1, 2**BITS - 1)
    return RoundedTable(numbers.nan_to_num(1).to(torch.int8), scale.half())
