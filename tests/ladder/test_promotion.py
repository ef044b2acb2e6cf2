"""Races for the champion's place, played with simulated policies of known strength."""

import json
import math

import numpy as np
import pytest

from league.config import PromotionConfig
from league.errors import ConfigError
from league.ladder.comparison import expected_score
from league.ladder.payoff import Payoff
from league.ladder.promotion import Race, bounds_of, check_cap
from league.ladder.records import Match, Tally
from league.ladder.trials import Wanted

CONFIG = PromotionConfig()


class Simulation:
    """Plays what a race wants: policies have a strength in Elo, `beats` overrules it for some pairs."""

    def __init__(self, strengths, seed=0, beats=()):
        self.strengths, self.beats = strengths, dict(beats)
        self.rng = np.random.default_rng(seed)
        self.log = []

    def play(self, wanted):
        elo = self.strengths[wanted.row] - self.strengths[wanted.column]
        score = self.beats.get((wanted.row, wanted.column), expected_score(elo))
        firsts, seconds = (self.rng.random(-(-wanted.games // 2)) < score for _ in range(2))
        points = firsts.astype(int) + seconds
        groups = tuple(int((points == n / 2).sum()) for n in range(5))
        results = {
            "01": Tally(int(firsts.sum()), 0, int((~firsts).sum())),
            "10": Tally(int(seconds.sum()), 0, int((~seconds).sum())),
        }
        match = Match(
            match_id=str(len(self.log)),
            row=wanted.row,
            column=wanted.column,
            results=results,
            played_s=0.0,
            groups=groups,
            gate=wanted.gate,
        )
        self.log.append(match)
        return match

    def games(self, name):
        return sum(match.total.games for match in self.log if match.gate and match.row == name)


def a_race(candidates, champion, pool=(), *, config=CONFIG, payoff=None, played=()):
    return Race(
        candidates=candidates,
        champion=champion,
        pool=pool,
        config=config,
        group=2,
        batch=40,
        payoff=payoff or Payoff(),
        played=played,
    )


def finish(race, simulation):
    while wanted := race.wanted():
        race.add(simulation.play(wanted[0]))
    return [trial.outcome for trial in race.trials()]


def test_a_stronger_candidate_passes_and_an_equal_one_does_not():
    strong, weak = Simulation({"new": 150, "old": 0}), Simulation({"new": -50, "old": 0})
    race = a_race(["new"], "old", ["new", "old"])
    assert finish(race, strong) == ["passed"]
    assert race.winner.candidate == "new"
    race = a_race(["new"], "old", ["new", "old"])
    assert finish(race, weak) == ["refused"]
    assert race.winner is None
    assert "new against old: refused, LLR -" in race.trials()[0].summary


def test_a_test_that_comes_to_no_end_is_undecided_at_the_cap():
    config = PromotionConfig(max_games=100)
    simulation = Simulation({"new": 25, "old": 0}, seed=2)
    race = a_race(["new"], "old", config=config)
    assert finish(race, simulation) == ["undecided"]
    assert simulation.games("new") == 100, "40, 40 and the 20 that were left"


def test_of_several_the_best_wins_and_the_worse_are_dropped_early():
    strengths = {"old": 0, "a": 40, "b": 300, "c": 60}
    simulation = Simulation(strengths)
    race = a_race(["a", "b", "c"], "old", strengths)
    finish(race, simulation)
    assert race.winner.candidate == "b"
    assert race._bounds.alpha == pytest.approx(0.05 / 3)
    alone = Simulation(strengths)
    finish(a_race(["a"], "old"), alone)
    assert simulation.games("a") < alone.games("a")


def test_a_candidate_that_is_clearly_worse_than_another_is_outrun():
    race = a_race(["a", "b"], "old")
    race.add(a_match("a", "old", (0, 0, 0, 0, 20)))
    race.add(a_match("b", "old", (2, 2, 8, 4, 4)))
    assert [trial.outcome for trial in race.trials()] == ["running", "outrun"]
    assert {wanted.row for wanted in race.wanted()} == {"a"}
    assert "dropped, another candidate is better" in race.trials()[1].summary


def a_match(row, column, groups=(0, 0, 0, 0, 0), results=None, *, gate=True, dropped=0):
    results = results or {"01": Tally(1, 0, 0)}
    return Match(
        match_id="m", row=row, column=column, results=results, played_s=0.0, groups=groups, gate=gate, dropped=dropped
    )


def test_only_games_of_the_gate_against_this_champion_count():
    race = a_race(["new"], "old")
    before = race.trials()[0].test
    race.add(a_match("new", "old", (0, 0, 0, 0, 9), gate=False))
    race.add(a_match("new", "other", (0, 0, 0, 0, 9)))
    race.add(a_match("old", "new", (0, 0, 0, 0, 9)))
    race.add(a_match("new", "old", (0,) * 13))
    assert race.trials()[0].test == before
    race.add(a_match("new", "old", (0, 0, 0, 0, 9)))
    assert race.trials()[0].test.counts == (0, 0, 0, 0, 9)


def test_a_race_goes_on_where_the_log_ends():
    simulation = Simulation({"new": 40, "old": 0}, seed=1)
    race = a_race(["new"], "old")
    for _ in range(2):
        race.add(simulation.play(race.wanted()[0]))
    again = a_race(["new"], "old", played=reversed(simulation.log))
    assert again.trials() == race.trials()
    assert again.wanted() == race.wanted()


def test_one_that_the_log_has_ahead_waits_for_the_others():
    strengths = {"old": 0, "known": 150, "new": 500}
    simulation = Simulation(strengths)
    finish(a_race(["known"], "old"), simulation)
    race = a_race(["new", "known"], "old", played=simulation.log)
    assert race.trials()[1].test.decision == "accepted"
    assert race.wanted()[0].row == "new"
    finish(race, simulation)
    assert race.winner.candidate == "new"


def test_a_snapshot_that_beats_the_candidate_but_not_the_champion_stops_it():
    strengths = {"new": 200, "old": 0, "nemesis": 0, "weak": -300}
    stopped = Simulation(strengths, beats={("new", "nemesis"): 0.1})
    race = a_race(["new"], "old", strengths)
    assert finish(race, stopped) == ["beaten"]
    trial = race.trials()[0]
    assert trial.regression.beaten_by == "nemesis"
    assert trial.test.decision == "accepted"
    assert "nemesis beats it clearly" in trial.summary
    assert race.winner is None


def test_a_snapshot_that_beats_the_champion_too_does_not():
    strengths = {"new": 200, "old": 0, "nemesis": 0}
    simulation = Simulation(strengths, beats={("new", "nemesis"): 0.1, ("old", "nemesis"): 0.05})
    race = a_race(["new"], "old", strengths)
    assert finish(race, simulation) == ["passed"]
    assert any(match.row == "old" and match.column == "nemesis" for match in simulation.log)


def test_the_pool_is_met_no_more_than_needed():
    strengths = {"new": 300, "old": 0, "weak": -500, "known": 0}
    payoff = Payoff()
    payoff.add(a_match("known", "new", results={"01": Tally(10, 0, 30)}, gate=False))
    simulation = Simulation(strengths)
    race = a_race(["new"], "old", strengths, payoff=payoff)
    assert finish(race, simulation) == ["passed"]
    checked = [(match.column, match.total.games) for match in simulation.log if not match.gate]
    assert checked == [("weak", 10)]
    assert race.winner.regression.snapshots == 2
    assert race.winner.regression.games == 50


def test_the_first_champion_is_only_checked_against_the_pool():
    strengths = {"a": 0, "b": 400, "c": 100}
    simulation = Simulation(strengths)
    race = a_race(["a", "b"], None, strengths)
    assert finish(race, simulation)[0] == "beaten"
    assert race.winner.candidate == "b"
    assert not any(match.gate for match in simulation.log)
    assert "no champion to be tested against" in race.winner.summary
    lonely = a_race(["a"], None, ["a"])
    assert lonely.wanted() == []
    assert lonely.winner.candidate == "a"


def test_games_that_never_end_are_not_asked_for_for_ever():
    race = a_race(["new"], "old", ["new", "old"], config=PromotionConfig(max_games=100))
    asked = 0
    while wanted := race.wanted():
        asked += 1
        race.add(a_match("new", "old", results={"01": Tally()}, dropped=wanted[0].games))
    assert asked == 3
    assert race.trials()[0].outcome == "undecided"
    first = a_race(["a"], None, ["a", "b"])
    while wanted := first.wanted():
        first.add(a_match(wanted[0].row, wanted[0].column, results={"01": Tally()}, gate=False, dropped=20))
    assert first.winner.candidate == "a"


def test_a_pool_of_equals_seldom_refuses_a_candidate_however_many_they_are():
    beaten, races = 0, 200
    pool = dict.fromkeys(["new", *(f"equal-{number}" for number in range(20))], 0)
    for seed in range(races):
        race = a_race(["new"], None, pool)
        beaten += finish(race, Simulation(pool, seed=seed)) == ["beaten"]
    assert beaten / races <= 0.05


def test_in_a_large_pool_a_clear_nemesis_is_still_found():
    strengths = dict.fromkeys(["new", "nemesis", *(f"equal-{number}" for number in range(50))], 0)
    simulation = Simulation(strengths, beats={("new", "nemesis"): 0.05})
    race = a_race(["new"], None, strengths)
    assert finish(race, simulation) == ["beaten"]
    assert race.trials()[0].regression.beaten_by == "nemesis"


def test_however_sure_the_check_has_to_be_it_has_an_answer():
    strengths = {"new": 0, "nemesis": 0, "equal": 0}
    simulation = Simulation(strengths, beats={("new", "nemesis"): 0.0})
    config = PromotionConfig(alpha=1e-20, regression_games=400)
    assert finish(a_race(["new"], None, strengths, config=config), simulation) == ["beaten"]


def test_a_cap_that_nobody_can_pass_is_named():
    check_cap(PromotionConfig(max_games=46), 1, 2)
    with pytest.raises(ConfigError, match=r"promotion\.max_games = 45: .* needs 46 to show 50 Elo"):
        check_cap(PromotionConfig(max_games=45), 1, 2)
    with pytest.raises(ConfigError, match="needs 56 to"):
        check_cap(PromotionConfig(max_games=46), 2, 2)
    with pytest.raises(ConfigError, match="needs more than 1000000 to show 1e-06 Elo"):
        check_cap(PromotionConfig(elo1=1e-6), 1, 2)


@pytest.mark.parametrize("knob", ["alpha", "beta"])
def test_a_test_that_is_a_coin_is_refused(knob):
    with pytest.raises(ConfigError, match=rf"{knob} = 0\.5: must be below 0\.5"):
        PromotionConfig(**{knob: 0.5})


def test_what_is_being_played_counts_towards_the_cap():
    race = a_race(["new", "newer"], "old", config=PromotionConfig(max_games=100))
    asked = []
    while wanted := race.wanted(asked):
        asked.append(wanted[0])
    assert [one.row for one in asked] == ["new", "newer"] * 3, "in turns"
    assert [one.games for one in asked] == [40, 40, 40, 40, 20, 20]
    assert not race.over, "before they have ended nothing is known"
    assert [trial.outcome for trial in race.trials()] == ["running", "running"]
    assert race.wanted([Wanted("new", "old", 40, False)])[0].games == 40, "no part of the test"


def test_a_pair_of_the_regression_check_is_played_once_at_a_time():
    race = a_race(["a"], None, ["a", "b", "c"])
    first, second = race.wanted()
    assert race.wanted([first]) == [second]
    assert race.wanted([Wanted("b", "a", 40, False), second]) == []
    assert not race.over


@pytest.mark.parametrize(
    ("elos", "succession", "claim"),
    [
        ((0, 50), False, "stronger than old"),
        ((0, 50), True, "longer trained and no weaker than old"),
        ((-50, 0), False, "no weaker than old"),
        ((-50, 0), True, "longer trained and no weaker than old"),
    ],
)
def test_the_reason_claims_what_was_tested(elos, succession, claim):
    config = PromotionConfig(elo0=elos[0], elo1=elos[1])
    race = Race(
        candidates=["new"],
        champion="old",
        pool=[],
        config=config,
        group=2,
        batch=40,
        payoff=Payoff(),
        succession=succession,
    )
    finish(race, Simulation({"new": 500, "old": 0}))
    assert race.winner.reason.startswith(f"{claim}: Elo +")
    assert race.winner.to_json()["elo_bounds"] == ([-50, 0] if succession else list(elos))


def test_what_is_wanted_and_the_evidence_are_plain():
    race = a_race(["new"], "old", ["new", "old"])
    assert race.wanted() == [Wanted("new", "old", 40, True, batch=0)]
    finish(race, Simulation({"new": 2000, "old": 0}))
    evidence = race.winner.to_json()
    assert json.loads(json.dumps(evidence, allow_nan=False)) == evidence
    assert evidence["against"] == "old"
    assert evidence["counts"][4] >= 20
    assert evidence["elo"][0] is None, "it has won every game"
    assert evidence["regression"] == {"beaten_by": None, "snapshots": 0, "games": 0}


def test_a_race_of_equals_promotes_none_as_seldom_as_one_of_them():
    promoted, races = 0, 150
    strengths = {"old": 0, "a": 0, "b": 0, "c": 0}
    for seed in range(races):
        race = a_race(["a", "b", "c"], "old", strengths)
        finish(race, Simulation(strengths, seed=seed))
        promoted += race.winner is not None
    assert promoted / races <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / races)
    assert bounds_of(CONFIG, 3).alpha == pytest.approx(CONFIG.alpha / 3)
