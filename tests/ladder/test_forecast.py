"""What is to be expected of a pair."""

import pytest

from league.ladder.forecast import forecasts
from league.ladder.payoff import Payoff
from league.ladder.records import Match, Tally


def payoff(**results):
    """Pairs such as `a_b`, and the games of the first."""
    made = Payoff()
    for pair, tally in results.items():
        row, column = pair.split("_")
        made.add(Match(match_id=pair, row=row, column=column, results={"01": tally}, played_s=0.0))
    return made


def test_a_pair_goes_on_as_it_has_gone_whatever_the_ratings_say():
    """Rock, paper, scissors: all are rated alike."""
    games = payoff(a_b=Tally(160, 0, 40), b_c=Tally(160, 0, 40), c_a=Tally(160, 0, 40))
    found = forecasts(games, [("a", "b"), ("b", "a")])
    assert found["a", "b"].value == pytest.approx(0.79, abs=0.01)
    assert found["a", "b"].low < 0.79 < found["a", "b"].high < 0.86
    assert found["b", "a"].value == pytest.approx(1 - found["a", "b"].value)
    assert found["b", "a"].low == pytest.approx(1 - found["a", "b"].high)


def test_one_that_never_met_has_the_ratings_and_a_wide_interval():
    games = payoff(a_b=Tally(75, 0, 25), b_c=Tally(75, 0, 25))
    met, apart = (forecasts(games, [pair])[pair] for pair in (("a", "b"), ("a", "c")))
    assert apart.value == pytest.approx(0.9, abs=0.03)
    assert apart.high - apart.low > 2 * (met.high - met.low)


@pytest.mark.parametrize("tally", [Tally(200, 0, 0), Tally(0, 0, 200), Tally(0, 200, 0)])
def test_who_has_won_or_lost_every_game_is_expected_to_go_on(tally):
    value, low, high = forecasts(payoff(a_b=tally), [("a", "b")])["a", "b"]
    assert 0 <= low <= value <= high <= 1
    assert value == pytest.approx(tally.score, abs=0.03)


def test_nobody_knows_anything_of_newcomers():
    value, low, high = forecasts(Payoff(), [("a", "b")])["a", "b"]
    assert value == 0.5
    assert high - low > 0.5
