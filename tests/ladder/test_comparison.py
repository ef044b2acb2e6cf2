"""The interval of a score holds its promise, by simulation, and Elo is what it is defined to be."""

from __future__ import annotations

import math

import numpy as np
import pytest

from league.ladder.comparison import Interval, elo_difference, elo_interval, score_interval
from league.ladder.records import Tally


@pytest.mark.parametrize("games", [40, 200])
@pytest.mark.parametrize(
    "chances",
    [(0.5, 0.0, 0.5), (0.3, 0.4, 0.3), (0.7, 0.1, 0.2), (0.95, 0.04, 0.01), (0.02, 0.96, 0.02), (0.9, 0.0, 0.1)],
)
def test_the_interval_covers_the_truth_in_at_least_93_of_100_matches(games: int, chances: tuple[float, ...]) -> None:
    rng = np.random.default_rng(7)
    truth = chances[0] + chances[1] / 2
    covered = 0
    for counts in rng.multinomial(games, chances, size=2000):
        interval = score_interval(Tally(*map(int, counts)))
        covered += interval.low <= truth <= interval.high
    assert covered / 2000 >= 0.93


def test_without_draws_it_is_wilsons_interval_but_for_the_virtual_games() -> None:
    # Wilson 1927 for 80 of 100: (0.7112, 0.8666); the virtual draw makes ours a little narrower.
    interval = score_interval(Tally(80, 0, 20))
    assert interval == pytest.approx((0.8, 0.7112, 0.8666), abs=0.005)


def test_draws_narrow_it() -> None:
    drawn, decided = score_interval(Tally(10, 80, 10)), score_interval(Tally(50, 0, 50))
    assert drawn.high - drawn.low < 0.6 * (decided.high - decided.low)


@pytest.mark.parametrize("tally", [Tally(20, 0, 0), Tally(0, 20, 0), Tally(0, 0, 20), Tally(1, 0, 0)])
def test_games_that_all_end_alike_are_no_certainty(tally: Tally) -> None:
    interval = score_interval(tally)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1
    assert interval.high - interval.low > 0.05


def test_the_other_side_sees_the_mirror_image() -> None:
    tally = Tally(13, 5, 2)
    here, there = score_interval(tally), score_interval(tally.mirrored())
    assert there == pytest.approx((1 - here.value, 1 - here.high, 1 - here.low))


def test_no_games_have_no_score() -> None:
    with pytest.raises(ValueError, match="needs games"):
        score_interval(Tally())


def test_odds_of_ten_to_one_are_400_elo() -> None:
    assert elo_difference(10 / 11) == pytest.approx(400)
    assert elo_difference(0.5) == 0
    assert elo_interval(Interval(0.5, 0.0, 1.0)) == (0.0, -math.inf, math.inf)
