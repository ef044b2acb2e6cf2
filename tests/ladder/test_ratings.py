"""Ratings against Weng and Lin's formulas, written out here once more without the library."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openskill.models import BradleyTerryFull, PlackettLuce

from benchmarks.calibration import win_probability
from league.config import RatingConfig
from league.errors import ConfigError
from league.ladder.ratings import (
    SCALE_ERROR,
    Rating,
    elo,
    interleaved,
    lower_bound,
    rate,
    recompute,
)
from league.ladder.records import Match, Tally
from league.ladder.schedule import Schedule

CONFIG = RatingConfig()


def a_match(row: str, column: str, tally: Tally, match_id: str = "m") -> Match:
    return Match(match_id=match_id, row=row, column=column, results={"01": tally}, played_s=0.0)


def one_game(a: Rating, b: Rating, score: float) -> tuple[Rating, Rating]:
    """Weng and Lin 2011, algorithm 4, for two teams of one, gamma = sigma / c; score 1, 0.5 or 0 for `a`."""
    c = math.sqrt(a.sigma**2 + b.sigma**2 + 2 * CONFIG.beta**2)
    p = math.exp(a.mu / c) / (math.exp(a.mu / c) + math.exp(b.mu / c))
    new = []
    for rating, omega in ((a, score - p), (b, p - score)):
        shrink = 1 - rating.sigma**2 / c**2 * p * (1 - p) * rating.sigma / c
        new.append(
            Rating(
                mu=rating.mu + rating.sigma**2 / c * omega,
                sigma=rating.sigma * math.sqrt(shrink),
                games=rating.games + 1,
            )
        )
    return new[0], new[1]


def close(a: Rating, b: Rating) -> bool:
    near = (math.isclose(x, y, rel_tol=1e-12, abs_tol=1e-9) for x, y in ((a.mu, b.mu), (a.sigma, b.sigma)))
    return all(near) and a.games == b.games


ratings_ = st.builds(Rating, mu=st.floats(-50, 100), sigma=st.floats(0.1, 10), games=st.integers(0, 9))
tallies = st.builds(Tally, *[st.integers(0, 8)] * 3)
logs = st.lists(
    st.builds(
        lambda pair, tally: a_match(*pair, tally),
        st.permutations(["a", "b", "c", "uniform"]).map(lambda p: p[:2]),
        tallies,
    ),
    max_size=8,
)


@given(ratings_, ratings_, st.sampled_from([(Tally(1, 0, 0), 1.0), (Tally(0, 1, 0), 0.5), (Tally(0, 0, 1), 0.0)]))
def test_one_game_is_the_formula(a, b, result):
    tally, score = result
    after = rate({"a": a, "b": b}, a_match("a", "b", tally), CONFIG)
    for name, expected in zip("ab", one_game(a, b, score), strict=True):
        assert close(after[name], expected)


@given(ratings_, ratings_, st.sampled_from([[0.0, 1.0], [0.0, 0.0], [1.0, 0.0]]))
def test_between_two_plackett_luce_is_bradley_terry(a, b, ranks):
    """Why the configuration has no choice of a model."""
    updates = []
    for kind in (PlackettLuce, BradleyTerryFull):
        model = kind(mu=CONFIG.mu, sigma=CONFIG.sigma, beta=CONFIG.beta, tau=0.0)
        sides = model.rate([[model.rating(mu=one.mu, sigma=one.sigma)] for one in (a, b)], ranks=ranks)
        updates.append([(side[0].mu, side[0].sigma) for side in sides])
    np.testing.assert_allclose(updates[0], updates[1], rtol=1e-12, atol=1e-12)


def test_the_first_win_in_numbers():
    # Equal newcomers: p = 1/2, c = sqrt(2 (25/3)^2 + 2 (25/6)^2) = 13.1762..., so mu moves by (25/3)^2 / c / 2.
    after = rate({}, a_match("a", "b", Tally(1, 0, 0)), CONFIG)
    assert after["a"].mu == pytest.approx(27.6352313835, abs=1e-9)
    assert after["b"].mu == pytest.approx(22.3647686165, abs=1e-9)
    assert after["a"].sigma == after["b"].sigma == pytest.approx(8.0655063163, abs=1e-9)


@given(logs)
def test_all_at_once_is_one_by_one_bit_for_bit(log):
    incremental: dict[str, Rating] = {}
    for match in log:
        incremental |= rate(incremental, match, CONFIG)
    assert recompute(log, CONFIG) == incremental


@given(ratings_, ratings_, tallies)
def test_nobody_grows_less_certain_and_games_are_counted(a, b, tally):
    before = {"a": a, "b": b}
    after = rate(before, a_match("a", "b", tally), CONFIG)
    for name in "ab":
        assert 0 < after[name].sigma <= before[name].sigma
        assert after[name].games == before[name].games + tally.games


def test_a_match_in_which_every_game_was_dropped_rates_nobody():
    after = rate({}, a_match("a", "b", Tally()), CONFIG)
    assert after == {"a": Rating.new(CONFIG), "b": Rating.new(CONFIG)}


@given(tallies)
def test_interleaving_keeps_the_counts_and_never_strays_from_the_pace(tally):
    order = interleaved(tally)
    assert Tally(*(order.count(outcome) for outcome in range(3))) == tally
    for place in range(len(order) + 1):
        for outcome, count in enumerate(tally):
            assert abs(order[:place].count(outcome) - count * place / len(order)) <= 1.5 if order else True


def test_interleaving_in_numbers():
    assert interleaved(Tally(4, 1, 2)) == (0, 2, 0, 1, 0, 2, 0)


def test_four_hundred_points_are_ten_to_one():
    per_mu = 400 / (math.log(10) * math.sqrt(2) * CONFIG.beta)
    assert per_mu == pytest.approx(29.480887, abs=1e-6)
    known = {"uniform": Rating(mu=3.0, sigma=1e-9, games=1)}
    strong = Rating(mu=3.0 + 400 / per_mu, sigma=1e-9, games=1)
    assert elo(strong, known, CONFIG).points == pytest.approx(400)
    assert win_probability(strong, known["uniform"], CONFIG) == pytest.approx(10 / 11)


def test_uniform_is_zero_and_before_it_has_games_a_newcomer_is():
    known = {"uniform": Rating(mu=7.0, sigma=2.0, games=9)}
    assert elo(known["uniform"], known, CONFIG).points == 0
    assert elo(Rating.new(CONFIG), {}, CONFIG).points == 0
    # sigma is 2, and the policy is 18 below a newcomer.
    deviation = math.hypot(2, SCALE_ERROR * 18)
    assert elo(known["uniform"], known, CONFIG).interval == pytest.approx(1.96 * deviation * 29.480887, abs=1e-4)
    newcomer = Rating(mu=CONFIG.mu, sigma=2.0, games=1)
    assert elo(newcomer, known, CONFIG).interval == pytest.approx(1.96 * 2 * 29.480887, abs=1e-4)


@given(ratings_)
def test_lower_bound_and_json(rating):
    assert lower_bound(rating) == rating.mu - 1.96 * rating.sigma
    assert Rating.from_json(rating.to_json()) == rating


def test_even_a_hopeless_game_has_a_probability():
    assert win_probability(Rating(mu=-1e6, sigma=1.0), Rating(mu=1e6, sigma=1.0), CONFIG) < 1e-300


def played_league(seed: int) -> tuple[float, float]:
    """Grow a league of known strengths, 1,500 Elo wide, whose matches the arena picks.

    Returns the share of 95% intervals that hold the truth, and their mean half width in units of mu.
    """
    rng = np.random.default_rng(seed)
    bots, snapshots = ["uniform", "negamax-4"], [f"main-{i:04d}" for i in range(14)]
    true = {name: 50 * math.sqrt(i / 14) for i, name in enumerate(snapshots)} | {"uniform": 0.0, "negamax-4": 40.0}
    ratings: dict[str, Rating] = {}
    for newest in range(1, 15):
        for _ in range(8):
            a, b = Schedule(snapshots[:newest], bots, ratings, CONFIG).pair(rng)
            p = 1 / (1 + math.exp(-(true[a] - true[b]) / (math.sqrt(2) * CONFIG.beta)))
            wins = int(rng.binomial(40, p))
            ratings |= rate(ratings, a_match(a, b, Tally(wins, 0, 40 - wins)), CONFIG)
    error = np.array([ratings[name].mu - true[name] for name in true])
    error -= error.mean()  # The zero of the scale is free.
    interval = np.array([1.96 * ratings[name].sigma for name in true])
    return float(np.mean(np.abs(error) < interval)), float(np.mean(interval))


def test_intervals_hold_about_what_they_promise():
    # Over 20 leagues the share is 0.91, with a standard deviation of 0.085 from one to the next; the bound is about
    # three standard errors of a mean of eight below. Without damping (gamma = 1) the share is 0.58.
    shares, widths = zip(*(played_league(seed) for seed in range(8)), strict=True)
    assert np.mean(shares) > 0.81
    assert np.mean(widths) * 29.48 < 100, "in Elo: narrow enough to be of use"


@pytest.mark.parametrize("mu", [-100.0, 0.0, 100.0])
@pytest.mark.parametrize("sigma", [1e-3, 2.0, 100.0])
@pytest.mark.parametrize("beta", [1e-3, 1.0, 1e4])
def test_a_scale_at_its_ends_has_finite_ratings(mu: float, sigma: float, beta: float) -> None:
    """`mu` and `sigma` in units of beta; each policy beats all those before, every game."""
    config = RatingConfig(mu=mu * beta, sigma=sigma * beta, beta=beta)
    names = [f"p{number}" for number in range(12)]
    pairs = [(row, column) for at, row in enumerate(names) for column in names[:at]]
    log = [a_match(row, column, Tally(40, 0, 0), f"{n}{row}{column}") for n in range(3) for row, column in pairs]
    ratings = recompute(log, config)
    for rating in ratings.values():
        assert all(math.isfinite(number) for number in (*elo(rating, ratings, config), rating.mu, rating.sigma))
        assert rating.sigma >= 0


def test_a_scale_beyond_its_ends_is_refused() -> None:
    for wrong, said in (
        ({"mu": 1e12}, "mu"),
        ({"mu": 1e3}, "mu = 1000.0: must be at most 100 beta"),
        ({"mu": -1e3}, "mu = -1000.0"),
        ({"sigma": 1e3}, "sigma = 1000.0: must be from beta / 1000"),
        ({"sigma": 1e-5}, "sigma = 1e-05"),
        ({"beta": 1e-3}, "mu"),
    ):
        with pytest.raises(ConfigError, match=said):
            RatingConfig(**wrong)
