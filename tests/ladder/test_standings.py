"""What each policy's games came to, against the payoff that has every pair."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from league.ladder.payoff import Payoff
from league.ladder.records import Match, Snapshot, Tally
from league.ladder.standings import BOT, Kind, Standing, Standings, count, met, of_counts


def snapshot(name: str) -> Snapshot:
    learner = name.rpartition("-")[0]
    return Snapshot(name=name, digest="0" * 64, learner=learner, steps=1, created_s=1.0, bytes=1)


SNAPSHOTS = {name: snapshot(name) for name in ("main-0000", "main-0002", "main-0003", "exploiter2-0004")}
NAMES = [*SNAPSHOTS, "uniform", "negamax-2"]
TALLIES = st.builds(Tally, *[st.integers(0, 5)] * 3)


def kinds(name: str) -> Kind:
    return Kind.of(SNAPSHOTS.get(name))


@st.composite
def logs(draw: st.DrawFn) -> list[Match]:
    made = []
    for number in range(draw(st.integers(0, 20))):
        row, column = draw(st.permutations(NAMES))[:2]
        results = {"01": draw(TALLIES), "10": draw(TALLIES)}
        gate = draw(st.booleans())
        made.append(Match(match_id=str(number), row=row, column=column, results=results, played_s=0.0, gate=gate))
    return made


@given(logs())
def test_a_standing_is_what_the_payoff_says_of_a_policy(log: list[Match]) -> None:
    payoff, standings = Payoff(), Standings()
    for match in log:
        payoff.add(match)
        count(standings, match, kinds)
    assert sorted(standings) == payoff.policies()
    for name, standing in standings.items():
        others = {other: payoff.tally(name, other) for other in payoff.policies() if other != name}
        assert standing.total == Tally.sum(others.values())
        for role in ("main", "exploiter", BOT):
            expected = Tally.sum(tally for other, tally in others.items() if kinds(other).role == role)
            assert Tally(*standing.roles.get(role, ())) == expected
        anchors = [other for other, tally in others.items() if tally.games and kinds(other).anchor]
        assert {other: standing.against(other) for other in anchors} == {other: others[other] for other in anchors}
        assert standing.anchors.keys() == set(anchors), "0, 1, 3, 7 … of a learner, and bots"
        assert Standing.from_json(json.loads(json.dumps(standing.to_json()))) == standing
    assert of_counts(payoff.to_counts(), kinds) == standings
    assert met(standings, ["uniform"]) == {
        (name, "uniform"): payoff.tally(name, "uniform").games
        for name in payoff.policies()
        if name != "uniform" and payoff.tally(name, "uniform").games
    }


@pytest.mark.parametrize("data", [[{}], [{"main": [1, 2]}, {}], [{"main": "abc"}, {}], 7])
def test_what_is_none_is_refused(data: object) -> None:
    with pytest.raises((TypeError, ValueError, AttributeError)):
        Standing.from_json(data)  # type: ignore[arg-type]


def test_counts_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match=r"payoff field 'a\|b': must be row\|column\|seating"):
        of_counts({"a|b": 1}, kinds)
