"""The choice of the next match, and what ties the ladder to its anchors."""

import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from league.config import RatingConfig
from league.ladder.ratings import Rating
from league.ladder.records import Match, Snapshot, Tally
from league.ladder.schedule import BOTS_WEIGHT, CHAMPION_SHARE, TOP_WEIGHT, Schedule

CONFIG = RatingConfig()


def rated(mu: float, sigma: float = 1.0) -> Rating:
    return Rating(mu=mu, sigma=sigma, games=100)


def test_those_without_games_come_first():
    ratings = {"a": rated(25), "b": rated(25), "uniform": rated(10)}
    rng = np.random.default_rng(0)
    for _ in range(50):
        first, second = Schedule(["a", "b", "new"], ["uniform"], ratings, CONFIG).pair(rng)
        assert first == "new"
        assert second in ratings


def test_uncertain_policies_and_close_opponents_are_preferred():
    ratings = {"vague": rated(25, 5.0), "sure": rated(26, 0.5), "near": rated(25, 1.0), "far": rated(80, 1.0)}
    rng = np.random.default_rng(0)
    pairs = [Schedule(list(ratings), [], ratings, CONFIG).pair(rng) for _ in range(1000)]
    firsts = Counter(first for first, _ in pairs)
    assert firsts["vague"] > 800, "sigma squared is 25 of 27.25 in all"
    seconds = Counter(second for first, second in pairs if first == "vague")
    assert seconds["near"] > 10 * seconds["far"]


def test_the_top_of_the_board_and_where_the_order_is_open_come_first():
    crowd = {f"crowd{i}": rated(20 + 0.1 * i) for i in range(4)}
    ratings = {"best": rated(40), "alone": rated(30), **crowd, "uniform": rated(0)}
    rng = np.random.default_rng(0)
    firsts = Counter(
        Schedule([name for name in ratings if name != "uniform"], ["uniform"], ratings, CONFIG).pair(rng)[0]
        for _ in range(4000)
    )
    assert firsts["best"] / firsts["alone"] == pytest.approx(TOP_WEIGHT, rel=0.2)
    # Of four that are nearly equal each is likely to stand wrong with the three others: 0.5 + 3 x 0.47.
    assert firsts["crowd1"] / firsts["alone"] == pytest.approx(1.9 / 0.5, rel=0.2)


def test_two_bots_seldom_meet():
    bots = ["uniform", "negamax-4"]
    ratings = {name: rated(25) for name in ["a", "b", *bots]}
    rng = np.random.default_rng(0)
    pairs = [Schedule(["a", "b"], bots, ratings, CONFIG).pair(rng) for _ in range(4000)]
    both = sum(set(pair) == set(bots) for pair in pairs) / 4000
    # Both snapshots may be the best, so a bot is first in 2 of 2 + 2 t draws; it meets the other bot with weight w
    # against 1 + 1.
    assert both == pytest.approx(1 / (1 + TOP_WEIGHT) * BOTS_WEIGHT / (2 + BOTS_WEIGHT), abs=0.006)
    assert Schedule([], bots, {}, CONFIG).pair(rng) is not None, "with nobody else they may"


@given(
    st.lists(st.floats(-1e4, 1e4), min_size=0, max_size=6),
    st.lists(st.floats(-1e4, 1e4), min_size=0, max_size=3),
    st.integers(0, 2**32 - 1),
)
def test_never_oneself_and_none_only_without_two(snapshots, bots, seed):
    ratings = {f"s{i}": rated(mu) for i, mu in enumerate(snapshots)} | {f"b{i}": rated(mu) for i, mu in enumerate(bots)}
    names = [[name for name in ratings if name.startswith(kind)] for kind in "sb"]
    pair = Schedule(*names, ratings, CONFIG).pair(np.random.default_rng(seed))
    if len(ratings) < 2:
        assert pair is None
    else:
        assert pair[0] != pair[1]
        assert set(pair) <= set(ratings)


def a_match(row, column, games=40, **kinds):
    return Match(match_id="m", row=row, column=column, results={"01": Tally(games, 0, 0)}, played_s=0.0, **kinds)


def league(snapshots=4, *, share=0.3, settled=True, champion=None):
    """Snapshots s0, s1, ... at 20, 25, ... and bots b0 to b2 at 10, 30 and 60; s0 is an anchor, too."""
    names, bots = [f"s{i}" for i in range(snapshots)], ["b0", "b1", "b2"]
    ratings = {name: rated(20 + 5 * i) for i, name in enumerate(names)}
    ratings |= {"b0": rated(10, 0.2), "b1": rated(30, 0.2), "b2": rated(60, 0.2)}
    met = Counter({(name, "b1"): 80 for name in names} if settled else {})
    made = Schedule(names, bots, ratings, CONFIG, anchors=["s0"], anchor_share=share, met=met, match_games=40)
    made.champion = champion
    return made


def test_a_new_snapshot_meets_anchors_near_its_level_before_anything_else():
    schedule, rng = league(settled=False, share=1e-9), np.random.default_rng(0)
    assert schedule.ties(rng)
    seconds = Counter()
    for _ in range(400):
        first, second = schedule.pair(rng)
        assert first.startswith("s")
        assert second in {"b0", "b1", "b2", "s0"} - {first}
        seconds[second] += 1
    assert seconds["b1"] > 5 * seconds["b2"], "hopeless games say little"


def test_it_is_settled_after_two_matches_and_not_by_those_of_a_race():
    schedule, rng = league(snapshots=1, settled=False, share=1e-9), np.random.default_rng(0)
    ratings = {"s0": rated(20)}
    schedule.played(a_match("s0", "b1", gate=True), ratings)
    schedule.played(a_match("b1", "s0"), ratings)
    assert schedule.lacking.tolist() == [1, 0, 0, 0]
    schedule.played(a_match("s0", "b2", games=0, dropped=40), ratings)
    assert not schedule.ties(rng), "one that brings nothing must not be asked for for ever"


def test_for_ever_a_share_of_all_matches_is_against_anchors():
    schedule, rng = league(share=0.3, champion="s3"), np.random.default_rng(0)
    pairs = [schedule.pair(rng, anchor=schedule.ties(rng)) for _ in range(3000)]
    assert sum(schedule.ties(rng) for _ in range(3000)) / 3000 == pytest.approx(0.3, abs=0.03)
    tied = [schedule.pair(rng, anchor=True) for _ in range(1000)]
    assert all(second in ("b0", "b1", "b2", "s0") for _, second in tied)
    champions = sum(first == "s3" for first, _ in tied) / 1000
    assert champions >= CHAMPION_SHARE - 0.05
    assert any(set(pair) <= {"s1", "s2", "s3"} for pair in pairs), "the others still meet each other"


def test_every_anchor_has_its_turn():
    schedule, rng = league(snapshots=1, share=1.0), np.random.default_rng(0)
    schedule._is_anchor[0] = False
    met = Counter()
    for _ in range(200):
        first, second = schedule.pair(rng)
        met[second] += 1
        schedule.played(a_match(first, second), {"s0": rated(20)})
    assert min(met["b0"], met["b1"]) > 40
    assert met["b2"] > 5


def test_a_game_with_nobody_but_uniform_is_tied_to_its_first_snapshots():
    names = ["main-0000", "main-0001", "main-0002"]
    schedule = Schedule(names, ["uniform"], {}, CONFIG, anchors=names[:2], anchor_share=1.0, match_games=40)
    rng = np.random.default_rng(0)
    assert {schedule.pair(rng)[1] for _ in range(200)} == {"uniform", "main-0000", "main-0001"}
    assert Schedule(["a", "b"], [], {}, CONFIG, anchor_share=1.0).pair(rng) in (("a", "b"), ("b", "a"))
    assert Schedule(["a"], [], {}, CONFIG, anchors=["a"], anchor_share=1.0).pair(rng) is None


def test_anchors_are_few_and_spread():
    def landmark(name):
        return Snapshot(name=name, digest="", learner="main", steps=0, created_s=0.0, bytes=0).landmark

    assert [n for n in range(10_000) if landmark(f"main-{n:04d}")] == [2**k - 1 for k in range(14)]
    assert not landmark("odd")


def test_a_choice_among_ten_thousand_is_quick():
    rng = np.random.default_rng(0)
    ratings = {f"s{i}": rated(float(mu)) for i, mu in enumerate(rng.normal(25, 15, 10_000))}
    schedule = Schedule(list(ratings), ["uniform"], ratings, CONFIG, anchors=["s0", "s1"], anchor_share=0.3)
    times = []
    for _ in range(100):
        started = time.process_time()
        schedule.pair(rng)
        times.append(time.process_time() - started)
    assert np.median(times) < 0.01, "0.8 ms on a machine that is alone; all with all would be seconds"


def test_of_many_those_are_drawn_of_whom_there_is_most_to_learn():
    ratings = {f"s{i}": rated(float(i), 0.1) for i in range(1000)} | {"vague": rated(500.0, 8.0)}
    schedule, rng = Schedule(list(ratings), [], ratings, CONFIG), np.random.default_rng(0)
    firsts = Counter(schedule.pair(rng)[0] for _ in range(100))
    assert firsts["vague"] > 80
