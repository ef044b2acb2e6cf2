"""Batches of a test count in the order in which they were handed out, whoever is quick."""

import heapq

import numpy as np
import pytest

from league.config import PromotionConfig
from league.ladder.batches import Batches
from league.ladder.payoff import Payoff
from league.ladder.promotion import Race
from league.ladder.records import Match, Tally
from league.ladder.sprt import Bounds

BOUNDS = Bounds(elo0=0.0, elo1=50.0, alpha=0.05, beta=0.05)
WON, EVEN = (0, 0, 0, 0, 20), (5, 0, 10, 0, 5)


def batch(groups, number=None, *, row="new"):
    games = 2 * sum(groups)
    return Match(
        match_id=f"{row} {number}",
        row=row,
        column="old",
        results={"01": Tally(games, 0, 0)},
        played_s=0.0,
        groups=groups,
        gate=True,
        batch=number,
    )


def test_a_batch_waits_for_those_before_it():
    batches = Batches(5, BOUNDS)
    batches.add(batch(EVEN, 1))
    batches.add(batch(EVEN, 2))
    assert (batches.test.games, batches.counted, batches.tried) == (0, 0, 80)
    batches.add(batch(EVEN, 0))
    assert batches.test.counts == (15, 0, 30, 0, 15), "and then all of them count"
    assert batches.test.looks == 3


def test_what_comes_after_the_decision_changes_nothing():
    batches = Batches(5, BOUNDS)
    for number in (2, 1, 0):
        batches.add(batch((20, 0, 0, 0, 0) if number == 2 else (0, 0, 0, 0, 40), number))
    assert batches.test.decision == "accepted"
    assert batches.test.counts == (0, 0, 0, 0, 40), "the first of them decided"


def test_the_number_of_a_lost_batch_is_given_out_again():
    batches = Batches(5, BOUNDS)
    assert [batches.hand_out(range(number)) for number in range(3)] == [0, 1, 2]
    batches.add(batch(EVEN, 0))
    batches.add(batch(EVEN, 2))
    assert batches.hand_out([]) == 1, "nobody plays it any more"
    assert batches.hand_out([1]) == 3


def test_a_number_that_two_have_played_counts_twice():
    batches = Batches(5, BOUNDS)
    for _ in range(2):
        batches.add(batch(EVEN, 0))
    assert batches.test.counts == (10, 0, 20, 0, 10)


def test_one_that_does_not_say_its_number_has_that_which_is_not_played_any_more():
    batches = Batches(5, BOUNDS)
    for number in range(3):
        batches.hand_out(range(number))
    batches.add(batch(WON))
    assert batches.test.games == 0, "it may be any of the three"
    batches.hand_out([0, 2])
    batches.add(batch(EVEN))
    batches.hand_out([2, 3])
    assert batches.test.counts == (5, 0, 10, 0, 25)


def test_a_batch_of_other_groups_counts_for_nothing():
    batches = Batches(5, BOUNDS)
    batches.add(batch((0,) * 12 + (9,), 0))
    assert batches.tried == 0


def simulated(workers, elo, rng):
    """The outcome of a real race with so many workers; games that are lost are half again as long."""
    race = Race(
        candidates=["new"], champion="old", pool=[], config=PromotionConfig(), group=2, batch=40, payoff=Payoff()
    )
    chance, under_way, now = 1 / (1 + 10 ** (-elo / 400)), [], 0.0
    while not race.over:
        while len(under_way) < workers and (wanted := race.wanted([one for _, _, one, _ in under_way])):
            won = rng.random((20, 2)) < chance
            groups = np.bincount(2 * won.sum(axis=1), minlength=5)
            took = np.where(won, 20, 30).sum() * rng.lognormal(0, 0.1)
            match = wanted[0].mark(batch(tuple(groups.tolist())))
            heapq.heappush(under_way, (now + took, rng.random(), wanted[0], match))
        now, _, _, match = heapq.heappop(under_way)
        race.add(match)
    return race.trials()[0].outcome


def test_with_many_workers_errors_are_as_rare_as_with_one():
    rng, races = np.random.default_rng(0), 120
    passed = sum(simulated(32, 0.0, rng) == "passed" for _ in range(races))
    assert passed / races <= 0.05 + 2.5 * (0.05 * 0.95 / races) ** 0.5, "20% where the quick ones count first"


def test_a_race_numbers_what_it_wants_and_goes_on_in_that_order():
    def start(played=()):
        return Race(
            candidates=["new"],
            champion="old",
            pool=[],
            config=PromotionConfig(),
            group=2,
            batch=40,
            payoff=Payoff(),
            played=played,
        )

    race, under_way = start(), []
    for _ in range(3):
        under_way.append(race.wanted(under_way)[0])
    assert [one.batch for one in under_way] == [0, 1, 2]
    log = [under_way[2].mark(batch(WON)), under_way[1].mark(batch(EVEN))]
    for match in log:
        race.add(match)
    assert race.trials()[0].test.games == 0
    again = start(reversed(log))
    assert again.wanted()[0].batch == 0, "the first of them was lost with the coordinator"
    again.add(again.wanted()[0].mark(batch(EVEN)))
    assert again.trials()[0].test.counts == (10, 0, 20, 0, 30)


@pytest.mark.parametrize("kind", ["gate", "check"])
def test_games_of_a_race_count_for_the_race_alone(kind):
    match = Match(match_id="m", row="new", column="old", results={"01": Tally(9, 0, 1)}, played_s=0.0, **{kind: True})
    payoff = Payoff()
    payoff.add(match)
    assert not match.rated
    assert payoff.policies() == []
