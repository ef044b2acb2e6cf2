"""Prioritised fictitious self-play and the choice of the next match."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from league.config import MatchmakingConfig, RatingConfig
from league.ladder.matchmaking import BOTS_WEIGHT, TOP_WEIGHT, evaluation_pair, pfsp_weights, training_opponents
from league.ladder.payoff import LivePayoff
from league.ladder.ratings import Rating
from league.ladder.records import Tally

CONFIG = RatingConfig()
weightings = st.sampled_from(["squared", "variance", "linear", "linear_capped"])


@pytest.mark.parametrize(
    ("weighting", "weights"),
    [
        ("squared", [0.81, 0.25, 0.01]),
        ("variance", [0.09, 0.25, 0.09]),
        ("linear", [0.9, 0.5, 0.1]),
        ("linear_capped", [0.5, 0.5, 0.1]),
    ],
)
def test_the_published_formulas(weighting, weights):
    np.testing.assert_allclose(pfsp_weights([0.1, 0.5, 0.9], weighting), np.array(weights) / sum(weights))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), weightings)
def test_always_probabilities(win_rates, weighting):
    probabilities = pfsp_weights(win_rates, weighting)
    assert probabilities.shape == (len(win_rates),)
    assert np.all(probabilities >= 0)
    assert probabilities.sum() == pytest.approx(1)


@given(st.integers(1, 9), weightings)
def test_all_won_is_uniform(count, weighting):
    np.testing.assert_allclose(pfsp_weights(np.ones(count), weighting), 1 / count)


def test_all_lost_is_not_taken_for_all_won():
    # The guard must be on the weights: every win rate is 0, and the squared weights are all 1.
    np.testing.assert_allclose(pfsp_weights([0.0, 0.0, 1.0], "squared"), [0.5, 0.5, 0.0])


def test_nobody_to_meet():
    assert pfsp_weights([], "variance").shape == (0,)
    assert training_opponents([], LivePayoff(10.0), MatchmakingConfig(), np.random.default_rng(0)) == {}


@pytest.mark.parametrize("win_rates", [[1.1], [-0.1], [float("nan")]])
def test_what_is_no_rate_is_refused(win_rates):
    with pytest.raises(ValueError, match="win rates"):
        pfsp_weights(win_rates, "linear")


def test_an_unknown_weighting_is_refused():
    with pytest.raises(ValueError, match="cubic"):
        pfsp_weights([0.5], "cubic")


@given(
    st.lists(st.builds(Tally, *[st.integers(0, 500)] * 3), min_size=1, max_size=12),
    st.integers(1, 6),
    weightings,
    st.integers(0, 2**32 - 1),
)
def test_shares_of_the_opponents(results, opponents, weighting, seed):
    names = [f"main-{i:04d}" for i in range(len(results))]
    live = LivePayoff(1000.0)
    for name, tally in zip(names, results, strict=True):
        live.add(name, tally)
    config = MatchmakingConfig(opponents=opponents, weighting=weighting)
    shares = training_opponents(names, live, config, np.random.default_rng(seed))
    assert 0 < len(shares) <= opponents
    assert set(shares) <= set(names)
    assert sum(shares.values()) == pytest.approx(1)
    assert all(share > 0 for share in shares.values())
    if opponents > 1:
        assert names[-1] in shares
    assert shares == training_opponents(names, live, config, np.random.default_rng(seed)), "the draw is the generator's"


def test_expected_shares_are_the_pfsp_probabilities():
    names = [f"p{i}" for i in range(8)]
    live = LivePayoff(1e9)
    for index, name in enumerate(names):
        live.add(name, Tally(10 * index, 0, 70 - 10 * index))
    rng = np.random.default_rng(1)
    config = MatchmakingConfig(opponents=4, weighting="squared")
    total: Counter[str] = Counter()
    for _ in range(4000):
        total.update(training_opponents(names, live, config, rng))
    expected = 0.75 * pfsp_weights([live.win_rate(name) for name in names], "squared")
    expected[-1] += 0.25
    np.testing.assert_allclose([total[name] / 4000 for name in names], expected, atol=0.01)


def rated(mu: float, sigma: float = 1.0) -> Rating:
    return Rating(mu=mu, sigma=sigma, games=100)


def test_those_without_games_come_first():
    ratings = {"a": rated(25), "b": rated(25), "uniform": rated(10)}
    rng = np.random.default_rng(0)
    for _ in range(50):
        first, second = evaluation_pair(["a", "b", "new"], ["uniform"], ratings, CONFIG, rng)
        assert first == "new"
        assert second in ratings


def test_uncertain_policies_and_close_opponents_are_preferred():
    ratings = {"vague": rated(25, 5.0), "sure": rated(26, 0.5), "near": rated(25, 1.0), "far": rated(80, 1.0)}
    rng = np.random.default_rng(0)
    pairs = [evaluation_pair(list(ratings), [], ratings, CONFIG, rng) for _ in range(1000)]
    firsts = Counter(first for first, _ in pairs)
    assert firsts["vague"] > 800, "sigma squared is 25 of 27.25 in all"
    seconds = Counter(second for first, second in pairs if first == "vague")
    assert seconds["near"] > 10 * seconds["far"]


def test_the_top_of_the_board_and_where_the_order_is_open_come_first():
    crowd = {f"crowd{i}": rated(20 + 0.1 * i) for i in range(4)}
    ratings = {"best": rated(40), "alone": rated(30), **crowd, "uniform": rated(0)}
    rng = np.random.default_rng(0)
    firsts = Counter(
        evaluation_pair([name for name in ratings if name != "uniform"], ["uniform"], ratings, CONFIG, rng)[0]
        for _ in range(4000)
    )
    assert firsts["best"] / firsts["alone"] == pytest.approx(TOP_WEIGHT, rel=0.2)
    # Of four that are nearly equal each is likely to stand wrong with the three others: 0.5 + 3 x 0.47.
    assert firsts["crowd1"] / firsts["alone"] == pytest.approx(1.9 / 0.5, rel=0.2)


def test_two_bots_seldom_meet():
    bots = ["uniform", "negamax-4"]
    ratings = {name: rated(25) for name in ["a", "b", *bots]}
    rng = np.random.default_rng(0)
    pairs = [evaluation_pair(["a", "b"], bots, ratings, CONFIG, rng) for _ in range(4000)]
    both = sum(set(pair) == set(bots) for pair in pairs) / 4000
    # Both snapshots may be the best, so a bot is first in 2 of 2 + 2 t draws; it meets the other bot with weight w
    # against 1 + 1.
    assert both == pytest.approx(1 / (1 + TOP_WEIGHT) * BOTS_WEIGHT / (2 + BOTS_WEIGHT), abs=0.006)
    assert evaluation_pair([], bots, {}, CONFIG, rng) is not None, "with nobody else they may"


@given(
    st.lists(st.floats(-1e4, 1e4), min_size=0, max_size=6),
    st.lists(st.floats(-1e4, 1e4), min_size=0, max_size=3),
    st.integers(0, 2**32 - 1),
)
def test_never_oneself_and_none_only_without_two(snapshots, bots, seed):
    ratings = {f"s{i}": rated(mu) for i, mu in enumerate(snapshots)} | {f"b{i}": rated(mu) for i, mu in enumerate(bots)}
    names = [[name for name in ratings if name.startswith(kind)] for kind in "sb"]
    pair = evaluation_pair(*names, ratings, CONFIG, np.random.default_rng(seed))
    if len(ratings) < 2:
        assert pair is None
    else:
        assert pair[0] != pair[1]
        assert set(pair) <= set(ratings)
