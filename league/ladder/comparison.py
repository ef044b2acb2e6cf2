"""How sure a result between two policies is: a confidence interval for the score, and what it means in Elo."""

from __future__ import annotations

import math
from typing import NamedTuple

from league.ladder.ratings import POINTS_PER_LOGIT, Z_95
from league.ladder.records import Tally


class Interval(NamedTuple):
    """An estimate with its confidence interval."""

    value: float
    low: float
    high: float


def score_interval(tally: Tally, z: float = Z_95) -> Interval:
    """Points per game in [0, 1], a draw counts half, with a confidence interval: of 95%, or of `z` standard deviations.

    Wilson's interval (E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22,
    1927) holds for wins and losses only. Draws lower the variance of a game from s(1 - s) to
    s(1 - s) - P(draw)/4, so n games say as much as m = n s(1 - s) / variance games without draws; Wilson's formula is
    used with m, the effective sample size (as for surveys: Franco, Little, Louis and Slud, "Comparative Study of
    Confidence Intervals for Proportions in Complex Sample Surveys", JSSAM 7, 2019). The ratio is estimated with one
    virtual game of each outcome added (Laplace), so that all wins or all draws do not pass for certainty.

    Games are taken as independent. Pairs from one opening with the seats swapped are rather opposed, so the interval
    is, if anything, a little too wide.

    Raises:
        ValueError: there are no games.
    """
    games = tally.games
    if games == 0:
        raise ValueError("a score needs games")
    draws, smooth = tally.draws + 1, (tally.wins + 1 + (tally.draws + 1) / 2) / (games + 3)
    binomial = smooth * (1 - smooth)
    effective = games * binomial / (binomial - draws / (games + 3) / 4)
    score, z2 = tally.score, z**2
    centre = (score + z2 / (2 * effective)) / (1 + z2 / effective)
    half = z * math.sqrt(score * (1 - score) / effective + z2 / (4 * effective**2)) / (1 + z2 / effective)
    return Interval(score, max(0.0, min(score, centre - half)), min(1.0, max(score, centre + half)))


def elo_difference(score: float) -> float:
    """The Elo difference at which `score` is expected: 400 log10(s / (1 - s)), infinite at 0 and 1."""
    if score <= 0 or score >= 1:
        return math.copysign(math.inf, score - 0.5)
    return POINTS_PER_LOGIT * math.log(score / (1 - score))


def expected_score(elo: float) -> float:
    """The inverse of `elo_difference`: points per game in (0, 1) at an Elo difference, 1 / (1 + 10^(-elo / 400))."""
    return 1 / (1 + math.exp(min(-elo / POINTS_PER_LOGIT, 700.0)))


def elo_interval(score: Interval) -> Interval:
    """`elo_difference` of an estimate and its ends."""
    return Interval(*(elo_difference(one) for one in score))
