"""What a test that was stopped by its own results says of the strength it tested.

A test that ends as soon as it has seen enough ends on a lucky streak, so the plain score of the games that it saw
flatters whoever passed, and wrongs whoever was refused. The estimate here is median-unbiased, as fishtest's
(`server/fishtest/stats/sprt.py`): it is too high as often as too low, and its interval holds the truth as often as it
says. Outcomes are ordered by stage (J. Whitehead, "The Design and Analysis of Sequential Clinical Trials", 1997):
passing sooner is better than passing later, and refused later better than sooner. With F(s) the chance that a policy of
score s comes to an outcome at least as good as this one, the estimate has F = 1/2, and the ends of the interval
F = 2.5% and 97.5%.

Fishtest takes the log-likelihood ratio for a Brownian motion, looked at all the time. Here it is looked at after each
batch, of which a strong candidate needs one or two; so F is computed for so many looks, by numerical integration from
look to look (P. Armitage, C. K. McPherson and B. C. Rowe, "Repeated Significance Tests on Accumulating Data", JRSS A
132, 1969), with the points of a batch taken for normal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, softmax

from league.ladder.comparison import Interval

Vector = NDArray[np.float64]
Ratio = Callable[[Sequence[float]], float]

MOST_LOOKS: Final = 64
"""More looks are taken together: in steps so small, what lies between two of them hardly matters."""
_POINTS: Final = 4
"""Cells of the grid in one standard deviation of a step."""
_FEWEST_POINTS: Final = 60
_STRAYS: Final = 6.0
"""Standard deviations of the whole walk beyond which it is not looked for."""
_TAIL: Final = 0.025
_TILTS: Final = np.sinh(np.linspace(-5.0, 5.0, 81))
"""Dense about 0, and far enough on both sides for any score."""
_LEAST_VARIANCE: Final = 1e-6


def moments(counts: Sequence[int]) -> tuple[float, float]:
    """Points per game in [0, 1] of groups with these counts, and the variance of a group's.

    One virtual group of each value is added to the variance (Laplace), so that a few equal groups do not pass for
    certainty.
    """
    groups, top = sum(counts), len(counts) - 1
    score = sum(index * count for index, count in enumerate(counts)) / top / groups
    mean = sum(index * (count + 1) for index, count in enumerate(counts)) / top / (groups + top + 1)
    squares = sum((index / top - mean) ** 2 * (count + 1) for index, count in enumerate(counts))
    return score, squares / (groups + top + 1)


def unbiased(counts: Sequence[int], *, ratio: Ratio, bounds: tuple[float, float], looks: int) -> Interval:
    """Points per game in [0, 1] with a 95% interval, after a test that was looked at `looks` times.

    Args:
        counts: [2 G + 1] groups of G games by half points, all looks together.
        ratio: the log-likelihood ratio for such counts, which need not be whole.
        bounds: of the ratio, below and above 0, at which the test stops.
        looks: at least 1, about evenly spaced; with 1 the result is that of a test that was not stopped.

    Returns:
        One half and [0, 1] where there are no groups.
    """
    groups = sum(counts)
    if not groups:
        return Interval(0.5, 0.0, 1.0)
    score, _ = moments(counts)
    family = _Family.of(counts, ratio)
    walk = _Walk(family=family, groups=groups, steps=max(1, min(looks, MOST_LOOKS)), bounds=bounds, reached=score)
    value, low, high = (walk.root(chance) for chance in (0.5, _TAIL, 1 - _TAIL))
    return Interval(value, low, high)


class _Family(NamedTuple):
    """Distributions of a group's points of every mean, each as the counts but for an exponential tilt."""

    scores: Vector
    """[T], points per game, rising."""
    variances: Vector
    """[T], of a group's points per game."""
    ratios: Vector
    """[T], what a group adds to the log-likelihood ratio on average."""

    @classmethod
    def of(cls, counts: Sequence[int], ratio: Ratio) -> Self:
        values = np.linspace(0.0, 1.0, len(counts))
        groups = sum(counts)
        logs = np.log(np.array(counts) + 1.0)[None, :] + _TILTS[:, None] * values
        shares = softmax(logs, axis=1)
        means = shares @ values
        ratios = [ratio((groups * row).tolist()) / groups for row in shares]
        variances = shares @ values**2 - means**2
        return cls(means, np.maximum(variances, _LEAST_VARIANCE), np.maximum.accumulate(ratios))


class _Walk:
    """The points of the groups so far, look by look, until they pass a bound."""

    def __init__(
        self, *, family: _Family, groups: int, steps: int, bounds: tuple[float, float], reached: float
    ) -> None:
        """`reached`: points per game after the last of `steps` looks, at `groups` groups."""
        self.family, self.steps = family, steps
        self.size = groups / steps
        self.reached = reached * groups
        at: Vector = np.asarray(np.arange(1, steps) * self.size, dtype=np.float64)
        """Groups at each look before the last."""
        self.low, self.high = (at * self._score(bound / at) for bound in bounds)

    def _score(self, ratio: Vector) -> Vector:
        """At which a group adds so much on average; beyond what can be reached, infinitely far away."""
        scores, ratios = self.family.scores, self.family.ratios
        return np.asarray(np.interp(ratio, ratios, scores, left=-np.inf, right=np.inf))

    def root(self, wanted: float) -> float:
        """The score whose chance of an outcome at least as good is `wanted`; 0 or 1 where all have more, or less."""
        low, high = float(self.family.scores[0]), float(self.family.scores[-1])
        if self.chance(high) <= wanted:
            return 1.0
        if self.chance(low) >= wanted:
            return 0.0
        return float(brentq(lambda score: self.chance(score) - wanted, low, high, xtol=1e-5))

    def chance(self, score: float) -> float:
        """That a policy of that score passes before the last look, or has at least as many points then."""
        drift = self.size * score
        deviation = math.sqrt(self.size * float(np.interp(score, self.family.scores, self.family.variances)))
        if self.steps == 1:
            return float(ndtr((drift - self.reached) / deviation))
        # Points less the drift: a walk without one, so that the grid need only be as wide as it can stray.
        looks = np.arange(1, self.steps)
        low, high = self.low - looks * drift, self.high - looks * drift
        stray = _STRAYS * deviation * math.sqrt(self.steps)
        bottom, top = max(float(low.min()), -stray), min(float(high.max()), stray)
        if top <= bottom:
            return 1.0 if high[0] < 0 else 0.0
        cell = min(deviation / _POINTS, (top - bottom) / _FEWEST_POINTS)
        at = np.arange(bottom + cell / 2, top, cell)
        kernel = _density((at[:, None] - at) / deviation) * (cell / deviation)
        mass, passed = _density(at / deviation) * (cell / deviation), float(ndtr(-high[0] / deviation))
        for look in range(self.steps - 1):
            # A cell that a bound cuts belongs to the walk with the part that lies between the bounds.
            inside = np.minimum(at + cell / 2, high[look]) - np.maximum(at - cell / 2, low[look])
            mass = mass * np.clip(inside / cell, 0.0, 1.0)
            end = high[look + 1] if look + 1 < self.steps - 1 else self.reached - self.steps * drift
            passed += float(ndtr((at - end) / deviation) @ mass)
            mass = kernel @ mass
        return passed


def _density(z: Vector) -> Vector:
    return np.asarray(np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi))
