"""The server's time: what a store holds is dated by it, and aged by it, since no two machines' clocks agree."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

STEADY: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Never set, and counts on while the machine is suspended."""


class Clock:
    """What a server's `TIME` said last, carried on by this machine's steady clock: asking it costs nothing."""

    def __init__(self) -> None:
        self._ahead_s: float | None = None

    def set(self, reply: Sequence[int]) -> float:
        """Take what `TIME` answered just now, seconds and microseconds; the same as Unix time in seconds."""
        now_s = reply[0] + reply[1] / 1e6
        self._ahead_s = now_s - time.clock_gettime(STEADY)
        return now_s

    def now_s(self) -> float | None:
        """The server's Unix time in seconds; None while it was never asked."""
        return None if self._ahead_s is None else self._ahead_s + time.clock_gettime(STEADY)
