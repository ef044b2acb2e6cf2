"""Which past policies are still worth meeting, as OpenAI Five chose them.

OpenAI et al., "Dota 2 with Large Scale Deep Reinforcement Learning" (2019), appendix N: opponent i has a quality q_i
and is met with probability p_i = exp(q_i) / sum over j of exp(q_j). Each time the learner beats it, q_i falls by
eta / (N p_i), where N is the number of opponents. A new opponent starts with the highest quality there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

ETA: Final = 0.01
"""The learning rate of the paper, per game."""

LARGEST_STEP: Final = 1.0
"""Most that one report of many games takes from a quality: the paper's steps are single games."""


class Qualities:
    """One learner's view of its opponents. Kept with its checkpoint."""

    def __init__(self, qualities: Mapping[str, float] | None = None) -> None:
        self._q = dict(qualities or {})

    def probabilities(self, names: Sequence[str]) -> NDArray[np.float64]:
        """`[K]` for the opponents `names`, in their order; new ones get the highest quality. Empty for none."""
        if not names:
            return np.empty(0)
        for name in names:
            self._q.setdefault(name, max(self._q.values(), default=0.0))
        q = np.array([self._q[name] for name in names])
        weights = np.exp(q - q.max())
        return np.asarray(weights / weights.sum())

    def beaten(self, name: str, wins: int, among: Sequence[str]) -> None:
        """Take in that the learner won `wins` games against `name`, which was drawn from the opponents `among`."""
        if name not in among or not wins:
            return
        probability = self.probabilities(among)[list(among).index(name)]
        self._q[name] -= min(ETA * wins / (len(among) * probability), LARGEST_STEP)

    def to_json(self) -> dict[str, float]:
        """Plain data: quality by name."""
        return dict(self._q)

    @classmethod
    def from_json(cls, data: Mapping[str, float]) -> Self:
        """Qualities from what `to_json` gave: score by name of the opponent."""
        return cls(data)
