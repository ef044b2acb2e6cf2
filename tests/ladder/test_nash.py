"""The meta-game and its equilibrium."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from league.ladder.nash import PRIOR_GAMES, MetaGame
from league.ladder.payoff import Payoff
from league.ladder.records import Match, Tally


def a_payoff(*results: tuple[str, str, Tally]) -> Payoff:
    payoff = Payoff()
    for number, (row, column, tally) in enumerate(results):
        payoff.add(Match(match_id=str(number), row=row, column=column, results={"01": tally}, played_s=0.0))
    return payoff


@st.composite
def games(draw: st.DrawFn) -> MetaGame:
    count = draw(st.integers(1, 8))
    scores = np.full((count, count), 0.5)
    for a in range(count):
        for b in range(a):
            scores[a, b] = draw(st.floats(0, 1))
            scores[b, a] = 1 - scores[a, b]
    return MetaGame([f"p{n}" for n in range(count)], scores, np.zeros((count, count)))


@given(games())
def test_nobody_gains_against_the_equilibrium(game):
    mixture = game.nash()
    assert sum(mixture.values()) == pytest.approx(1)
    assert min(mixture.values()) >= 0
    assert max(game.against(mixture).values()) <= 0.5 + 1e-5
    assert game.nash() == mixture


def test_rock_paper_scissors_is_a_third_each_and_a_weak_fourth_has_nothing():
    win = Tally(90, 0, 10)
    payoff = a_payoff(
        ("rock", "scissors", win),
        ("scissors", "paper", win),
        ("paper", "rock", win),
        *((name, "weak", win) for name in ("rock", "paper", "scissors")),
    )
    mixture = MetaGame.of(payoff, ["weak", "rock", "paper", "scissors"]).nash()
    assert list(mixture) == ["weak", "rock", "paper", "scissors"]
    assert mixture["weak"] == 0
    assert [mixture[name] for name in ("rock", "paper", "scissors")] == pytest.approx([1 / 3] * 3, abs=1e-4)


def test_the_weights_of_an_uneven_rock_paper_scissors():
    # Gains of 0.4, 0.2 and 0.1: each is weighted with the gain of the pair that it is not in.
    scores = np.array([[0.5, 0.9, 0.4], [0.1, 0.5, 0.7], [0.6, 0.3, 0.5]])
    mixture = MetaGame(["a", "b", "c"], scores, np.ones((3, 3))).nash()
    assert list(mixture.values()) == pytest.approx([0.2 / 0.7, 0.1 / 0.7, 0.4 / 0.7], abs=1e-6)


def test_equals_share():
    payoff = a_payoff(("a", "b", Tally(0, 40, 0)))
    assert MetaGame.of(payoff, ["a", "b"]).nash() == pytest.approx({"a": 0.5, "b": 0.5})


def test_one_and_nobody():
    assert MetaGame.of(Payoff(), []).nash() == {}
    assert MetaGame.of(Payoff(), ["a"]).nash() == {"a": 1.0}
    assert MetaGame.of(Payoff(), ["a"]).exploiter("a") is None


def test_a_pair_without_games_is_as_the_ratings_say_and_one_with_games_as_they_were():
    strong, weak = Tally(95, 0, 5), Tally(80, 0, 20)
    payoff = a_payoff(("a", "b", strong), ("b", "c", weak), ("c", "d", Tally(10, 0, 90)))
    game = MetaGame.of(payoff, ["a", "b", "c", "d"])
    assert game.scores[0, 2] > 0.95, "a beats b, who beats c"
    assert game.scores[0, 1] == pytest.approx(0.95, abs=0.03)
    found = game.exploiter("c")
    assert found is not None
    assert (found.policy, found.games) == ("a", 0)
    assert game.exploiter("c", {"d"}) == game.among(["c", "d"]).exploiter("c")
    assert game.exploiter("c", {"c"}) is None
    assert (game.scores + game.scores.T == pytest.approx(np.ones((4, 4)))) is True


def test_the_score_of_a_pair_is_its_games_and_the_virtual_ones():
    payoff = a_payoff(("a", "b", Tally(30, 0, 10)))
    predicted = MetaGame.of(payoff, ["a", "b"]).scores[0, 1] * (40 + PRIOR_GAMES) - 30
    assert 0.5 * PRIOR_GAMES < predicted < 0.75 * PRIOR_GAMES


def test_a_table_that_does_not_mirror_itself_is_refused():
    with pytest.raises(ValueError, match="sum to 1"):
        MetaGame(["a", "b"], np.array([[0.5, 0.6], [0.6, 0.5]]), np.zeros((2, 2)))
