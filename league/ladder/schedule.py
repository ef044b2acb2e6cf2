"""Which match teaches the ratings most, and what ties them to something that never changes.

A ladder on which the strong only meet the strong hangs each new policy on the last one, through games that were chosen
because somebody had won. What a policy gains on its own ancestors is then counted as if it had gained as much on
everybody. So a share of all matches is against anchors (`ArenaConfig.anchor_share`): the fixed bots, and a few
snapshots spread over the ladder (`Snapshot.landmark`); and a new snapshot meets them before anybody else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr

from league.config import RatingConfig
from league.ladder.leaderboard import ANCHOR_MATCHES
from league.ladder.ratings import Z_95, Rating, Ratings
from league.ladder.records import Match

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

BOTS_WEIGHT: Final = 0.05
"""Weight of a match between two fixed bots next to one with a snapshot in it: it says little about the league."""

TOP_WEIGHT: Final = 2.0
"""Weight of a snapshot that may be the best: the champion is among them."""

SHARPNESS: Final = 3.0
"""Power of the gain by which the opponent is drawn. With 1 close pairs are hardly preferred; with 16 only they meet."""


CHAMPION_ERROR: Final = 0.015
"""Standard error of the champion's score against each bot, in points per game, at which a league may end."""

CHAMPION_SHARE: Final = 0.5
"""Of the matches against anchors, once every snapshot is settled: the champion's, whose number everybody looks at."""

EXACT: Final = 256
"""Up to so many policies all are compared with all; of more, `DRAWN` with `COMPARED` others, drawn at random."""
DRAWN, COMPARED = 64, 512


class Schedule:
    """The policies of a league, N of them, and whom the arena pairs next. A choice costs a look along them."""

    def __init__(
        self,
        snapshots: Sequence[str],
        bots: Sequence[str],
        ratings: Ratings,
        config: RatingConfig,
        *,
        anchors: Collection[str] = (),
        anchor_share: float = 0.0,
        met: Counter[tuple[str, str]] | None = None,
        match_games: int = 1,
    ) -> None:
        """Take the league as it is.

        Args:
            snapshots: names of the frozen policies.
            bots: names of the fixed bots, which are on the same scale.
            ratings: those known so far.
            config: the rating of a policy without games, and beta.
            anchors: names of the snapshots that are anchors beside the bots.
            anchor_share: of the matches, in [0, 1]: those of a snapshot against an anchor; 0: there are no anchors.
            met: rated games of each policy (first) with each anchor (second) so far; kept up by `played`.
            match_games: games of a match.
        """
        self.names = list(dict.fromkeys([*snapshots, *bots]))
        self.champion: str | None = None
        self._config, self._share, self._match = config, anchor_share, match_games
        self._index = {name: number for number, name in enumerate(self.names)}
        new = Rating.new(config)
        rated = [ratings.get(name) or new for name in self.names]
        self._mu = np.array([rating.mu for rating in rated], dtype=np.float64)
        self._sigma = np.array([rating.sigma for rating in rated], dtype=np.float64)
        self._games = np.array([rating.games for rating in rated], dtype=np.int64)
        self._is_bot = self._mask(bots)
        self._is_anchor = self._is_bot | self._mask(anchors)
        self._tied = ~self._is_bot & (int(self._is_anchor.sum()) - self._is_anchor > 0) & (anchor_share > 0)
        """Snapshots that are tied to anchors: there is one beside themselves."""
        self._met: Counter[tuple[str, str]] = Counter() if met is None else met
        self._anchored = np.zeros(len(self.names), dtype=np.int64)
        for (name, anchor), games in self._met.items():
            if name in self._index and anchor in self._index and self._is_anchor[self._index[anchor]]:
                self._anchored[self._index[name]] += games
        self._guess()

    def _mask(self, names: Collection[str]) -> Mask:
        mask = np.zeros(len(self.names), dtype=np.bool_)
        mask[[self._index[name] for name in names if name in self._index]] = True
        return mask

    def _guess(self) -> None:
        """Where those without games may stand, to find whom they should meet: where the last one before them does."""
        played = np.flatnonzero((self._games > 0) & ~self._is_bot)
        for index in np.flatnonzero((self._games == 0) & ~self._is_bot):
            earlier = played[: np.searchsorted(played, index)]
            if len(earlier):
                self._mu[index] = self._mu[earlier[-1]]

    def played(self, match: Match, ratings: Ratings) -> None:
        """A match was played, from which these ratings followed; one in which games were lost counts as a whole one."""
        games = max(match.total.games + match.dropped, self._match)
        for name, other in ((match.row, match.column), (match.column, match.row)):
            index, anchor, rating = self._index.get(name), self._index.get(other), ratings.get(name)
            if index is not None and rating is not None:
                self._mu[index], self._sigma[index], self._games[index] = rating.mu, rating.sigma, rating.games
            if match.rated and anchor is not None and self._is_anchor[anchor]:
                self._met[name, other] += games
                if index is not None:
                    self._anchored[index] += games

    @property
    def lacking(self) -> Vector:
        """[N]: matches against anchors that each snapshot lacks until it is settled."""
        lacking = np.ceil(ANCHOR_MATCHES - self._anchored / self._match)
        return np.asarray(np.maximum(lacking, 0.0) * self._tied)

    def unrated(self, matches: int) -> int:
        """Matches that are lacking, at most: until each snapshot has so many, and those against anchors, and until the
        champion's scores against the bots are known (`CHAMPION_ERROR`). One may serve two of them."""
        lacking = np.ceil(matches - self._games / self._match)
        return int(np.maximum(lacking, self.lacking)[~self._is_bot].clip(min=0).sum()) + self._champion_lacks()

    def _champion_lacks(self) -> int:
        champion = self._index.get(self.champion or "")
        if champion is None or not self._tied[champion]:
            return 0
        bots = np.flatnonzero(self._is_bot)
        p = self._expected(champion, bots)
        met = np.array([self._met[self.names[champion], self.names[bot]] for bot in bots])
        return int(np.ceil((p * (1 - p) / CHAMPION_ERROR**2 - met).clip(min=0) / self._match).sum())

    def _expected(self, first: int, others: NDArray[np.int64]) -> Vector:
        """Points per game in (0, 1) of one policy against others, by what is known of both."""
        deviation = np.sqrt(self._sigma[first] ** 2 + self._sigma[others] ** 2 + 2 * self._config.beta**2)
        return np.asarray(expit((self._mu[first] - self._mu[others]) / deviation))

    def ties(self, rng: np.random.Generator) -> bool:
        """Whether the next match shall be against an anchor: a snapshot lacks it, or for the share of all matches."""
        return bool((self.lacking > 0).any()) or bool(self._tied.any() and rng.random() < self._share)

    def pair(self, rng: np.random.Generator, *, anchor: bool | None = None) -> tuple[str, str] | None:
        """Draw the next match, against an anchor or not; None: as `ties` says.

        Against an anchor, snapshots that are not settled come first, then the champion in half of the matches
        (`CHAMPION_SHARE`). The anchor is drawn in proportion to p (1 - p) / (n + one match), the variance of a game
        over how often the two have met: those near its level, and each of them in turn.

        Of the others policies without games come first. Else the first policy is drawn in proportion to its variance
        sigma^2, times the expected number of others that stand on the wrong side of it, plus a half, times `TOP_WEIGHT`
        for a snapshot that may be the best: one whose upper bound mu + 1.96 sigma reaches every snapshot's lower bound.

        The second is drawn in proportion to the cube (`SHARPNESS`) of the variance that one game would remove from
        both, (sigma_a^4 + sigma_b^4) / (sigma_a^2 + sigma_b^2 + v): the game measures mu_a - mu_b with variance v = 2
        beta^2 / (p (1 - p)), the inverse Fisher information of a Bernoulli trial whose log-odds are (mu_a - mu_b) /
        (sqrt(2) beta). So close matches and uncertain opponents come first. That is multiplied by 1 + 2 P(the two are
        in the wrong order). Two bots meet at `BOTS_WEIGHT` of the weight, or when there are only bots.

        Sharper draws save games but leave only matches between neighbours, from which the width of the whole scale is
        hardly learned. `python -m benchmarks.ratings` shows what this one saves, what anchors cost, and that the
        intervals hold.

        Returns:
            Two different names, or None if there are fewer than two policies.
        """
        if len(self.names) < 2:
            return None
        if (self.ties(rng) if anchor is None else anchor) and self._tied.any():
            first = self._tied_first(rng)
            second = self._anchor(rng, first)
        else:
            first = self._first(rng, np.ones(len(self.names), dtype=np.bool_))
            second = self._second(rng, first)
        return self.names[first], self.names[second]

    def _tied_first(self, rng: np.random.Generator) -> int:
        unsettled = self.lacking > 0
        if unsettled.any():
            return self._first(rng, unsettled)
        champion = self._index.get(self.champion or "")
        if champion is not None and self._tied[champion] and rng.random() < CHAMPION_SHARE:
            return champion
        return self._first(rng, self._tied)

    def _anchor(self, rng: np.random.Generator, first: int) -> int:
        anchors = np.flatnonzero(self._is_anchor)
        anchors = anchors[anchors != first]
        p = self._expected(first, anchors)
        met = np.array([self._met[self.names[first], self.names[anchor]] for anchor in anchors])
        return int(anchors[rng.choice(len(anchors), p=normalised(p * (1 - p) / (met + self._match)))])

    def _first(self, rng: np.random.Generator, among: Mask) -> int:
        unplayed = among & (self._games == 0)
        if unplayed.any():
            return int(rng.choice(np.flatnonzero(unplayed)))
        lower, upper = self._mu - Z_95 * self._sigma, self._mu + Z_95 * self._sigma
        best = lower[~self._is_bot].max(initial=-np.inf)
        top = np.where(~self._is_bot & (upper >= best), TOP_WEIGHT, 1.0)
        weights = self._sigma**2 * top * among
        drawn, others = np.arange(len(weights)), np.arange(len(weights))
        if len(weights) > EXACT:
            drawn = rng.choice(len(weights), DRAWN, p=normalised(weights))
            others = rng.choice(len(weights), COMPARED)
            weights = np.ones_like(weights)
        order = _wrong_order(self._mu[drawn, None], self._sigma[drawn, None], self._mu[others], self._sigma[others])
        # Of the policy itself it is 0.5.
        misplaced = order.sum(axis=1)
        return int(drawn[rng.choice(len(drawn), p=normalised(weights[drawn] * misplaced))])

    def _second(self, rng: np.random.Generator, first: int) -> int:
        mu, sigma = self._mu, self._sigma
        order = _wrong_order(mu[first], sigma[first], mu, sigma)
        gains = _variance_removed(first, mu, sigma, self._config) ** SHARPNESS * (1 + 2 * order)
        if self._is_bot[first]:
            gains *= np.where(self._is_bot, BOTS_WEIGHT, 1.0)
        others = np.delete(np.arange(len(mu)), first)
        return int(others[rng.choice(len(others), p=normalised(gains[others]))])


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


def normalised(weights: Vector) -> Vector:
    """Probabilities in proportion to the weights. The guard is on the sum of the weights, whatever they came from."""
    total = weights.sum()
    if total > 0:
        return np.asarray(weights / total)
    return np.full(len(weights), 1 / len(weights)) if len(weights) else weights
