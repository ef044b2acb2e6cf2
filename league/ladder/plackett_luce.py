"""OpenSkill's Plackett-Luce for two players, bit for bit, in a tenth of the time.

A month of matches is hundreds of millions of games, and a repair or a verification rates all of them again. OpenSkill
is made for teams of any number: for one game of two it copies, checks and sorts for 24 microseconds. This is what is
left of `openskill.models.PlackettLuce.rate` with two teams of one, `tau` = 0 and its own `gamma` and `kappa`, in the
same order of operations. `tests/ladder/test_plackett_luce.py` holds it to the library's results, to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

KAPPA: Final = 0.0001
"""Of its variance a player keeps at least so much in a game."""

Side = tuple[float, float]
"""Mean and standard deviation of one player."""


def rate_games(row: Side, column: Side, outcomes: Iterable[int], beta: float) -> tuple[Side, Side]:
    """Both players after some games, in their order: 0 for one that the row won, 1 for a draw, 2 for one that it lost.

    Args:
        row: mean and standard deviation before, both in OpenSkill's units.
        column: of the other player.
        outcomes: from the point of view of the row.
        beta: performance noise of one game.
    """
    beta_squared = beta**2
    for outcome in outcomes:
        if outcome == 1:
            row, column = _drawn(row, column, beta_squared)
        elif outcome == 0:
            row, column = _won(row, column, beta_squared)
        else:
            column, row = _won(column, row, beta_squared)
    return row, column


def _won(winner: Side, loser: Side, beta_squared: float) -> tuple[Side, Side]:
    w_sigma, l_sigma = math.sqrt(winner[1] * winner[1]), math.sqrt(loser[1] * loser[1])
    w_squared, l_squared = w_sigma**2, l_sigma**2
    c = math.sqrt((w_squared + beta_squared) + (l_squared + beta_squared))
    won, lost = math.exp(winner[0] / c), math.exp(loser[0] / c)
    both = won + lost
    p, q = won / both, lost / both
    return (
        _moved(winner[0], w_sigma, w_squared, 1 - p, p * (1 - p), c),
        _moved(loser[0], l_sigma, l_squared, -q, q * (1 - q), c),
    )


def _drawn(row: Side, column: Side, beta_squared: float) -> tuple[Side, Side]:
    r_sigma, c_sigma = math.sqrt(row[1] * row[1]), math.sqrt(column[1] * column[1])
    r_squared, c_squared = r_sigma**2, c_sigma**2
    c = math.sqrt((r_squared + beta_squared) + (c_squared + beta_squared))
    first, second = math.exp(row[0] / c), math.exp(column[0] / c)
    both = first + second
    p, q = first / both, second / both
    return (
        _moved(row[0], r_sigma, r_squared, (1 - p) / 2 - p / 2, p * (1 - p) / 2 + p * (1 - p) / 2, c),
        _moved(column[0], c_sigma, c_squared, (1 - q) / 2 - q / 2, q * (1 - q) / 2 + q * (1 - q) / 2, c),
    )


def _moved(mu: float, sigma: float, squared: float, omega: float, delta: float, c: float) -> Side:
    """One player by the sums of the paper's algorithm 4: omega for its mean, delta for its deviation."""
    omega *= squared / c
    delta *= squared / c**2
    delta *= math.sqrt(squared) / c
    return mu + omega, sigma * math.sqrt(max(1 - delta, KAPPA))
