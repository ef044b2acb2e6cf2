"""What is stored comes back, also what an older version stored."""

import json
from dataclasses import replace
from typing import Any

import pytest

from league.ladder.records import Match, Promotion, Tally

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


@pytest.mark.parametrize(
    ("by", "evidence", "how", "against"),
    [
        ("coordinator", {}, "automatic", None),
        ("coordinator", {"against": "main-0001", "outcome": "passed"}, "automatic", "main-0001"),
        ("anna", {"against": "main-0001", "outcome": "passed"}, "asked", "main-0001"),
        ("anna", {"forced": True}, "forced", None),
        ("anna", {"rolled_back": "main-0002"}, "rollback", "main-0002"),
        ("anna", {"unpinned_s": 1700000000.5}, "unpinned", None),
    ],
)
def test_a_promotion_that_was_written_before_how_was_a_field(
    by: str, evidence: dict[str, Any], how: str, against: str | None
) -> None:
    stored = {
        "policy": "main-0003",
        "digest": "0" * 64,
        "by": by,
        "reason": "why",
        "promoted_s": 1.5,
        "pinned": how in ("forced", "rollback"),
        "evidence": evidence,
    }
    promotion = Promotion.from_json(stored)
    assert (promotion.how, promotion.against, promotion.evidence) == (how, against, evidence)
    assert Promotion.from_json(promotion.to_json()) == promotion
