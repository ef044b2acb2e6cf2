"""The Elo of a test that stopped is too high as often as too low."""

import numpy as np
import pytest

from league.ladder.comparison import expected_score
from league.ladder.sprt import Bounds, group_interval, sequential_test

BOUNDS = Bounds(elo0=0.0, elo1=50.0, alpha=0.05, beta=0.05)


def stopped(elo, rng, *, cap=2000):
    """A test by batches of 20 pairs, until it is decided."""
    score = expected_score(elo)
    chances = [(1 - score) ** 2, 0, 2 * score * (1 - score), 0, score**2]
    counts, looks = np.zeros(5, dtype=int), 0
    while True:
        counts, looks = counts + rng.multinomial(20, chances), looks + 1
        test = sequential_test(counts.tolist(), BOUNDS, looks=looks)
        if test.decision != "undecided" or test.games >= cap:
            return test


@pytest.mark.parametrize("elo", [0, 50, 100])
def test_it_is_median_unbiased_and_its_interval_holds(elo):
    rng, tests = np.random.default_rng(elo), 100
    found = [stopped(elo, rng) for _ in range(tests)]
    noise = 3 * 0.5 / tests**0.5
    assert np.mean([test.elo.value < elo for test in found]) == pytest.approx(0.5, abs=noise)
    assert np.mean([test.elo.low <= elo <= test.elo.high for test in found]) > 0.95 - 3 * (0.05 * 0.95 / tests) ** 0.5


def test_the_plain_score_flatters_who_has_passed():
    rng = np.random.default_rng(0)
    passed = [test for test in (stopped(50, rng) for _ in range(100)) if test.decision == "accepted"]
    plain = np.median([test.score.value for test in passed])
    corrected = np.median([test.unbiased.value for test in passed])
    assert expected_score(48) < corrected < plain


def test_after_one_look_it_is_the_plain_score():
    counts = [3, 4, 9, 6, 8]
    once = sequential_test(counts, BOUNDS)
    assert once.unbiased.value == pytest.approx(group_interval(counts).value, abs=1e-4)
    assert once.unbiased.low == pytest.approx(group_interval(counts).low, abs=0.02)


def test_from_the_other_side_it_is_the_other_way_round():
    there = Bounds(elo0=-50.0, elo1=0.0, alpha=0.05, beta=0.05)
    counts = [10, 30, 40, 35, 25]
    found = sequential_test(counts, BOUNDS, looks=7).unbiased
    mirrored = sequential_test(counts[::-1], there, looks=7).unbiased
    assert found.value == pytest.approx(1 - mirrored.value, abs=1e-3)
    assert found.low == pytest.approx(1 - mirrored.high, abs=1e-3)


@pytest.mark.parametrize("counts", [[0, 0, 0, 0, 30], [30, 0, 0, 0, 0], [0, 0, 30, 0, 0], [0, 0, 1, 0, 0], [0] * 5])
def test_it_has_an_answer_for_whatever_was_played(counts):
    for looks in (1, 2, 10):
        value, low, high = sequential_test(counts, BOUNDS, looks=looks).unbiased
        assert 0 <= low <= value <= high <= 1


def test_many_looks_at_many_games_take_no_time():
    fine = Bounds(elo0=0.0, elo1=2.0, alpha=0.05, beta=0.05)
    counts = [2_000, 10_000, 20_000, 10_200, 2_050]
    assert 0.5 < sequential_test(counts, fine, looks=2_000).unbiased.value < 0.51
