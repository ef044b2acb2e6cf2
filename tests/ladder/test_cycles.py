"""Rock-paper-scissors triples."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from league.ladder.comparison import score_interval
from league.ladder.cycles import cycles
from league.ladder.payoff import Payoff
from league.ladder.records import Match, Tally

NAMES = ["a", "b", "c", "d", "e", "f"]


def a_payoff(results: dict[tuple[str, str], Tally]) -> Payoff:
    payoff = Payoff()
    for (row, column), tally in results.items():
        payoff.add(Match(match_id=row + column, row=row, column=column, results={"01": tally}, played_s=0.0))
    return payoff


def test_a_cycle_with_its_scores():
    found = cycles(a_payoff({("b", "a"): Tally(30, 0, 10), ("c", "b"): Tally(35, 0, 5), ("a", "c"): Tally(28, 4, 8)}))
    assert len(found) == 1
    assert found[0].policies == ("a", "c", "b")
    assert [score.value for score in found[0].scores] == [0.75, 0.875, 0.75]
    assert found[0].strength == min(score.low for score in found[0].scores) > 0.5
    assert found[0].to_json()["beats"][1]["score"] == 0.875


def test_an_edge_that_may_be_chance_makes_no_cycle():
    close = {("b", "a"): Tally(21, 0, 19), ("c", "b"): Tally(35, 0, 5), ("a", "c"): Tally(30, 0, 10)}
    assert cycles(a_payoff(close)) == []


def test_an_order_has_no_cycles():
    assert cycles(a_payoff({pair: Tally(40, 0, 0) for pair in itertools.combinations(NAMES, 2)})) == []
    assert cycles(Payoff()) == []


@given(
    st.dictionaries(
        st.sampled_from(list(itertools.combinations(NAMES, 2))),
        st.sampled_from([Tally(40, 0, 0), Tally(0, 0, 40), Tally(10, 0, 30), Tally(20, 0, 20), Tally(26, 9, 5)]),
    )
)
def test_all_of_them_once_the_surest_first(results):
    payoff = a_payoff(results)
    found = cycles(payoff)

    def beats(row: str, column: str) -> bool:
        tally = payoff.tally(row, column)
        return tally.games > 0 and score_interval(tally).low > 0.5

    expected = {
        (a, b, c)
        for a, b, c in itertools.permutations(NAMES, 3)
        if a < min(b, c) and beats(a, b) and beats(b, c) and beats(c, a)
    }
    assert {cycle.policies for cycle in found} == expected
    assert len(found) == len(expected)
    assert [cycle.strength for cycle in found] == sorted((cycle.strength for cycle in found), reverse=True)
