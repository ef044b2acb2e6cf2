"""The coordinator's desk for the champion, on a real store with real games; the test is its match worker."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import cast

import pytest

from league.actors.evaluation import Evaluation
from league.actors.futures import Futures
from league.actors.gate import Gate
from league.actors.place import Place
from league.actors.roster import Roster
from league.config import LeagueConfig, RoleConfig
from league.games import game_spec, make_bot
from league.games.base import Player
from league.ladder.ratings import Rating
from league.ladder.records import Match, Promotion, Snapshot
from league.matches.arena import Arena
from league.matches.players import PlayerLoader
from league.policies.weights import digest, fresh, pack
from league.pool.store import Store
from tests.actors.small_runs import small

PLAYS = {"main-0000": "uniform", "main-0001": "perfect", "main-0002": "uniform", "main-0003": "perfect"}
CONFIG = small("arena.games=20", "promotion.elo1=100", "promotion.candidates=1")


class Desk:
    """A gate, and a match worker that plays what it wants."""

    def __init__(self, store: Store) -> None:
        self.roster = Roster(store)
        self.roster.ratings = {name: Rating(mu=25.0 + i, sigma=1.0, games=40) for i, name in enumerate(PLAYS)}
        self.gate = Gate(self.roster)
        self.arena = Arena(store, self.roster.config)

    def play(self) -> Match | None:
        """One match; None if none is wanted."""
        self.gate.advance()
        wanted = self.gate.wanted([])
        if wanted is None:
            return None
        seed = self.roster.store.match_count()
        match = self.arena.play(wanted.row, wanted.column, games=wanted.games, seed=seed)
        match = wanted.mark(match)
        ratings = self.roster.ratings
        self.roster.record([(match, None)])
        self.roster.ratings = ratings  # Those of the test stay.
        self.gate.add(match)
        return match

    def play_all(self) -> None:
        while self.play() is not None:
            pass


@pytest.fixture
def league(store: Store, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Desk]:
    """Four snapshots, rated in the order of their names, that play like the bots of `PLAYS`."""
    ordinary = PlayerLoader.player

    def player(self: PlayerLoader, name: str) -> Player:
        return make_bot(PLAYS[name], self.spec) if name in PLAYS else ordinary(self, name)

    monkeypatch.setattr(PlayerLoader, "player", player)

    def start(
        champion: str | None = None, *, pinned: bool = False, config: LeagueConfig = CONFIG, steps: int = 0
    ) -> Desk:
        """`steps`: between two snapshots."""
        store.create(config)
        for number, name in enumerate(PLAYS):
            weights = pack(fresh(game_spec(config.game), config.network, seed=number))
            created_s = 50.0 + number
            snapshot = Snapshot(
                name=name,
                digest=digest(weights),
                learner="main",
                steps=steps * number,
                created_s=created_s,
                bytes=len(weights),
            )
            store.add_snapshot(snapshot, weights)
        if champion is not None:
            promote(store, champion, pinned=pinned)
        return Desk(store)

    return start


def promote(store: Store, name: str, *, pinned: bool = False, against: str | None = None) -> None:
    promotion = Promotion(
        policy=name,
        digest=store.snapshot(name).digest,
        by="me",
        reason="",
        promoted_s=1.0,
        pinned=pinned,
        against=against,
    )
    store.promote(promotion)


def champion(store: Store) -> str | None:
    promotion = store.champion()
    return None if promotion is None else promotion.policy


def gate_pairs(store: Store) -> set[tuple[str, str]]:
    return {(match.row, match.column) for match in store.matches() if match.gate}


def refusals(store: Store) -> list[str]:
    return [event["text"] for event in store.events() if event["kind"] == "gate"]


def test_the_first_champion_only_meets_the_pool(league: Callable[..., Desk], store: Store) -> None:
    desk = league()
    desk.play_all()
    assert champion(store) == "main-0003"
    assert gate_pairs(store) == set()
    assert store.promotions()[0].evidence["against"] is None


def test_a_stronger_candidate_replaces_the_champion(league: Callable[..., Desk], store: Store) -> None:
    desk = league("main-0002")
    desk.play_all()
    now = store.champion()
    assert now is not None
    assert (now.policy, now.by, now.pinned) == ("main-0003", "coordinator", False)
    assert now.reason.startswith("stronger than main-0002: Elo +")
    counts = [match.groups for match in store.matches() if match.gate]
    assert [sum(column) for column in zip(*counts, strict=True)] == now.evidence["counts"]
    assert gate_pairs(store) == {("main-0003", "main-0002")}
    assert desk.roster.champion == now
    assert not desk.gate.busy


def test_a_refused_candidate_is_not_tried_again_until_another_is_champion(
    league: Callable[..., Desk], store: Store
) -> None:
    desk = league("main-0001")
    desk.play_all()
    assert champion(store) == "main-0001"
    assert gate_pairs(store) == {("main-0003", "main-0001"), ("main-0002", "main-0001")}
    assert len(refusals(store)) == 2
    assert all("refused, evidence -" in text for text in refusals(store))
    played = store.match_count()
    again = Desk(store)
    assert again.play() is None
    assert store.match_count() == played, "the log says it after a restart, too"

    promote(store, "main-0000")
    desk.roster.champion = store.champion()
    desk.play_all()
    assert champion(store) == "main-0003"


def test_whom_the_champion_has_just_beaten_is_not_put_forward(league: Callable[..., Desk], store: Store) -> None:
    league()
    promote(store, "main-0001", against="main-0003")
    Desk(store).play_all()
    assert gate_pairs(store) == {("main-0002", "main-0001")}


def test_a_test_goes_on_after_a_restart(league: Callable[..., Desk], store: Store) -> None:
    desk = league("main-0002")
    assert desk.play() is not None
    again = Desk(store)
    again.play_all()
    now = store.champion()
    assert now is not None
    assert now.policy == "main-0003"
    assert now.evidence["games"] == sum(match.total.games for match in store.matches() if match.gate)


def test_a_longer_trained_snapshot_follows_a_champion_that_it_only_draws_with(
    league: Callable[..., Desk], store: Store
) -> None:
    desk = league("main-0001", steps=1000)
    desk.play_all()
    champion = store.champion()
    assert champion is not None
    assert champion.policy == "main-0003"
    assert champion.reason.startswith("longer trained and no weaker than main-0001: Elo ")
    assert champion.evidence["elo_bounds"] == [-100.0, 0.0]


@pytest.mark.parametrize("setting", ["auto", "4"])
def test_nobody_follows_who_has_not_learned_for_long_enough(
    league: Callable[..., Desk], store: Store, setting: str
) -> None:
    config = small("arena.games=20", "promotion.elo1=100", f"promotion.succession={setting}")
    desk = league("main-0001", steps=1000, config=config)
    desk.play_all()
    champion = store.champion()
    assert champion is not None
    assert champion.policy == "main-0001"


def test_a_weaker_one_does_not_follow_however_long_it_has_learned(
    league: Callable[..., Desk], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PLAYS, "main-0003", "uniform")
    desk = league("main-0001", steps=1000)
    desk.play_all()
    champion = store.champion()
    assert champion is not None
    assert champion.policy == "main-0001"
    assert any("main-0003" in event["text"] for event in store.events() if event["kind"] == "gate")


def test_a_role_may_be_kept_out_of_the_race(league: Callable[..., Desk], store: Store) -> None:
    roles = {"main": RoleConfig(champion=False), "other": RoleConfig()}
    desk = league("main-0000", config=dataclasses.replace(CONFIG, roles=roles))
    assert desk.play() is None
    assert desk.roster.champion is not None
    assert desk.roster.champion.policy == "main-0000"


def test_what_was_imported_is_an_opponent_and_no_candidate(league: Callable[..., Desk], store: Store) -> None:
    desk = league("main-0000")
    imported = {"main-0001", "main-0003"}
    desk.roster.snapshots = [
        dataclasses.replace(snapshot, learner="imported.main") if snapshot.name in imported else snapshot
        for snapshot in desk.roster.snapshots
    ]
    desk.play_all()
    assert champion(store) == "main-0000"
    assert {row for row, _ in gate_pairs(store)} == {"main-0002"}


def test_a_pinned_champion_is_left_alone(league: Callable[..., Desk], store: Store) -> None:
    desk = league("main-0000", pinned=True)
    assert desk.play() is None
    assert not desk.gate.busy
    assert champion(store) == "main-0000"


def test_a_person_who_decides_in_between_is_respected(league: Callable[..., Desk], store: Store) -> None:
    desk = league("main-0002")
    assert desk.play() is not None
    promote(store, "main-0000", pinned=True)
    while desk.gate._race is not None and desk.gate._race.wanted():  # The coordinator has not heard of it.
        wanted = desk.gate._race.wanted()[0]
        match = desk.arena.play(wanted.row, wanted.column, games=wanted.games, seed=1)
        desk.gate.add(wanted.mark(match))
    assert desk.play() is None
    assert champion(store) == "main-0000"


def test_the_league_can_be_told_not_to_promote(league: Callable[..., Desk], store: Store) -> None:
    config = dataclasses.replace(CONFIG, promotion=dataclasses.replace(CONFIG.promotion, automatic=False))
    desk = league(config=config)
    assert desk.play() is None
    assert champion(store) is None


def test_a_candidate_that_cannot_be_read_any_more_leaves_the_race(league: Callable[..., Desk], store: Store) -> None:
    desk = league("main-0000")
    first = desk.play()
    assert first is not None
    assert first.row == "main-0003"
    store._call("SET", store._keys.weights(store.snapshot("main-0003").digest), b"damaged")
    desk.roster.quarantine(["main-0003"])
    desk.play_all()
    assert champion(store) == "main-0001"


def test_a_snapshot_of_the_pool_that_cannot_be_read_is_not_met(league: Callable[..., Desk], store: Store) -> None:
    desk = league("main-0000")
    assert desk.play() is not None
    store._call("SET", store._keys.weights(store.snapshot("main-0002").digest), b"damaged")
    desk.roster.quarantine(["main-0002"])
    desk.play_all()
    assert champion(store) == "main-0003"
    assert not any("main-0002" in (match.row, match.column) for match in store.matches())


def test_several_workers_share_a_race(league: Callable[..., Desk]) -> None:
    config = dataclasses.replace(CONFIG, promotion=dataclasses.replace(CONFIG.promotion, candidates=2))
    desk = league("main-0000", config=config)
    desk.gate.advance()
    one = desk.gate.wanted([])
    assert one is not None
    other = desk.gate.wanted([one])
    assert other is not None
    assert {one.row, other.row} == {"main-0003", "main-0002"}
    third = desk.gate.wanted([one, other])
    assert third == one._replace(batch=1), "more of the same test"


def test_to_look_at_a_race_changes_nothing(league: Callable[..., Desk], store: Store) -> None:
    desk = league("main-0002")
    while desk.gate._race is None or not desk.gate._race.over:
        desk.play()
    assert desk.gate.busy
    assert desk.gate.wanted([]) is None
    assert desk.gate.backlog == (1, 0)
    assert champion(store) == "main-0002"
    desk.gate.advance()
    assert champion(store) == "main-0003"


def test_a_snapshot_that_comes_is_in_the_schedule_and_meets_the_anchors(
    league: Callable[..., Desk], store: Store
) -> None:
    roster = league("main-0003").roster
    evaluation = Evaluation(cast(Place, None), roster, Futures())
    before = evaluation.schedule
    assert evaluation.schedule is before
    assert set(before.names) == {*PLAYS, *roster.bots}
    new = dataclasses.replace(roster.snapshots[-1], name="main-0004")
    roster.add(new)
    wanted = evaluation._next_match([])
    assert "main-0004" in evaluation.schedule.names
    assert wanted is not None
    assert not wanted.gate, "it is not settled, so anchors come before any race"
    assert wanted.column in {*roster.anchors()}
