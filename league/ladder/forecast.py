"""What is to be expected of a pair: how its ratings and its own games together foretell the next ones.

An Elo promises a score against everybody, and where a game is not transitive no single number keeps all of its
promises. So a pair is expected to go on as it has gone: its rated games count as they are, beside a few virtual ones at
the score that Bradley-Terry over all games predicts (`MetaGame.of`). A pair that never met has the ratings alone, and
an interval as wide as games of policies that are apart by style make it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.stats import beta

from league.ladder.bradley_terry import BradleyTerry
from league.ladder.comparison import Interval
from league.ladder.nash import PRIOR_GAMES
from league.ladder.payoff import Payoff

_TAILS = (0.025, 0.975)
_LEAST = 1e-3
"""Virtual points that either side has at least: nobody is quite hopeless."""


def forecasts(payoff: Payoff, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Interval]:
    """Points per game in (0, 1) expected of the first against the second, by pair, with their 95% intervals.

    The interval is of the beta distribution with the points of both sides, virtual ones included: it is about the mean
    of many more games.

    Args:
        payoff: the rated games.
        pairs: names; somebody without a game is of mean strength, as far as is known.
    """
    wanted = list(pairs)
    names = sorted({name for pair in wanted for name in pair})
    index = {name: number for number, name in enumerate(names)}
    predicted = BradleyTerry.fit(payoff).expected_scores(names)
    found = {}
    for a, b in wanted:
        tally = payoff.tally(a, b)
        seen = tally.wins + tally.draws / 2 if tally.games else 0.0
        virtual = PRIOR_GAMES * float(predicted[index[a], index[b]])
        mine, theirs = np.maximum([seen + virtual, tally.games - seen + PRIOR_GAMES - virtual], _LEAST)
        low, high = (float(beta.ppf(tail, mine, theirs)) for tail in _TAILS)
        found[a, b] = Interval(float(mine / (mine + theirs)), low, high)
    return found
