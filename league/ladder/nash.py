"""Which policies matter: the league as a game in which each of two players picks a policy to play for it.

D. Balduzzi et al., "Re-evaluating Evaluation", NeurIPS 2018, call it the meta-game: antisymmetric, with value 0. In a
Nash equilibrium nobody can gain by another choice, so a policy with weight is one that something in the league cannot
do without, and copies of a policy change nothing for the others. What the ladder's one number hides, as
rock-paper-scissors, is seen here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from league.ladder.bradley_terry import BradleyTerry, score_matrices
from league.ladder.payoff import Payoff

Matrix = NDArray[np.float64]

PRIOR_GAMES: Final = 8.0
"""A pair begins with so many virtual games at the score that the ratings predict. Of 1 to 40 the number that foretold
held-out matches of Connect Four best (`python -m benchmarks.calibration`), 2 to 16 being about as good."""

_NEGLIGIBLE: Final = 1e-6
"""Weights below it are the solver's tolerance."""


class Exploiter(NamedTuple):
    """The best response within the league to one policy."""

    policy: str
    score: float
    """Points per game in [0, 1] that it is expected to score."""
    games: int
    """Games behind that; 0: the ratings predict it."""


class MetaGame:
    """Expected scores between N policies."""

    def __init__(self, names: Sequence[str], scores: Matrix, games: Matrix) -> None:
        """Take a table as it is.

        Args:
            names: N, no two alike.
            scores: [N, N], points per game of row against column in [0, 1]; scores + scores.T is 1.
            games: [N, N], how many games were played, symmetric.

        Raises:
            ValueError: rows and columns do not mirror each other.
        """
        if not np.allclose(scores + scores.T, 1.0):
            raise ValueError("points of row and column must sum to 1 in every pair")
        self.names = tuple(names)
        self.scores = scores
        self.games = games

    @classmethod
    def of(cls, payoff: Payoff, names: Sequence[str]) -> MetaGame:
        """From what was played between `names`.

        A score is the mean of the games and of `PRIOR_GAMES` virtual ones at the score that Bradley-Terry over the
        whole payoff predicts (`BradleyTerry.expected_scores`). So a pair that never met is as its ratings say, and one
        that met in 40 games is what it showed.
        """
        points, games = score_matrices(payoff, names)
        predicted = BradleyTerry.fit(payoff).expected_scores(names)
        return cls(names, (points + PRIOR_GAMES * predicted) / (games + PRIOR_GAMES), games)

    def nash(self) -> dict[str, float]:
        """A Nash mixture: the weight of each policy, in [0, 1], that sum to 1; in the order of `names`.

        By linear programming (HiGHS, in scipy): the value is 0, so a mixture p is in equilibrium where nobody scores
        more than half against it. Of several equilibria it is one whose largest weight is smallest, so that equal
        policies share: a linear stand-in for the one of maximum entropy that Balduzzi et al. choose. Real results
        have one equilibrium but for rare ties. The same table gives the same mixture.
        """
        count = len(self.names)
        if not count:
            return {}
        # Variables: p, and t >= each p. Nobody gains against p; p sums to 1; t is as small as it can be.
        gains = np.hstack((self.scores - 0.5, np.zeros((count, 1))))
        largest = np.hstack((np.eye(count), -np.ones((count, 1))))
        solved = linprog(
            c=np.append(np.zeros(count), 1.0),
            A_ub=np.vstack((gains, largest)),
            b_ub=np.zeros(2 * count),
            A_eq=np.append(np.ones(count), 0.0)[None, :],
            b_eq=np.ones(1),
            method="highs",
        )
        if not solved.success:
            raise ArithmeticError(f"no equilibrium was found: {solved.message}")
        weights = np.where(solved.x[:count] > _NEGLIGIBLE, solved.x[:count], 0.0)
        return dict(zip(self.names, (weights / weights.sum()).tolist(), strict=True))

    def among(self, names: Sequence[str]) -> MetaGame:
        """The same table for some of the policies; raises `ValueError` for one that is not in it."""
        indices = [self.names.index(name) for name in names]
        return MetaGame(names, self.scores[np.ix_(indices, indices)], self.games[np.ix_(indices, indices)])

    def exploiter(self, policy: str, candidates: Collection[str] | None = None) -> Exploiter | None:
        """The policy that scores most against `policy`, of `candidates` if they are given; None if there is no other.

        Raises `ValueError` for a policy that is not in the table.
        """
        index = self.names.index(policy)
        chosen = self.names if candidates is None else candidates
        others = [n for n, name in enumerate(self.names) if n != index and name in chosen]
        if not others:
            return None
        best = max(others, key=lambda n: self.scores[n, index])
        return Exploiter(self.names[best], float(self.scores[best, index]), int(self.games[best, index]))

    def against(self, mixture: Mapping[str, float]) -> dict[str, float]:
        """Points per game in [0, 1] that each policy is expected to score against a mixture of the policies."""
        weights = np.array([mixture.get(name, 0.0) for name in self.names])
        return dict(zip(self.names, (self.scores @ weights).tolist(), strict=True))


def nash_report(payoff: Payoff, snapshots: Sequence[str], champion: str | None) -> dict[str, Any]:
    """Plain data of who matters among the snapshots that have played, and who scores most against each.

    `mixture` has them by their `weight` in the Nash mixture of these snapshots; `against_mixture` is the score in
    [0, 1] expected against it. `exploiter` is the best response among the snapshots, `bot_exploiter` among everyone
    else who has played, None where there is none.
    """
    played = set(payoff.policies())
    members = [name for name in snapshots if name in played]
    bots = played - set(snapshots)
    everyone = MetaGame.of(payoff, [*members, *sorted(bots)])
    game = everyone.among(members)
    mixture = game.nash()
    against = game.against(mixture)
    rows = [
        {
            "policy": name,
            "is_champion": name == champion,
            "weight": mixture[name],
            "against_mixture": against[name],
            "exploiter": _plain(game.exploiter(name)),
            "bot_exploiter": _plain(everyone.exploiter(name, bots)),
        }
        for name in sorted(members, key=lambda name: (-mixture[name], -against[name], name))
    ]
    return {"mixture": rows}


def _plain(exploiter: Exploiter | None) -> dict[str, Any] | None:
    return exploiter._asdict() if exploiter else None
