"""The payoff table and a learner's faded view of it."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from league.ladder.payoff import LivePayoff, Payoff, check_policy_name, match_counts
from league.ladder.records import Match, Tally

names = st.sampled_from(["main-0001", "main-0002", "uniform", "negamax-4"])
tallies = st.builds(Tally, *[st.integers(0, 50)] * 3)


@st.composite
def matches(draw: st.DrawFn) -> Match:
    row = draw(names)
    column = draw(names.filter(lambda name: name != row))
    results = draw(st.dictionaries(st.sampled_from(["01", "10", "011", "100"]), tallies))
    return Match(match_id=draw(st.uuids()).hex, row=row, column=column, results=results, played_s=0.0)


def folded(log: list[Match]) -> Payoff:
    payoff = Payoff()
    for match in log:
        payoff.add(match)
    return payoff


@given(st.lists(matches(), max_size=12), st.randoms())
def test_any_order_gives_an_equal_table(log, random):
    shuffled = list(log)
    random.shuffle(shuffled)
    assert folded(log) == folded(shuffled)


@given(st.lists(matches(), max_size=12))
def test_flat_counts_come_back_equal_and_add_up_match_by_match(log):
    counts = folded(log).to_counts()
    assert Payoff.from_counts(json.loads(json.dumps(counts))) == folded(log)
    summed: dict[str, int] = {}
    for match in log:
        for field, count in match_counts(match).items():
            summed[field] = summed.get(field, 0) + count
    assert summed == counts


@given(st.lists(matches(), max_size=12), names, names)
def test_both_sides_see_the_same_games(log, row, column):
    payoff = folded(log)
    assert payoff.tally(row, column) == payoff.tally(column, row).mirrored()
    played = [m for m in log if {m.row, m.column} == {row, column}]
    assert payoff.tally(row, column).games == sum(m.total.games for m in played)


@given(st.lists(matches(), max_size=12))
def test_every_pair_comes_once_with_all_its_games(log):
    payoff = folded(log)
    pairs = payoff.pairs()
    assert all(row < column for row, column in pairs)
    assert all(payoff.tally(*pair) == tally for pair, tally in pairs.items())
    assert sum(tally.games for tally in pairs.values()) == sum(match.total.games for match in log)


def test_a_seating_is_seen_from_the_row_that_is_asked_for():
    payoff = folded(
        [
            Match(match_id="1", row="a", column="b", results={"01": Tally(3, 1, 0)}, played_s=0.0),
            Match(
                match_id="2", row="b", column="a", results={"01": Tally(2, 0, 1), "10": Tally(1, 0, 0)}, played_s=0.0
            ),
        ]
    )
    # b's "01" is a in seat 1: a's "10".
    assert payoff.by_seating("a", "b") == {"01": Tally(3, 1, 1), "10": Tally(1, 0, 2)}
    assert payoff.policies() == ["a", "b"]


def test_a_match_without_results_leaves_no_trace():
    assert (
        folded([Match(match_id="1", row="a", column="b", results={"01": Tally()}, played_s=0.0, dropped=2)]) == Payoff()
    )


@pytest.mark.parametrize("name", ["", "a|b", "a b", "a\n"])
def test_a_name_that_would_break_the_fields_is_refused(name):
    with pytest.raises(ValueError, match="policy name"):
        check_policy_name(name)
    with pytest.raises(ValueError, match="policy name"):
        folded([Match(match_id="1", row=name, column="ok", results={}, played_s=0.0)])


@pytest.mark.parametrize("field", ["a|b|01", "a|b|01|x", "a|b|01|w|w"])
def test_a_field_of_another_form_is_refused(field):
    with pytest.raises(ValueError, match="payoff field"):
        Payoff.from_counts({field: 1})


def test_an_unknown_opponent_is_even():
    live = LivePayoff(100.0)
    assert live.win_rate("nobody") == 0.5
    assert live.games("nobody") == 0


def test_win_rate_counts_a_draw_half_and_starts_from_one_drawn_game():
    live = LivePayoff(100.0)
    live.add("a", Tally(3, 2, 0))
    assert live.win_rate("a") == (3 + 1 + 0.5) / 6


def test_old_results_fade_to_one_over_e_after_memory_games():
    live = LivePayoff(40.0)
    live.add("a", Tally(10, 0, 0))
    live.add("b", Tally(10, 0, 0))
    live.add("a", Tally(0, 0, 40))
    assert math.isclose(live.games("a"), 10 / math.e + 40)
    assert math.isclose(live.win_rate("a"), (10 / math.e + 0.5) / (10 / math.e + 41))
    assert live.games("b") == 10, "results against others fade nobody else's"


def test_results_fade_when_they_are_read_so_another_memory_sees_them_as_they_were():
    live = LivePayoff(10.0)
    live.add("a", Tally(10, 0, 0))
    live.add("a", Tally(0, 0, 10))
    longer = LivePayoff.from_json(live.to_json(), 1e12)
    assert longer.games("a") == pytest.approx(20)
    assert longer.win_rate("a") == pytest.approx(0.5)


def test_what_is_held_stays_small_and_says_the_same():
    live, wins = LivePayoff(1000.0), 0.0
    for _ in range(20_000):
        live.add("a", Tally(1, 0, 0))
        wins = wins * math.exp(-1 / 1000) + 1
    assert len(live.to_json()["a"]) < 200
    assert live.games("a") == pytest.approx(wins, rel=0.05)


@given(st.lists(st.tuples(names, tallies), max_size=20), st.floats(1, 1e6))
def test_live_rates_stay_inside_and_come_back_from_json(results, memory):
    live = LivePayoff(memory)
    for opponent, tally in results:
        live.add(opponent, tally)
    assert all(0 < live.win_rate(opponent) < 1 for opponent in live.to_json())
    assert LivePayoff.from_json(json.loads(json.dumps(live.to_json())), memory) == live
