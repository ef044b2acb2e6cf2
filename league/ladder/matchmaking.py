"""Whom a learner trains against, and which match teaches the ratings most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, ndtr

from league.config import MatchmakingConfig, RatingConfig
from league.ladder.payoff import LivePayoff
from league.ladder.ratings import Z_95, Rating, Ratings

Vector = NDArray[np.float64]
Weighting = Literal["squared", "variance", "linear", "linear_capped"]

BOTS_WEIGHT: Final = 0.05
"""Weight of a match between two fixed bots next to one with a snapshot in it: it says little about the league."""

TOP_WEIGHT: Final = 2.0
"""Weight of a snapshot that may be the best: the champion is among them."""

SHARPNESS: Final = 3.0
"""Power of the gain by which the opponent is drawn. With 1 close pairs are hardly preferred; with 16 only they meet."""


def pfsp_weights(win_rates: ArrayLike, weighting: Weighting) -> NDArray[np.float64]:
    """Prioritised fictitious self-play: how often to meet each opponent.

    Vinyals et al., "Grandmaster level in StarCraft II using multi-agent reinforcement learning", Nature 575 (2019),
    Methods, "Prioritized fictitious self-play": opponent B is met with probability f(P[A beats B]) / sum over C of
    f(P[A beats C]), where f is (1 - x)^2 ("squared": the hardest), x (1 - x) ("variance": those of one's own level),
    1 - x ("linear") or min(0.5, 1 - x) ("linear_capped", from the pseudocode that the paper comes with: all that
    are not yet beaten half of the time are met alike).

    Args:
        win_rates: [K], the learner's points per game against each opponent, in [0, 1].
        weighting: which f.

    Returns:
        [K] probabilities. Uniform where f is 0 for everyone, as when each opponent is always beaten. Empty for K = 0.

    Raises:
        ValueError: a rate is outside [0, 1] or not a number, or there is no such weighting.
    """
    x = np.asarray(win_rates, dtype=np.float64)
    if not np.all((x >= 0) & (x <= 1)):
        raise ValueError(f"win rates must be in [0, 1], not {x.tolist()}")
    if weighting == "squared":
        weights = (1 - x) ** 2
    elif weighting == "variance":
        weights = x * (1 - x)
    elif weighting == "linear":
        weights = 1 - x
    elif weighting == "linear_capped":
        weights = np.minimum(0.5, 1 - x)
    else:
        raise ValueError(f"no PFSP weighting {weighting!r}")
    return _normalised(weights)


def training_opponents(
    candidates: Sequence[str], live: LivePayoff, config: MatchmakingConfig, rng: np.random.Generator
) -> dict[str, float]:
    """Draw whom a learner meets next, at most `config.opponents` of them, with their shares of the games.

    With no more candidates than that, everyone plays with the PFSP probability as share. With more, each of
    `config.opponents` equal slots goes to one opponent: the first to the newest, so that the learner never loses sight
    of its own level, and the others by systematic sampling (one random offset, evenly spaced points on the cumulated
    probabilities), under which the expected share of those slots is exactly the PFSP probability. With a single slot
    the newest is drawn like any other.

    Args:
        candidates: names, oldest first, no two alike.
        live: the learner's own results.
        config: weighting and number of opponents.
        rng: source of the draw.

    Returns:
        Share by name, all above 0, that sum to 1; empty without candidates.
    """
    if not candidates:
        return {}
    probabilities = pfsp_weights([live.win_rate(name) for name in candidates], config.weighting)
    if len(candidates) <= config.opponents:
        return dict(zip(candidates, probabilities.tolist(), strict=True))
    reserved = 1 if config.opponents > 1 else 0
    drawn = config.opponents - reserved
    points = (rng.random() + np.arange(drawn)) / drawn
    # The last cumulated probability may round to just below the last point.
    places = np.minimum(np.searchsorted(np.cumsum(probabilities), points, side="right"), len(candidates) - 1)
    slots = np.bincount(places, minlength=len(candidates))
    slots[-1] += reserved
    return {name: count / config.opponents for name, count in zip(candidates, slots.tolist(), strict=True) if count}


def evaluation_pair(
    snapshots: Sequence[str], bots: Sequence[str], ratings: Ratings, config: RatingConfig, rng: np.random.Generator
) -> tuple[str, str] | None:
    """Draw the next match of the arena: the one from which the ratings learn most, with some chance for the others.

    The first policy is one without games if there is any. Else it is drawn in proportion to its variance sigma^2, times
    the expected number of others that stand on the wrong side of it, plus a half, times `TOP_WEIGHT` for a snapshot
    that may be the best: one whose upper bound mu + 1.96 sigma reaches every snapshot's lower bound.

    The second is drawn in proportion to the cube (`SHARPNESS`) of the variance that one game would remove from both,
    (sigma_a^4 + sigma_b^4) / (sigma_a^2 + sigma_b^2 + v): the game measures mu_a - mu_b with variance v = 2 beta^2 /
    (p (1 - p)), the inverse Fisher information of a Bernoulli trial whose log-odds are (mu_a - mu_b) / (sqrt(2) beta).
    So close matches and uncertain opponents come first. That is multiplied by 1 + 2 P(the two are in the wrong order).
    Two bots meet at `BOTS_WEIGHT` of the weight, or when there are only bots.

    Sharper draws save games but leave only matches between neighbours, from which the width of the whole scale is
    hardly learned. `python -m benchmarks.ratings` shows what this one saves, and that its intervals hold.

    Args:
        snapshots: names of the frozen policies.
        bots: names of the fixed bots, which are on the same scale.
        ratings: those known so far.
        config: the rating of a policy without games, and beta.
        rng: source of the draw.

    Returns:
        Two different names, or None if there are fewer than two policies.
    """
    names = list(dict.fromkeys([*snapshots, *bots]))
    if len(names) < 2:
        return None
    rated = [ratings.get(name) or Rating.new(config) for name in names]
    mu, sigma = np.array([r.mu for r in rated]), np.array([r.sigma for r in rated])
    is_bot = np.isin(names, list(bots))
    unplayed = np.array([not rating.games for rating in rated])
    weights = unplayed.astype(np.float64) if unplayed.any() else _unsettled(mu, sigma, is_bot)
    first = int(rng.choice(len(names), p=_normalised(weights)))
    order = _wrong_order(mu[first], sigma[first], mu, sigma)
    gains = _variance_removed(first, mu, sigma, config) ** SHARPNESS * (1 + 2 * order)
    if is_bot[first]:
        gains *= np.where(is_bot, BOTS_WEIGHT, 1.0)
    others = np.delete(np.arange(len(names)), first)
    second = int(others[rng.choice(len(others), p=_normalised(gains[others]))])
    return names[first], names[second]


def _unsettled(mu: Vector, sigma: Vector, is_bot: NDArray[np.bool_]) -> Vector:
    """How much there is to learn about each of N policies: [N], not normalised."""
    lower, upper = mu - Z_95 * sigma, mu + Z_95 * sigma
    best = lower[~is_bot].max(initial=-np.inf)
    top = np.where(~is_bot & (upper >= best), TOP_WEIGHT, 1.0)
    # Of the policy itself it is 0.5.
    misplaced = _wrong_order(mu[:, None], sigma[:, None], mu, sigma).sum(axis=1)
    return np.asarray(sigma**2 * misplaced * top)


def _wrong_order(mu: Vector | np.float64, sigma: Vector | np.float64, other_mu: Vector, other_sigma: Vector) -> Vector:
    """Probability in (0, 0.5] that two stand in the wrong order; the arguments broadcast.

    Phi(-|mu_a - mu_b| / sqrt(sigma_a^2 + sigma_b^2)).
    """
    return np.asarray(ndtr(-np.abs(mu - other_mu) / np.hypot(sigma, other_sigma)))


def _variance_removed(first: int, mu: Vector, sigma: Vector, config: RatingConfig) -> Vector:
    """By one game of the first against each, from both: [N], the largest is 1 unless all are 0; 0 at its own place."""
    variance = sigma**2
    both = variance[first] + variance
    p = expit((mu[first] - mu) / np.sqrt(both + 2 * config.beta**2))
    information = p * (1 - p) / (2 * config.beta**2)
    # Multiplied through by the information, which may be 0, instead of dividing by it.
    removed = (variance[first] ** 2 + variance**2) * information / (both * information + 1)
    removed[first] = 0.0
    # Scaled, so that powers of small numbers do not all become 0.
    return np.asarray(removed / max(float(removed.max()), np.finfo(np.float64).tiny))


def _normalised(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities in proportion to the weights. The guard is on the sum of the weights, whatever they came from."""
    total = weights.sum()
    if total > 0:
        return np.asarray(weights / total)
    return np.full(len(weights), 1 / len(weights)) if len(weights) else weights
