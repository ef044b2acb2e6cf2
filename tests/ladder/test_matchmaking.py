"""Prioritised fictitious self-play and the choice of the next match."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from league.config import MatchmakingConfig, MixConfig, RatingConfig, RoleConfig, load_config
from league.ladder.matchmaking import (
    BOTS_WEIGHT,
    SELF,
    TOP_WEIGHT,
    Memory,
    all_beaten,
    evaluation_pair,
    fresh_starts,
    learn_of,
    opponents_of,
    pfsp_weights,
    training_opponents,
)
from league.ladder.payoff import LivePayoff
from league.ladder.quality import Qualities
from league.ladder.ratings import Rating
from league.ladder.records import Snapshot, Tally

CONFIG = RatingConfig()
weightings = st.sampled_from(["squared", "variance", "linear", "linear_capped", "uniform"])


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


@pytest.mark.parametrize("win_rates", [[1.1], [-0.1], [float("nan")]])
def test_what_is_no_rate_is_refused(win_rates):
    with pytest.raises(ValueError, match="win rates"):
        pfsp_weights(win_rates, "linear")


def test_an_unknown_weighting_is_refused():
    with pytest.raises(ValueError, match="cubic"):
        pfsp_weights([0.5], "cubic")


def pool(*names):
    """Snapshots, oldest first; `main-0001` is of the learner `main`."""
    return [
        Snapshot(name=n, digest=n, learner=n.rpartition("-")[0], steps=i, created_s=0.0, bytes=1)
        for i, n in enumerate(names)
    ]


def knowing(results=()):
    """What a learner knows after these games, by opponent."""
    known = Memory(live=LivePayoff(1e9), qualities=Qualities())
    for name, tally in dict(results).items():
        known.live.add(name, tally)
    return known


def mean_shares(role, snapshots, known, opponents=3, draws=3000):
    rng, config = np.random.default_rng(1), MatchmakingConfig(opponents=opponents)
    total = Counter()
    for _ in range(draws):
        total.update(training_opponents(role, snapshots, known, config, rng))
    return {name: share / draws for name, share in total.items()}


def preset_roles(name):
    return load_config(preset=name).roles


@given(
    st.lists(st.builds(Tally, *[st.integers(0, 500)] * 3), max_size=12),
    st.integers(1, 6),
    st.sampled_from(["squared", "variance", "linear", "uniform", "quality"]),
    st.floats(0, 1),
    st.integers(0, 2**32 - 1),
)
def test_shares_of_the_opponents(results, opponents, weighting, own, seed):
    snapshots = pool(*(f"main-{i:04d}" for i in range(len(results))))
    known = knowing(zip((s.name for s in snapshots), results, strict=True))
    sources = (MixConfig(against="self", share=own), MixConfig(weighting=weighting, share=1.0))
    role, config = RoleConfig(mix=sources), MatchmakingConfig(opponents=opponents)
    shares = training_opponents(role, snapshots, known, config, np.random.default_rng(seed))
    assert sum(shares.values()) == pytest.approx(1)
    assert all(share > 0 for share in shares.values())
    others = set(shares) - {SELF}
    assert others <= {s.name for s in snapshots}
    assert len(others) <= opponents
    assert bool(others) == bool(results)
    again = training_opponents(role, snapshots, known, config, np.random.default_rng(seed))
    assert shares == again, "the draw is the generator's"


def test_expected_shares_are_those_of_the_mix():
    snapshots = pool(*(f"main-{i:04d}" for i in range(8)))
    known = knowing({s.name: Tally(10 * i, 0, 70 - 10 * i) for i, s in enumerate(snapshots)})
    role = RoleConfig(mix=(MixConfig(against="self", share=1), MixConfig(share=3, weighting="squared")))
    found = mean_shares(role, snapshots, known)
    expected = 0.75 * pfsp_weights([known.live.win_rate(s.name) for s in snapshots], "squared")
    np.testing.assert_allclose([found.get(s.name, 0.0) for s in snapshots], expected, atol=0.01)
    assert found[SELF] == pytest.approx(0.25)


def test_sources_without_an_opponent_leave_their_share_to_the_others():
    role = preset_roles("alphastar")["main"]
    assert mean_shares(role, [], knowing(), draws=1) == {SELF: 1.0}
    unbeaten = mean_shares(role, pool("main-0000"), knowing({"main-0000": Tally(9, 0, 1)}), draws=1)
    assert unbeaten == {SELF: pytest.approx(0.35 / 0.85), "main-0000": pytest.approx(0.5 / 0.85)}
    forgotten = mean_shares(role, pool("main-0000"), knowing({"main-0000": Tally(1, 0, 9)}), draws=1)
    assert forgotten == {SELF: pytest.approx(0.35), "main-0000": pytest.approx(0.65)}


def test_a_main_exploiter_meets_the_current_main_or_learns_from_earlier_ones_first():
    role = preset_roles("alphastar")["main-exploiter"]
    snapshots = pool("main-0000", "main-exploiter-0000", "main-0001", "league-exploiter-0000", "main-0002")
    assert mean_shares(role, snapshots, knowing(), draws=1) == {"main-0002": 1.0}
    hopeless = knowing({"main-0002": Tally(0, 0, 50), "main-0001": Tally(1, 0, 49)})
    found = mean_shares(role, snapshots, hopeless)
    assert set(found) == {"main-0000", "main-0001", "main-0002"}
    assert found["main-0000"] > 0.7


def test_each_learner_of_a_role_has_its_latest():
    source = MixConfig(against="latest", roles=("main",))
    snapshots = pool("main1-0000", "main2-0000", "main1-0001", "league-exploiter-0000")
    assert sorted(opponents_of(source, snapshots)) == ["main1-0001", "main2-0000"]
    assert len(opponents_of(MixConfig(against="latest"), snapshots)) == 3


def test_fictitious_play_meets_all_of_the_past_alike():
    snapshots = pool(*(f"main-{i:04d}" for i in range(10)))
    known = knowing({"main-0003": Tally(0, 0, 100), "main-0004": Tally(100, 0, 0)})
    found = mean_shares(preset_roles("fictitious")["main"], snapshots, known)
    np.testing.assert_allclose([found[s.name] for s in snapshots], 0.1, atol=0.01)


def test_mirror_meets_itself():
    assert mean_shares(preset_roles("mirror")["main"], pool("main-0000"), knowing(), draws=1) == {SELF: 1.0}


def test_openai_five_meets_those_less_that_it_beats():
    role, snapshots, known = preset_roles("openai-five")["main"], pool("main-0000", "main-0001"), knowing()
    before = mean_shares(role, snapshots, known)
    assert before == {SELF: pytest.approx(0.8), "main-0000": pytest.approx(0.1), "main-0001": pytest.approx(0.1)}
    for _ in range(20):
        learn_of(role, snapshots, known, {"main-0000": Tally(20, 0, 0), "main-0001": Tally(0, 0, 20)})
    after = mean_shares(role, snapshots, known)
    assert after[SELF] == pytest.approx(0.8)
    assert 0 < after["main-0000"] < 0.05 < after["main-0001"]


def test_when_everybody_is_beaten():
    role = preset_roles("alphastar")["main-exploiter"]
    snapshots = pool("main-0000", "main-0001")
    assert not all_beaten(role, snapshots, knowing(), 0.7)
    assert not all_beaten(role, [], knowing(), 0.7)
    assert not all_beaten(role, snapshots, knowing({"main-0001": Tally(10, 0, 0)}), 0.7), "too few games"
    assert all_beaten(role, snapshots, knowing({"main-0001": Tally(90, 0, 10)}), 0.7), "only the latest counts"
    everyone = preset_roles("alphastar")["league-exploiter"]
    assert not all_beaten(everyone, snapshots, knowing({"main-0001": Tally(90, 0, 10)}), 0.7)


def test_where_a_learner_begins_anew():
    roles = preset_roles("alphastar")
    snapshots = pool(
        "main-0000", "league-exploiter-0000", "main-exploiter-0000", "main-0001", "main-exploiter-0001", "other-0000"
    )
    assert fresh_starts(roles["main-exploiter"], "main-exploiter", snapshots) == ["main-0001"]
    everyone_else = ["main-0001", "main-exploiter-0001", "other-0000"]
    assert fresh_starts(roles["league-exploiter"], "league-exploiter", snapshots) == everyone_else
    assert fresh_starts(roles["main-exploiter"], "main-exploiter", pool("main-exploiter-0000")) == []
    own = ["main-exploiter-0000", "main-exploiter-0001"]
    assert fresh_starts(RoleConfig(reset_to="past"), "main-exploiter", snapshots) == own
    assert fresh_starts(RoleConfig(), "main", snapshots) == []


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


def fresh_memory():
    return Memory(live=LivePayoff(1000.0), qualities=Qualities())


def test_bots_are_met_by_name_and_by_how_often_they_are_beaten():
    role = RoleConfig(mix=(MixConfig(against="bots", weighting="squared"),)).with_bots(["uniform", "negamax-2"])
    memory = fresh_memory()
    memory.live.add("uniform", Tally(100, 0, 0))
    rng, drawn = np.random.default_rng(1), Counter()
    for _ in range(50):
        drawn.update(training_opponents(role, [], memory, MatchmakingConfig(opponents=1), rng))
    assert set(drawn) <= {"uniform", "negamax-2"}
    assert drawn["negamax-2"] > 40
    assert all_beaten(role, [], memory, 0.6) is False
    memory.live.add("negamax-2", Tally(100, 0, 0))
    assert all_beaten(role, [], memory, 0.6) is True
    assert fresh_starts(RoleConfig(mix=role.mix), "main", []) == []


def test_named_bots_stay_and_the_others_are_those_of_the_scale():
    mix = (MixConfig(against="bots", bots=("perfect",)), MixConfig(against="bots"))
    role = RoleConfig(mix=mix).with_bots(["uniform"])
    assert [source.bots for source in role.mix] == [("perfect",), ("uniform",)]


@pytest.mark.parametrize(
    ("elo", "shares"),
    [(0.0, {"uniform": 1.0}), (299.9, {"uniform": 1.0}), (300.0, {SELF: 1.0}), (900.0, {SELF: 0.5, "uniform": 0.5})],
)
def test_a_mix_is_a_curriculum_by_elo(elo, shares):
    role = RoleConfig(
        mix=(
            MixConfig(against="bots", bots=("uniform",), until_elo=300),
            MixConfig(against="self", from_elo=300),
            MixConfig(against="bots", bots=("uniform",), from_elo=600),
        )
    )
    drawn = training_opponents(role, [], fresh_memory(), MatchmakingConfig(), np.random.default_rng(1), elo)
    assert drawn == pytest.approx(shares)


def test_where_no_source_is_for_this_elo_there_is_self_play():
    role = RoleConfig(mix=(MixConfig(against="bots", bots=("uniform",), from_elo=300),))
    assert training_opponents(role, [], fresh_memory(), MatchmakingConfig(), np.random.default_rng(1), 0.0) == {SELF: 1}
