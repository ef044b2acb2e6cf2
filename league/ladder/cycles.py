"""Rock-paper-scissors: three policies of which each beats the next, so that no ranking is right about all of them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from league.ladder.comparison import Interval, score_interval
from league.ladder.payoff import Payoff


class Cycle(NamedTuple):
    """`a` beats `b`, `b` beats `c` and `c` beats `a`."""

    policies: tuple[str, str, str]
    """a, b and c; a is the first of them by name."""
    scores: tuple[Interval, Interval, Interval]
    """Of a against b, b against c and c against a; every lower end is above 0.5."""

    @property
    def strength(self) -> float:
        """The lower end of the weakest of the three, above 0.5: how sure the cycle is at least."""
        return min(score.low for score in self.scores)

    def to_json(self) -> dict[str, Any]:
        """The cycle as plain data for JSON: who beats whom with which score and 95% interval, and the strength."""
        return {
            "beats": [
                {
                    "policy": one,
                    "against": other,
                    "score": score.value,
                    "score_low": score.low,
                    "score_high": score.high,
                }
                for one, other, score in zip(
                    self.policies, (*self.policies[1:], self.policies[0]), self.scores, strict=True
                )
            ],
            "strength": self.strength,
        }


def cycles(payoff: Payoff) -> list[Cycle]:
    """Every cycle of three, the surest first; equal ones by name.

    One policy beats another where the lower end of `score_interval` is above 0.5. Each is a test of its own at 97.5%,
    so among very many pairs a few cycles are chance: those with a `strength` little above 0.5.

    N policies are compared in at most N^2 / 2 steps on rows of N bits, and memory is N^2 bytes.
    """
    names = payoff.policies()
    index = {name: number for number, name in enumerate(names)}
    beats = np.zeros((len(names), len(names)), dtype=np.bool_)
    scores: dict[tuple[int, int], Interval] = {}
    for (row, column), tally in payoff.pairs().items():
        a, b = index[row], index[column]
        for winner, loser, seen in ((a, b, tally), (b, a, tally.mirrored())):
            score = score_interval(seen)
            if score.low > 0.5:
                beats[winner, loser] = True
                scores[winner, loser] = score
    lost_to = beats.T.copy()
    found = []
    for a, b in scores:
        # From each of the three edges the same cycle is seen: the one that begins at the first name is taken.
        for c in np.flatnonzero(beats[b] & lost_to[a]).tolist():
            if a < min(b, c):
                found.append(Cycle((names[a], names[b], names[c]), (scores[a, b], scores[b, c], scores[c, a])))
    return sorted(found, key=lambda cycle: (-cycle.strength, cycle.policies))
