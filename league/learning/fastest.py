"""Which of several ways to do the same is the fastest here, as is found out while it is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

W = TypeVar("W")
T = TypeVar("T")

TRIES: Final = 3
"""How often each way is taken before one is chosen; the least time counts, as the first one pays for more."""


class Fastest(Generic[W]):
    """Takes every way in turn, then the one that took the least time for good."""

    def __init__(self, ways: Sequence[W]) -> None:
        self._left = list(ways) * TRIES if len(ways) > 1 else []
        self._least: dict[W, float] = dict.fromkeys(ways, float("inf"))

    @property
    def way(self) -> W:
        """The one to take next."""
        return self._left[0] if self._left else min(self._least, key=lambda way: self._least[way])

    def take(self, act: Callable[[W], T], amount: int, finish: Callable[[], None]) -> T:
        """Call `act` with the way to take; while they are compared, by the seconds for each unit of `amount`.

        `finish` waits for what `act` has only begun. Once one is chosen nothing is waited for.
        """
        way = self.way
        if not self._left:
            return act(way)
        began = time.perf_counter()
        result = act(way)
        finish()
        self._least[way] = min(self._least[way], (time.perf_counter() - began) / max(1, amount))
        del self._left[0]
        return result
