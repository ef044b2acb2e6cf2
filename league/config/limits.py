"""Bounds that knobs of several sections share, and checks that a range cannot say."""

from __future__ import annotations

import re
from typing import Final

from league.errors import ConfigError

NEVER_S: Final = 1e9
NEVER_STEPS: Final = 10**15
"""The most that can be waited for: thirty years, and more steps than any of them has seconds."""
MOST_PROCESSES: Final = 1000
"""Of one kind: on a large cluster, as one machine has no room for so many."""
WIDEST: Final = 8192
"""Numbers of a layer."""


def check_device(name: str | None) -> None:
    """Raise `ConfigError` where boards cannot lie on a torch device of that name; None is one that is chosen."""
    if name is not None and not re.fullmatch(r"(cpu|cuda)(:(0|[1-9][0-9]?))?", name):
        raise ConfigError(f"device = {name!r}: must be cpu, cuda or cuda:N, N from 0 to 99")


def check_gpus(gpus: float | None) -> None:
    """Raise `ConfigError` for a number of GPUs that Ray cannot give; None is one that is chosen."""
    if gpus is not None and ((gpus > 1 and not gpus.is_integer()) or gpus != round(gpus, 4)):
        raise ConfigError(f"gpus = {gpus}: must be a whole number, or a share of one with at most four decimals")
