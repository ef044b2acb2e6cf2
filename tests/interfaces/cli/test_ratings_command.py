"""`league ratings`, and what `league matches` shows of non-transitivity."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from small_league import Command, Recorded

from league.ladder.ratings import elo
from league.ladder.records import Match, Tally
from league.pool.store import Store

Refused = Callable[..., str]


def test_both_estimates_side_by_side(league: Command) -> None:
    lines = league("ratings").out.splitlines()
    header = ["policy", "OpenSkill", "±", "95%", "Bradley-Terry", "±", "95%", "difference", "games", "verdict"]
    assert lines[0].split() == header
    assert lines[1].startswith("perfect")
    assert len(lines) == 7
    assert lines[-1].startswith("Elo above uniform with its 95% interval")


def test_both_estimates_for_programs(league: Command, own: Store, recorded: Recorded) -> None:
    rows = {row["policy"]: row for row in league("ratings", "--json").json}
    assert set(rows) == {"main-0000", "main-0001", "main-0002", "uniform", "perfect"}
    ratings, config = own.ratings(), own.require_config().ratings
    for name, row in rows.items():
        assert row["openskill"]["elo"] == pytest.approx(elo(ratings[name], ratings, config).points)
        assert row["difference"] == pytest.approx(row["openskill"]["elo"] - row["bradley_terry"]["elo"])
        assert row["games"] == recorded.games(name)
    assert rows["uniform"]["openskill"]["elo"] == rows["uniform"]["bradley_terry"]["elo"] == 0
    assert rows["perfect"]["bradley_terry"]["elo"] > 0


def test_recomputing_a_whole_store_changes_nothing(league: Command, own: Store) -> None:
    before = own.ratings(), own.payoff()
    result = league("ratings", "recompute", at=own)
    assert result.code == 0
    assert result.out.startswith("from 10 matches: 5 ratings; ratings, payoff and index equal what was stored")
    assert (own.ratings(), own.payoff()) == before
    assert league("ratings", "recompute", "--json", at=own).json == {"matches": 10, "ratings": 5, "repaired": []}


def test_recomputing_repairs_and_says_what(league: Command, own: Store) -> None:
    before = own.ratings(), own.payoff()
    own._call("HDEL", own._keys.ratings, "uniform")
    own._call("HSET", own._keys.ratings, "nobody", "[1, 2, 3]")
    own._call("HINCRBY", own._keys.payoff, "main-0000|main-0001|01|w", 1)
    result = league("ratings", "recompute", at=own)
    assert result.code == 1
    assert "ratings uniform: stored nothing" in result.out
    assert "ratings nobody: stored [1, 2, 3], the match log gives nothing" in result.out
    assert "payoff main-0000|main-0001|01|w" in result.out
    assert "3 of what was stored differed and is repaired" in result.out
    assert (own.ratings(), own.payoff()) == before
    assert own.verify().problems == ()
    assert league("ratings", "recompute", at=own).code == 0


def test_there_is_no_other_action(refused: Refused) -> None:
    assert "recompute" in refused("ratings", "forget")


def record(store: Store, row: str, column: str, tally: Tally) -> None:
    store.record(Match(match_id=f"{row}-{column}", row=row, column=column, results={"01": tally}, played_s=1.0))


def test_cycles(league: Command, own: Store, recorded: Recorded) -> None:
    assert league("matches", "--cycles", "--json").json == []
    assert league("matches", "--cycles").out.startswith("no cycles")
    names = [snapshot.name for snapshot, _ in recorded.snapshots]
    for row, column in zip(names, [*names[1:], names[0]], strict=True):
        record(own, row, column, Tally(400, 0, 0))
    found = league("matches", "--cycles", "--json", at=own).json
    assert [[win["policy"] for win in one["beats"]] for one in found] == [names]
    assert found[0]["strength"] > 0.8
    lines = league("matches", "--cycles", at=own).out.splitlines()
    assert lines[0].split()[:3] == ["policy", "beats", "score"]
    assert lines[1].split()[0] == names[0]


def test_the_nash_mixture(league: Command, own: Store, recorded: Recorded) -> None:
    names = [snapshot.name for snapshot, _ in recorded.snapshots]
    for row, column in ((names[1], names[0]), (names[1], names[2])):
        record(own, row, column, Tally(400, 0, 0))
    report = league("matches", "--nash", "--json", at=own).json
    rows = {row["policy"]: row for row in report["mixture"]}
    assert [name for name, row in rows.items() if row["is_champion"]] == ["main-0001"]
    assert {name: row["weight"] for name, row in rows.items()} == {names[1]: 1.0, names[0]: 0.0, names[2]: 0.0}
    assert rows[names[1]]["exploiter"]["score"] < 0.2 < 0.8 < rows[names[0]]["exploiter"]["score"]
    assert rows[names[0]]["exploiter"]["policy"] == names[1]
    assert rows[names[1]]["bot_exploiter"]["policy"] in ("perfect", "uniform")
    lines = league("matches", "--nash", at=own).out.splitlines()
    assert lines[0].split()[:2] == ["policy", "weight"]
    assert lines[1].split()[:2] == [names[1], "100.0%"]
    assert lines[-1].startswith("champion main-0001: of the snapshots")


def test_one_view_at_a_time_and_none_without_matches(refused: Refused, league: Command, own: Store) -> None:
    assert "one of --last, --cycles and --nash" in refused("matches", "--cycles", "--nash")
    for key in (own._keys.payoff, own._keys.ratings):
        own._call("DEL", key)
    assert league("matches", "--nash", at=own).out == "no matches of snapshots yet\n"
    assert league("ratings", at=own).out == "no matches yet\n"
