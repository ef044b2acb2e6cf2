"""Is one policy stronger than another? Played until it is known: a sequential probability ratio test.

The test is the generalised SPRT that fishtest uses for Stockfish (https://github.com/official-stockfish/fishtest,
`server/fishtest/stats`). Its unit is not the game but the group: one opening, played once with every seating. With two
seats that is a pair, worth 0, 1/2, 1, 3/2 or 2 points to the candidate, hence fishtest's word "pentanomial". An opening
that favours a seat gives a pair one point, whoever is stronger, so pairs vary much less than games do, and fewer of
them decide. With more seats a group has more games and more values; the mathematics is the same.

H0 says that the Elo difference is `elo0` or less, H1 that it is `elo1` or more; Elo is `comparison.elo_difference`.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

from league.ladder.comparison import Interval, elo_interval, expected_score
from league.ladder.ratings import Z_95
from league.ladder.stopping import moments, unbiased

Decision = Literal["accepted", "refused", "undecided"]
"""Of H1: the candidate is stronger."""

ABSENT: Final = 1e-3
"""Count given to a value that has not been seen, as in fishtest: without it some likelihoods would be zero."""

_PRECISION: Final = 1e-12
_STEPS: Final = 100


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What is tested, and how sure the answer must be."""

    elo0: float
    """Elo difference under the hypothesis H0: not enough."""
    elo1: float
    """Elo difference of H1, above `elo0`."""
    alpha: float
    """Chance in (0, 0.5) to accept a candidate of strength `elo0`."""
    beta: float
    """Chance in (0, 0.5) to refuse a candidate of strength `elo1`."""

    @property
    def lower(self) -> float:
        """Where H0 is accepted: ln(beta / (1 - alpha)), after A. Wald, "Sequential Analysis", 1947."""
        return math.log(self.beta / (1 - self.alpha))

    @property
    def upper(self) -> float:
        """Where H1 is accepted: ln((1 - beta) / alpha), as above."""
        return math.log((1 - self.beta) / self.alpha)


@dataclass(frozen=True, kw_only=True)
class Sprt:
    """Where a sequential test of pairs of games stands."""

    counts: tuple[int, ...]
    """[2 G + 1], groups of G games by the half points that they brought the candidate: of pairs, 0, 1/2, 1, 3/2, 2."""
    bounds: Bounds
    llr: float
    """Log-likelihood ratio of H1 to H0."""
    score: Interval
    """Points per game in [0, 1] with a 95% interval, which takes no account of when the test stopped."""
    looks: int
    """How often the test was looked at until now, about evenly spaced; 1: once, after all of its games."""

    @property
    def decision(self) -> Decision:
        """What follows from the ratio; nothing before the first game."""
        if self.games == 0:
            return "undecided"
        if self.llr >= self.bounds.upper:
            return "accepted"
        return "refused" if self.llr <= self.bounds.lower else "undecided"

    @property
    def games(self) -> int:
        """Number of games in the groups that are complete."""
        return sum(self.counts) * (len(self.counts) - 1) // 2

    @cached_property
    def unbiased(self) -> Interval:
        """Points per game in [0, 1] with a 95% interval, which takes account of when the test stopped."""
        scores = expected_score(self.bounds.elo0), expected_score(self.bounds.elo1)
        return unbiased(
            self.counts,
            ratio=lambda counts: log_likelihood_ratio(counts, *scores),
            bounds=(self.bounds.lower, self.bounds.upper),
            looks=self.looks,
        )

    @property
    def elo(self) -> Interval:
        """Elo difference with its 95% interval, median-unbiased: the stopping of the test is taken into account."""
        return elo_interval(self.unbiased)

    def to_json(self) -> dict[str, Any]:
        """The numbers as plain data; an Elo that is infinite is None."""
        return {
            "llr": self.llr,
            "llr_bounds": [self.bounds.lower, self.bounds.upper],
            "elo_bounds": [self.bounds.elo0, self.bounds.elo1],
            "alpha": self.bounds.alpha,
            "beta": self.bounds.beta,
            "counts": list(self.counts),
            "games": self.games,
            "looks": self.looks,
            "score": list(self.score),
            "elo": [points if math.isfinite(points) else None for points in self.elo],
        }


def sequential_test(counts: Sequence[int], bounds: Bounds, *, looks: int = 1) -> Sprt:
    """Where the test stands after groups with these counts.

    Args:
        counts: [2 G + 1] groups of G games by half points: 3 of single games, 5 of pairs.
        bounds: what is tested.
        looks: how often the test has been looked at, at least 1.

    Raises:
        ValueError: a count is negative, or there are not 3, 5, 7, ... of them.
    """
    if len(counts) < 3 or len(counts) % 2 == 0 or min(counts) < 0:
        raise ValueError(f"counts of groups must be 3, 5, 7, ... numbers of 0 or more, not {list(counts)}")
    ratio = log_likelihood_ratio(counts, expected_score(bounds.elo0), expected_score(bounds.elo1))
    return Sprt(counts=tuple(counts), bounds=bounds, llr=ratio, score=group_interval(counts), looks=max(looks, 1))


def log_likelihood_ratio(counts: Sequence[float], score0: float, score1: float) -> float:
    """Generalised log-likelihood ratio of a mean of `score1` to one of `score0`, both in (0, 1), points per game.

    The distribution of a group's points is unknown but for its mean, so each hypothesis is given the likeliest
    distribution with its mean: p_i / (1 + x (a_i - s)) for frequencies p_i of the values a_i, with the x that makes the
    mean s (M. Van den Bergh, https://www.cantate.be/Fishtest/support_MLE_multinomial.pdf, proposition 1.1). His
    shorter formula per group, (s1 - s0)(2 s - s0 - s1) / 2 var, takes the score for normal
    (https://www.cantate.be/Fishtest/GSPRT_approximation.pdf): it fails when a candidate wins every pair, because the
    variance that it divides by vanishes, and candidates of a young league do that.
    """
    present = [max(count, ABSENT) for count in counts]
    total = sum(present)
    values = [index / (len(present) - 1) for index in range(len(present))]
    likelihoods = [_deficit(present, [value - score for value in values]) for score in (score0, score1)]
    return 0.0 if total == ABSENT * len(present) else likelihoods[0] - likelihoods[1]


def _deficit(counts: Sequence[float], distances: Sequence[float]) -> float:
    """Log-likelihood lost by holding the mean fixed: the maximum over x of sum of n_i ln(1 + x d_i).

    `distances` d_i are from the mean, the first negative and the last positive. The sum is concave, so Newton's steps
    find the maximum; one that leaves the interval where every 1 + x d_i is positive is halved into it.
    """
    low, high = -1 / distances[-1], -1 / distances[0]
    x = 0.0
    for _ in range(_STEPS):
        shares = [d / (1 + x * d) for d in distances]
        slope = sum(n * share for n, share in zip(counts, shares, strict=True))
        low, high = (x, high) if slope > 0 else (low, x)
        step = x + slope / sum(n * share * share for n, share in zip(counts, shares, strict=True))
        following = step if low < step < high else (low + high) / 2
        if abs(following - x) <= _PRECISION:
            break
        x = following
    return sum(n * math.log1p(x * d) for n, d in zip(counts, distances, strict=True))


def group_interval(counts: Sequence[int]) -> Interval:
    """Points per game in [0, 1] with a 95% interval, groups being independent of each other.

    The normal interval, with the variance of `moments`. Without groups it is [0, 1] around one half.
    """
    groups = sum(counts)
    if not groups:
        return Interval(0.5, 0.0, 1.0)
    score, variance = moments(counts)
    half = Z_95 * math.sqrt(variance / groups)
    return Interval(score, max(0.0, score - half), min(1.0, score + half))


def fewest_games(bounds: Bounds, games_per_group: int, cap: int) -> int | None:
    """Games after which a candidate that wins all of them is accepted: no test can pass in fewer.

    None where they are more than `cap`.
    """

    def passes(groups: int) -> bool:
        return sequential_test([*[0] * (2 * games_per_group), groups], bounds).decision == "accepted"

    most = cap // games_per_group
    groups = 1 + bisect.bisect_left(range(1, most + 1), True, key=passes)
    return groups * games_per_group if groups <= most else None
