"""Bradley-Terry against its own equations, known strengths, and the ratings it stands beside."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from league.config import RatingConfig
from league.ladder.agreement import estimates
from league.ladder.bradley_terry import POINTS_PER_LOGIT, PRIOR_ELO, BradleyTerry, score_matrices
from league.ladder.payoff import Payoff
from league.ladder.ratings import recompute
from league.ladder.records import Match, Tally

NAMES = ["a", "b", "c", "uniform"]
RIDGE = (POINTS_PER_LOGIT / PRIOR_ELO) ** 2

logs = st.lists(
    st.tuples(st.permutations(NAMES).map(lambda p: p[:2]), st.builds(Tally, *[st.integers(0, 60)] * 3)), max_size=10
)


def a_log(results) -> list[Match]:
    return [
        Match(match_id=str(n), row=row, column=column, results={"01": tally}, played_s=0.0)
        for n, ((row, column), tally) in enumerate(results)
    ]


def folded(log) -> Payoff:
    payoff = Payoff()
    for match in log:
        payoff.add(match)
    return payoff


def strengths(fit: BradleyTerry) -> np.ndarray:
    points = fit.elo()
    return np.array([points[name].points for name in fit.names]) / POINTS_PER_LOGIT


@given(logs)
def test_at_the_maximum_everyone_scores_what_is_expected_but_for_the_prior(results):
    payoff = folded(a_log(results))
    fit = BradleyTerry.fit(payoff)
    s = fit._strengths
    points, games = score_matrices(payoff, fit.names)
    expected = games / (1 + np.exp(s[None, :] - s[:, None]))
    np.testing.assert_allclose(points.sum(axis=1) - expected.sum(axis=1), RIDGE * s, atol=1e-6)


@given(logs)
def test_expected_scores_mirror_each_other_and_intervals_are_finite(results):
    fit = BradleyTerry.fit(folded(a_log(results)))
    scores = fit.expected_scores([*fit.names, "nobody"])
    np.testing.assert_allclose(scores + scores.T, 1.0)
    assert np.all((scores > 0) & (scores < 1))
    assert all(math.isfinite(one.points) and 0 <= one.interval < 10_000 for one in fit.elo().values())


def test_two_policies_in_numbers():
    # 30 : 10 is odds of 3; the prior takes off less than a point. The variance of the difference is 1 / (n p (1 - p)).
    fit = BradleyTerry.fit(folded(a_log([(("a", "uniform"), Tally(25, 10, 5))])))
    elo = fit.elo()
    assert elo["a"].points == pytest.approx(400 * math.log10(3), abs=2)
    assert elo["uniform"].points == 0
    # Of the strength against the mean of the two, which is half the difference.
    assert elo["a"].interval == pytest.approx(1.96 * POINTS_PER_LOGIT * math.sqrt(1 / (40 * 0.75 * 0.25)) / 2, rel=0.01)
    assert fit.expected_scores(["a", "uniform"])[0, 1] == pytest.approx(0.75, abs=0.01)


def test_who_won_everything_stays_finite():
    elo = BradleyTerry.fit(folded(a_log([(("a", "uniform"), Tally(40, 0, 0))]))).elo()
    assert 700 < elo["a"].points < 1500
    assert elo["a"].interval > 200


def test_nobody_played():
    assert BradleyTerry.fit(Payoff()).elo() == {}
    assert BradleyTerry.fit(Payoff()).expected_scores(["a", "b"])[0, 1] == 0.5


def test_a_stranger_is_average_and_unsure():
    fit = BradleyTerry.fit(folded(a_log([(("a", "b"), Tally(300, 0, 100))])))
    assert 0.5 < fit.expected_scores(["a", "stranger"])[0, 1] < fit.expected_scores(["a", "b"])[0, 1]


@pytest.fixture(scope="module")
def known() -> tuple[dict[str, float], list[Match]]:
    """20 policies over 1,500 Elo, each pair with 20 games."""
    rng = np.random.default_rng(3)
    truth = {"uniform": 0.0} | {f"p{n:02d}": float(points) for n, points in enumerate(rng.uniform(0, 1500, 19))}
    names, results = list(truth), []
    for n, row in enumerate(names):
        for column in names[:n]:
            wins = int(rng.binomial(20, 1 / (1 + 10 ** (-(truth[row] - truth[column]) / 400))))
            results.append(((row, column), Tally(wins, 0, 20 - wins)))
    rng.shuffle(results)
    return truth, a_log([(tuple(pair), Tally(*tally)) for pair, tally in results])


def test_known_strengths_are_found_and_the_order_of_matches_does_not_matter(known):
    truth, log = known
    fit = BradleyTerry.fit(folded(log)).elo()
    errors = np.array([fit[name].points - truth[name] for name in truth])
    errors -= errors.mean()
    assert np.sqrt(np.mean(errors**2)) < 40
    assert np.mean(np.abs(errors) < [fit[name].interval for name in truth]) >= 0.85
    again = BradleyTerry.fit(folded(reversed(log))).elo()
    assert all(again[name].points == pytest.approx(fit[name].points, abs=1e-6) for name in truth)


def test_the_two_estimates_agree_where_the_truth_is_transitive(known):
    truth, log = known
    config = RatingConfig()
    rows = estimates(recompute(log, config), folded(log), config)
    assert {row.policy for row in rows} == set(truth)
    order = [row.policy for row in rows]
    assert order == sorted(order, key=lambda name: -next(r.openskill.points for r in rows if r.policy == name))
    assert sum(row.apart for row in rows) <= 1
    assert rows[0].to_json()["difference"] == rows[0].openskill.points - rows[0].bradley_terry.points
