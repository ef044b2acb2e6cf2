"""How many threads take the gradient steps: as many as turn out to be fastest.

On an idle machine more threads learn faster. Where a core is taken by somebody else, threads that wait for one another
at every operation become slower than a single one, several times slower on two cores. Neither is known beforehand and
both change, so it is measured while training goes on.
"""

from __future__ import annotations

import torch

PROBE_EVERY = 40
"""Iterations after which the other number is tried once."""

SMOOTHING = 0.7
"""Of the measured seconds, so that one disturbed iteration does not decide."""


class Threads:
    """Chooses between one thread and `most`, by the seconds that learning takes."""

    def __init__(self, most: int) -> None:
        self.candidates = (most, 1) if most > 1 else (1,)
        self._iteration = 0
        self._seconds_per_step: dict[int, float] = {}
        self._current = self.candidates[0]

    def set(self) -> int:
        """Set torch's number of threads for the next iteration, and return it."""
        best = min(self.candidates, key=lambda n: self._seconds_per_step.get(n, 0.0))
        others = [n for n in self.candidates if n != best]
        self._current = others[0] if others and self._iteration % PROBE_EVERY == PROBE_EVERY - 1 else best
        torch.set_num_threads(self._current)
        return self._current

    def measured(self, steps: int, seconds: float) -> None:
        """Take note of an iteration. The first is not: it pays for what is set up once."""
        if self._iteration and steps:
            new = seconds / steps
            old = self._seconds_per_step.get(self._current, new)
            self._seconds_per_step[self._current] = SMOOTHING * old + (1 - SMOOTHING) * new
        self._iteration += 1
