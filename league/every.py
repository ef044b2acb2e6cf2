"""When periodic work is due."""

from __future__ import annotations

import time


class Every:
    """A period of so many seconds, by the monotonic clock."""

    def __init__(self, seconds: float, *, at_once: bool = False) -> None:
        """The first period begins now; with `at_once` it is over already."""
        self.seconds = seconds
        self._began = float("-inf") if at_once else time.monotonic()

    @property
    def due(self) -> bool:
        """Whether the period is over; it stays so until `begin`."""
        return time.monotonic() - self._began >= self.seconds

    def begin(self) -> None:
        """The next period begins now."""
        self._began = time.monotonic()

    def claim(self) -> bool:
        """Whether the period is over; if so, the next one begins now."""
        due = self.due
        if due:
            self.begin()
        return due
