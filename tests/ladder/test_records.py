"""What is stored comes back, also what an older version stored."""

import json
from dataclasses import replace

from league.ladder.records import Match, Tally

MATCH = Match(
    match_id="m",
    row="a",
    column="b",
    results={"01": Tally(1, 2, 3), "10": Tally(3, 2, 1)},
    played_s=1.5,
    dropped=1,
    groups=(1, 0, 2, 0, 3),
    gate=True,
)


def test_a_match_comes_back():
    assert Match.from_json(json.loads(json.dumps(MATCH.to_json()))) == MATCH


def test_a_match_from_before_there_were_groups():
    old = {key: value for key, value in MATCH.to_json().items() if key not in ("groups", "gate")}
    match = Match.from_json(old)
    assert (match.groups, match.gate) == ((), False)
    assert match.results == MATCH.results


def test_two_matches_are_one_of_all_their_games():
    more = {"10": Tally(1, 0, 0)}
    later = replace(MATCH, match_id="n", results=more, played_s=2.5, dropped=2, groups=(1, 0, 0, 0, 1))
    both = MATCH.plus(later)
    assert both.results == {"01": Tally(1, 2, 3), "10": Tally(4, 2, 1)}
    assert both.total == MATCH.total.plus(later.total)
    assert (both.match_id, both.played_s, both.dropped, both.groups) == ("m", 2.5, 3, (2, 0, 2, 0, 4))
    assert MATCH.plus(replace(later, groups=())).groups == MATCH.groups
