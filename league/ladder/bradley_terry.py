"""A second opinion on the ratings: Bradley-Terry strengths fitted to all games at once.

R. A. Bradley and M. E. Terry, "Rank Analysis of Incomplete Block Designs: I. The Method of Paired Comparisons",
Biometrika 39 (1952): `a` beats `b` with probability 1 / (1 + exp(-(s_a - s_b))). For two known strengths that is the
model behind `league.ladder.ratings`, so both are on one scale and must agree but for noise. The fit knows no order of
matches and keeps what they say about pairs, which one mean and one standard deviation per policy cannot.

The log-likelihood is concave and is maximised by Newton's method, as for any logistic regression, with standard errors
from the observed information. D. R. Hunter, "MM Algorithms for Generalized Bradley-Terry Models", Annals of Statistics
32 (2004), section 2, says when a maximum exists: nobody may have won all games against the rest. A weak normal prior
makes it exist always.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from league.ladder.payoff import Payoff
from league.ladder.ratings import ANCHOR, POINTS_PER_LOGIT, Z_95, Elo

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

PRIOR_ELO: Final = 1000.0
"""Standard deviation of the prior, in Elo. As weak as a prior can be that keeps a policy with 40 wins out of 40 at
some 1,000 points above its opponent; next to 40 games between equals it counts for less than a third of one game."""

_STEPS: Final = 100
_LONGEST_STEP: Final = 2.0
"""In logits. Newton's method overshoots where all games were won and the likelihood is nearly flat."""
_PRECISION: Final = 1e-9


class BradleyTerry:
    """Strengths of N policies, with their covariance."""

    def __init__(self, names: Sequence[str], strengths: Vector, covariance: Matrix) -> None:
        """Take a fit as it is.

        Args:
            names: N, no two alike.
            strengths: [N], in logits.
            covariance: [N, N], of the strengths.
        """
        self.names = tuple(names)
        self._index = {name: index for index, name in enumerate(self.names)}
        self._strengths = strengths
        self._covariance = covariance

    @classmethod
    def fit(cls, payoff: Payoff, names: Sequence[str] | None = None) -> Self:
        """Fit everyone in `names`, the default is everyone with a game; a draw is half a win for each.

        Counting a draw so gives the same expected score as the data, and equal ranks in OpenSkill do the same to mu.
        A game that is drawn says more than one that is won or lost, so intervals are a little too wide where draws
        are frequent. A policy without games among `names` has the mean strength of all, 0.
        """
        chosen = payoff.policies() if names is None else list(names)
        points, games = score_matrices(payoff, chosen)
        return cls(chosen, *_posterior(points, games))

    def expected_scores(self, names: Sequence[str]) -> Matrix:
        """Points per game in (0, 1) expected of each of `names` against each: [K, K], 0.5 on the diagonal.

        The mean over what is not known about their difference d, of variance v, by D. J. C. MacKay, "The Evidence
        Framework Applied to Classification Networks", Neural Computation 4 (1992): the logistic function of
        d / sqrt(1 + pi v / 8). A policy that is not in the fit counts as one of mean strength, known no better than
        the prior.
        """
        indices = np.array([self._index.get(name, -1) for name in names], dtype=np.int64)
        known = indices >= 0
        strengths = np.where(known, self._strengths[indices], 0.0) if len(self.names) else np.zeros(len(names))
        prior = (PRIOR_ELO / POINTS_PER_LOGIT) ** 2
        covariance = np.diag(np.where(known, 0.0, prior))
        covariance[np.ix_(known, known)] = self._covariance[np.ix_(indices[known], indices[known])]
        variances = np.diag(covariance)
        variance = variances[:, None] + variances[None, :] - 2 * covariance
        difference = strengths[:, None] - strengths[None, :]
        scores = np.asarray(expit(difference / np.sqrt(1 + math.pi / 8 * np.maximum(variance, 0.0))), dtype=np.float64)
        np.fill_diagonal(scores, 0.5)
        return scores

    def elo(self) -> dict[str, Elo]:
        """Everyone on the scale of `league.ladder.ratings.elo`: `uniform` is 0, or the mean of all if it is not in it.

        The interval is, as there, the policy's own: of its strength against the mean of all, which is better known
        than the distance to `uniform`, whom most of the others always beat.
        """
        zero = self._strengths[self._index[ANCHOR]] if ANCHOR in self._index else 0.0
        centred = _centred(self._covariance)
        return {
            name: Elo(
                float(self._strengths[index] - zero) * POINTS_PER_LOGIT,
                Z_95 * math.sqrt(max(float(centred[index, index]), 0.0)) * POINTS_PER_LOGIT,
            )
            for name, index in self._index.items()
        }


def score_matrices(payoff: Payoff, names: Sequence[str]) -> tuple[Matrix, Matrix]:
    """Points of row against column, and games between them, a draw half a point: two matrices [N, N].

    Games against anyone who is not in `names` are left out.
    """
    index = {name: number for number, name in enumerate(names)}
    points, games = np.zeros((2, len(names), len(names)))
    for (row, column), tally in payoff.pairs().items():
        if row in index and column in index:
            a, b = index[row], index[column]
            points[a, b], points[b, a] = tally.score * tally.games, tally.mirrored().score * tally.games
            games[a, b] = games[b, a] = tally.games
    return points, games


def _posterior(points: Matrix, games: Matrix) -> tuple[Vector, Matrix]:
    """Mode and covariance (the inverse of the negative Hessian there) of the strengths, in logits."""
    count = len(points)
    ridge = (POINTS_PER_LOGIT / PRIOR_ELO) ** 2
    strengths = np.zeros(count)
    information = ridge * np.eye(count)
    for _ in range(_STEPS):
        expected = expit(strengths[:, None] - strengths[None, :])
        weights = games * expected * (1 - expected)
        information = np.diag(weights.sum(axis=1) + ridge) - weights
        step = np.linalg.solve(information, (points - games * expected).sum(axis=1) - ridge * strengths)
        longest = float(np.abs(step).max(initial=0.0))
        strengths = strengths + step * min(1.0, _LONGEST_STEP / max(longest, _LONGEST_STEP))
        if longest < _PRECISION:
            break
    return strengths, np.asarray(np.linalg.inv(information), dtype=np.float64)


def _centred(covariance: Matrix) -> Matrix:
    """Of the strengths less their mean: a shift of all together, which only the prior bounds, is taken out."""
    if not covariance.size:
        return covariance
    rows = covariance.mean(axis=0, keepdims=True)
    return np.asarray(covariance - rows - rows.T + covariance.mean())
