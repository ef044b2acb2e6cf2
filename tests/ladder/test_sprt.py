"""The promotion test against fishtest's numbers, its own symmetry, and the error rates that it promises."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from league.ladder.comparison import elo_difference, expected_score
from league.ladder.sprt import Bounds, fewest_games, group_interval, log_likelihood_ratio, sequential_test

GOLDENS = [
    ((0, 50), [0, 0, 0, 0, 23], 3.072858945435015),
    ((0, 50), [10, 20, 30, 25, 18], 1.18579396471763),
    ((-1.75, 0.25), [0, 0, 0, 0, 3], 0.0173182130855859),
    ((0, 50), [0, 0, 20, 0, 0], -3.076535780217191),
    ((0, 5), [300, 2200, 4800, 2400, 330], 4.690039437408154),
    ((0, 50), [40, 13, 60], 1.9373695431383136),
    ((0, 50), [1, 2, 5, 7, 20, 9, 8, 12, 9, 8, 4, 2, 3], -5.029448532703778),
    ((20, 120), [5, 0, 0, 0, 0], -1.7241230481806906),
]
"""`LLR_logistic(elo0, elo1, counts)` of `server/fishtest/stats/LLRcalc.py`, official-stockfish/fishtest, which solves
for the same distributions by scipy's brentq."""

counts_of_pairs = st.lists(st.integers(0, 300), min_size=5, max_size=5)


def bounds(elo0=0.0, elo1=50.0, alpha=0.05, beta=0.05):
    return Bounds(elo0=elo0, elo1=elo1, alpha=alpha, beta=beta)


@pytest.mark.parametrize(("elos", "counts", "expected"), GOLDENS)
def test_equals_fishtest(elos, counts, expected):
    assert sequential_test(counts, bounds(*elos)).llr == pytest.approx(expected, rel=1e-8)


@given(counts_of_pairs, st.floats(-200, 199), st.floats(0.5, 200))
def test_from_the_other_side_the_ratio_changes_its_sign(counts, elo0, width):
    here = sequential_test(counts, bounds(elo0, elo0 + width)).llr
    there = sequential_test(counts[::-1], bounds(-elo0 - width, -elo0)).llr
    assert here == pytest.approx(-there, abs=1e-6 * (1 + sum(counts)))


@given(counts_of_pairs, st.floats(0.2, 0.8), st.floats(0.2, 0.8), st.floats(0.2, 0.8))
def test_ratios_add_up(counts, a, b, c):
    there = log_likelihood_ratio(counts, a, b) + log_likelihood_ratio(counts, b, c)
    assert log_likelihood_ratio(counts, a, c) == pytest.approx(there, abs=1e-6 * (1 + sum(counts)))


@given(counts_of_pairs)
def test_a_better_pair_never_lowers_the_ratio(counts):
    worse, better = [*counts], [*counts]
    worse[0] += 1
    better[4] += 1
    assert sequential_test(worse, bounds()).llr < sequential_test(better, bounds()).llr


def test_nothing_played_says_nothing():
    found = sequential_test([0] * 5, bounds())
    assert (found.llr, found.decision, found.games) == (0.0, "undecided", 0)
    assert found.score == (0.5, 0.0, 1.0)
    assert found.to_json()["elo"] == [0.0, None, None]


def test_without_a_game_nobody_is_accepted_however_little_is_asked():
    assert sequential_test([0] * 5, bounds(alpha=0.5, beta=0.5)).decision == "undecided"


def test_the_bounds_are_walds():
    assert bounds().upper == pytest.approx(math.log(19))
    assert bounds().lower == pytest.approx(-math.log(19))
    assert bounds(alpha=0.01).upper == pytest.approx(math.log(95))


def test_decisions():
    assert sequential_test([0, 0, 0, 0, 22], bounds()).decision == "undecided"
    assert sequential_test([0, 0, 0, 0, 23], bounds()).decision == "accepted"
    assert sequential_test([23, 0, 0, 0, 0], bounds()).decision == "refused"


def test_the_fewest_games():
    assert fewest_games(bounds(), 2, 2000) == 46
    assert fewest_games(bounds(), 6, 2000) == 138
    assert fewest_games(bounds(), 1, 2000) == 23


def test_more_games_than_the_cap_are_not_counted():
    assert fewest_games(bounds(), 2, 46) == 46
    assert fewest_games(bounds(), 2, 45) is None
    assert fewest_games(bounds(), 2, 1) is None
    assert fewest_games(bounds(0, 1e-6), 2, 10**9) is None, "it would be some thousand million"


def test_the_score_and_its_interval():
    assert group_interval([0, 0, 0, 0, 10]).value == 1.0
    assert group_interval([0, 0, 0, 0, 10]).low < 0.9
    rng = np.random.default_rng(0)
    chances = [0.1, 0.2, 0.3, 0.25, 0.15]
    truth = float(np.arange(5) @ chances) / 4
    found = [group_interval(rng.multinomial(60, chances).tolist()) for _ in range(1000)]
    assert sum(one.low <= truth <= one.high for one in found) / 1000 == pytest.approx(0.95, abs=0.025)


@pytest.mark.parametrize("counts", [[], [1], [1, 2], [1, 2, 3, 4], [0, -1, 0]])
def test_counts_that_are_none(counts):
    with pytest.raises(ValueError, match="counts of groups"):
        sequential_test(counts, bounds())


@given(st.floats(-1000, 1000))
def test_the_expected_score_is_the_inverse_of_the_elo_difference(elo):
    assert elo_difference(expected_score(elo)) == pytest.approx(elo, abs=1e-6)


def tilted(shape, score):
    """The distribution of that shape with that mean: p_i proportional to shape_i exp(t i), t by bisection."""
    low, high, values = -20.0, 20.0, np.arange(5)
    for _ in range(60):
        chances = np.array(shape) * np.exp((low + high) / 2 * values)
        chances /= chances.sum()
        low, high = ((low + high) / 2, high) if chances @ values / 4 < score else (low, (low + high) / 2)
    return chances


@pytest.mark.parametrize("shape", [[0.2, 0.2, 0.2, 0.2, 0.2], [0.02, 0.06, 0.84, 0.06, 0.02], [0.5, 0, 0, 0, 0.5]])
@pytest.mark.parametrize(("elo", "wrong"), [(0.0, "accepted"), (50.0, "refused")])
def test_error_rates(shape, elo, wrong):
    """At either bound, for wide, narrow and all-or-nothing pairs; `python -m benchmarks.sprt` has more."""
    chances = tilted(shape, expected_score(elo))
    rng, decisions = np.random.default_rng(1), []
    for _ in range(400):
        counts = np.zeros(5, dtype=int)
        while sequential_test(counts.tolist(), bounds()).decision == "undecided":
            counts += rng.multinomial(10, chances)
        decisions.append(sequential_test(counts.tolist(), bounds()).decision)
    assert decisions.count(wrong) / 400 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)
