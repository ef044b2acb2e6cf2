"""Putting snapshots to the test, overruling it, going back, and looking on."""

from __future__ import annotations

import dataclasses
import getpass
import random
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from small_league import CONFIG, STATUS, Command, Recorded

from league.games import make_bot
from league.games.base import Player
from league.interfaces.exporter.collector import LeagueCollector
from league.ladder.records import Match, Promotion, Tally
from league.matches import contest
from league.matches.players import PlayerLoader
from league.pool.mirror import Mirror
from league.pool.store import Store
from league.view.overview import Overview

Refused = Callable[..., str]
Strengths = dict[str, str]


@pytest.fixture(autouse=True)
def seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal seeds, equal games: no verdict by chance."""
    monkeypatch.setattr(random, "SystemRandom", lambda: random.Random(0))


@pytest.fixture
def strengths(monkeypatch: pytest.MonkeyPatch) -> Strengths:
    """Snapshots that play like a bot: untrained networks are all alike."""
    chosen: Strengths = {}
    ordinary = PlayerLoader.player

    def player(self: PlayerLoader, name: str) -> Player:
        return make_bot(chosen[name], self.spec) if name in chosen else ordinary(self, name)

    monkeypatch.setattr(PlayerLoader, "player", player)
    return chosen


def champion(store: Store) -> Promotion:
    promotion = store.champion()
    assert promotion is not None
    return promotion


def gate_matches(store: Store) -> list[Match]:
    return [match for match in store.matches() if match.gate]


def test_a_stronger_snapshot_becomes_champion_with_its_evidence(
    league: Command, own: Store, strengths: Strengths
) -> None:
    strengths["main-0002"] = "perfect"
    result = league("promote", "main-0002", "--reason", "for [fun]", at=own)
    lines = result.out.splitlines()
    assert result.code == 0, result
    assert lines[0].startswith("main-0002 against main-0001: accepted, evidence +")
    assert "no snapshot beats it clearly that did not before (1 tried, " in lines[0]
    assert lines[1] == "main-0002 is the champion"
    now = champion(own)
    assert (now.policy, now.pinned, now.by, now.reason) == ("main-0002", False, getpass.getuser(), "for [fun]")
    played = gate_matches(own)
    assert {(match.row, match.column) for match in played} == {("main-0002", "main-0001")}
    assert [sum(column) for column in zip(*(match.groups for match in played), strict=True)] == now.evidence["counts"]
    assert now.evidence["games"] == sum(match.total.games for match in played)
    assert now.evidence["llr"] >= now.evidence["llr_bounds"][1]
    assert own.verify().problems == ()
    history = league("champion", "--history", at=own).out.splitlines()
    assert re.search(
        r"  \+\d\.\d\d \(.* passes\), \d+ games; tried against 1 other snapshot  for \[fun\]$",
        history[1].rstrip(),
    )
    assert league("champion", at=own).out.count("+2.94 passes") == 1


def test_a_weaker_one_is_refused_with_the_numbers_and_stays_refused(
    league: Command, own: Store, strengths: Strengths
) -> None:
    strengths["main-0001"] = "perfect"
    result = league("promote", "main-0002", at=own)
    assert result.code == 1
    assert result.out.startswith("main-0002 against main-0001: refused, evidence -")
    assert result.out.endswith("\nmain-0001 stays the champion\n")
    assert champion(own).policy == "main-0001"
    matches = own.match_count()
    again = league("promote", "main-0002", at=own)
    assert (again.code, again.out) == (1, result.out)
    assert own.match_count() == matches, "nothing is played twice"


def samples(store: Store, folder: Path, metric: str) -> dict[tuple[str, ...], float]:
    """Of one metric as the exporter reads it, by the values of its labels."""
    collector = LeagueCollector(str(folder), store.league)
    try:
        families = {family.name: family.samples for family in collector.collect()}
    finally:
        collector.close()
    return {tuple(sample.labels.values()): sample.value for sample in families[metric.removesuffix("_total")]}


def test_a_refusal_is_noted_and_counted_whatever_the_coordinator_writes(
    league: Command, own: Store, strengths: Strengths, folder: Path
) -> None:
    strengths["main-0001"] = "perfect"
    assert league("promote", "main-0002", at=own).code == 1
    event = own.events(1)[0]
    assert event["kind"] == "gate"
    assert event["text"].startswith(
        f"not promoted, {getpass.getuser()} had asked: main-0002 against main-0001: refused, evidence -"
    )
    assert Overview.read(Mirror(own)).event_counts["gate"] == 1
    own.set_status(STATUS)
    counted = samples(own, folder, "league_refusals_total")
    assert counted["refused", "asked"] == 1
    assert counted["refused", "automatic"] == STATUS["totals"]["refusals"]["refused"]
    assert counted["beaten", "asked"] == 0


def test_at_the_cap_it_is_undecided_and_goes_on_with_a_higher_one(
    league: Command, own: Store, strengths: Strengths
) -> None:
    strengths |= {"main-0001": "uniform", "main-0002": "uniform"}
    result = league("promote", "main-0002", "--games", "46", "--json", at=own)
    assert result.code == 1
    assert result.json["promoted"] is False
    assert result.json["champion"] is None
    trial = result.json["trials"][0]
    assert (trial["candidate"], trial["outcome"], trial["games"]) == ("main-0002", "undecided", 46)
    assert -2.95 < trial["llr"] < 2.95
    more = league("promote", "main-0002", "--games", "60", "--json", at=own).json["trials"][0]
    assert more["games"] == 60
    assert sum(more["counts"]) == sum(trial["counts"]) + 7


def test_a_snapshot_that_beats_it_stops_it(league: Command, own: Store, strengths: Strengths) -> None:
    strengths["main-0002"] = "perfect"
    for row, tally in (("main-0002", Tally(0, 0, 80)), ("main-0001", Tally(80, 0, 0))):
        own.record(Match(match_id=row, row=row, column="main-0000", results={"01": tally}, played_s=1e10))
    result = league("promote", "main-0002", at=own)
    assert result.code == 1
    assert "accepted" in result.out
    assert "main-0000 beats it clearly" in result.out
    assert champion(own).policy == "main-0001"


def test_without_a_policy_the_best_race(league: Command, own: Store, strengths: Strengths) -> None:
    strengths |= {"main-0002": "perfect", "main-0000": "uniform"}
    result = league("promote", "--json", at=own)
    assert result.code == 0
    assert result.json["champion"]["policy"] == "main-0002"
    assert {trial["candidate"] for trial in result.json["trials"]} == {"main-0000", "main-0002"}
    assert all(trial["alpha"] == 0.025 for trial in result.json["trials"])


def test_the_first_champion_needs_no_test_against_one(league: Command, folder: Path, recorded: Recorded) -> None:
    with Store.open(str(folder), "first") as store:
        store.create(CONFIG)
        store.add_snapshot(*recorded.snapshots[0])
        result = league("promote", "main-0000", at=store)
        assert result.code == 0
        assert result.out.startswith("main-0000: no champion to be tested against; ")
        assert champion(store).evidence["against"] is None
        assert store.match_count() == 0


def test_a_champion_that_cannot_be_read_can_be_replaced(league: Command, own: Store, strengths: Strengths) -> None:
    strengths["main-0002"] = "perfect"
    own._call("SET", own._keys.weights(champion(own).digest), b"damaged")
    result = league("promote", "main-0002", at=own)
    assert result.code == 0
    assert "main-0001" in result.err
    assert "passed over" in result.err
    assert champion(own).policy == "main-0002"


def test_a_damaged_snapshot_of_the_pool_is_passed_over(league: Command, own: Store, strengths: Strengths) -> None:
    strengths["main-0002"] = "perfect"
    digest = own.snapshot("main-0000").digest
    own.update_config(
        dataclasses.replace(CONFIG, promotion=dataclasses.replace(CONFIG.promotion, regression_games=200))
    )
    own._call("SET", own._keys.weights(digest), b"damaged")
    result = league("promote", "main-0002", at=own)
    assert result.code == 0
    assert "passed over" in result.err
    assert champion(own).evidence["regression"]["snapshots"] == 0


def test_force_is_recorded_and_pinned(league: Command, own: Store, recorded: Recorded) -> None:
    result = league("promote", recorded.snapshots[2][0].digest[:8], "--force", at=own)
    assert (result.code, result.out) == (0, "main-0002 is the champion, forced; pinned: the league keeps it\n")
    now = champion(own)
    assert (now.policy, now.pinned, now.evidence) == ("main-0002", True, {"forced": True})
    assert "forced" in league("champion", "--history", at=own).out.splitlines()[1]
    assert gate_matches(own) == []


def test_asking_for_the_best_unpins(league: Command, own: Store, strengths: Strengths) -> None:
    strengths["main-0002"] = "perfect"
    league("promote", "main-0002", "--force", at=own)
    named = league("promote", "main-0000", at=own)
    assert named.out.endswith("\nmain-0002 stays the champion\n")
    assert champion(own).pinned
    result = league("promote", at=own)
    assert result.code == 1
    assert result.out.endswith("main-0002 stays the champion; no longer pinned: the league may replace it\n")
    assert (champion(own).policy, champion(own).pinned) == ("main-0002", False)


def test_to_be_unpinned_is_no_promotion(league: Command, own: Store, strengths: Strengths, folder: Path) -> None:
    strengths["main-0002"] = "perfect"
    league("promote", "main-0002", "--force", at=own)
    before = champion(own)
    league("promote", at=own)
    after = champion(own)
    assert (after.pinned, after.promoted_s) == (False, before.promoted_s), "the place is its own since then"
    ways = samples(own, folder, "league_promotions_total")
    assert (ways["forced",], ways["asked",], ways["unpinned",]) == (1, 0, 1)


def test_who_came_in_between_is_not_unpinned(
    league: Command, own: Store, strengths: Strengths, monkeypatch: pytest.MonkeyPatch
) -> None:
    strengths["main-0002"] = "perfect"
    league("promote", "main-0002", "--force", at=own)
    play = contest._play

    def overtaken(*arguments: object) -> None:
        play(*arguments)  # type: ignore[arg-type]
        own.rollback("anna", 3.0)

    monkeypatch.setattr(contest, "_play", overtaken)
    result = league("promote", at=own)
    assert result.code == 1
    assert result.out.endswith("the champion was replaced in the meantime: nothing was changed, try again\n")
    assert (champion(own).policy, champion(own).pinned) == ("main-0001", True)


def test_a_champion_that_came_in_between_stays(
    league: Command, own: Store, strengths: Strengths, monkeypatch: pytest.MonkeyPatch
) -> None:
    strengths["main-0002"] = "perfect"
    play = contest._play

    def overtaken(*arguments: object) -> None:
        play(*arguments)  # type: ignore[arg-type]
        own.promote(dataclasses.replace(own.promotions()[0], promoted_s=3.0))

    monkeypatch.setattr(contest, "_play", overtaken)
    result = league("promote", "main-0002", at=own)
    assert result.code == 1
    assert "replaced in the meantime" in result.out
    assert champion(own).policy == "main-0000"


def test_a_pruned_snapshot_is_not_the_best(league: Command, own: Store) -> None:
    own.prune(["main-0002"], by="anna", now_s=1.0)
    assert league("promote", at=own).code == 0
    assert champion(own).policy != "main-0002"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["main-0009"], "did you mean"),
        (["uniform"], "fixed bot"),
        (["perfect", "--force"], "fixed bot"),
        (["main-0001"], "main-0001 is the champion already"),
        (["champion"], "main-0001 is the champion already"),
        (["main-0001", "--force"], "main-0001 is the champion already"),
        (["--force"], "name it"),
        (["main-0002", "--games", "44"], "needs 46 to show 50 Elo"),
        (["--games", "50"], "promotion.max_games = 50: even a candidate that wins every game needs 56"),
    ],
)
def test_who_cannot_be_promoted(refused: Refused, own: Store, words: list[str], reason: str) -> None:
    before = own.promotions(), own.match_count()
    assert reason in refused("promote", *words, at=own)
    assert (own.promotions(), own.match_count()) == before


@pytest.mark.parametrize("words", [["main-0002"], ["main-0002", "--force"]])
def test_a_damaged_or_pruned_snapshot_is_not_promoted(
    refused: Refused, own: Store, recorded: Recorded, words: list[str]
) -> None:
    digest = recorded.snapshots[2][0].digest
    own._call("SET", own._keys.weights(digest), b"damaged")
    assert "are not what was stored" in refused("promote", *words, at=own)
    own._call("DEL", own._keys.weights(digest))
    assert "the weights of main-0002, hash" in refused("promote", *words, at=own)


@pytest.mark.parametrize("words", [[], ["main-0000"], ["main-0000", "--force"]])
def test_an_empty_pool(refused: Refused, folder: Path, words: list[str]) -> None:
    with Store.open(str(folder), "empty-pool") as store:
        store.create(CONFIG)
        assert "has no snapshots yet: let it train first" in refused("promote", *words, at=store)


def test_nobody_is_best_without_games(refused: Refused, folder: Path, recorded: Recorded) -> None:
    with Store.open(str(folder), "no-games") as store:
        store.create(CONFIG)
        store.add_snapshot(*recorded.snapshots[0])
        assert "has 40 games behind its rating yet" in refused("promote", at=store)


def test_games_that_all_break_decide_nothing(refused: Refused, own: Store) -> None:
    own.update_config(dataclasses.replace(CONFIG, arena=dataclasses.replace(CONFIG.arena, max_plies=2)))
    assert "all 20 games of tic_tac_toe were dropped: longer than arena.max_plies = 2" in refused(
        "promote", "main-0002", at=own
    )


def test_rollback(league: Command, refused: Refused, own: Store) -> None:
    result = league("rollback", "--reason", "it was better", at=own)
    assert (result.code, result.out) == (0, "main-0000 is the champion again; pinned: the league keeps it\n")
    assert (champion(own).policy, champion(own).pinned, champion(own).reason) == ("main-0000", True, "it was better")
    assert "took back main-0001" in league("champion", "--history", at=own).out.splitlines()[1]
    assert "no champion before" in refused("rollback", at=own)


def test_following_the_champion(own: Store, folder: Path) -> None:
    program = "import sys; from league.interfaces.cli import run; sys.exit(run(sys.argv[1:]))"
    place = ["--store", str(folder), "--league", own.league]
    following = subprocess.Popen(
        [sys.executable, "-c", program, "champion", "--follow", *place], stdout=subprocess.PIPE, text=True
    )
    assert following.stdout is not None
    try:
        assert "  main-0001  " in following.stdout.readline()
        own.promote(dataclasses.replace(own.promotions()[0], promoted_s=3.0, reason="again"))
        assert following.stdout.readline().endswith("by coordinator: again\n")
        following.send_signal(signal.SIGINT)
        assert following.wait(timeout=20) == 130
    finally:
        following.kill()
        following.wait()
        following.stdout.close()
