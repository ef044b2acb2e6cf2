"""Choosing the champion by hand, and giving the choice back."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path

import pytest
from small_league import CONFIG, Command, Recorded

from league.ladder.leaderboard import best_candidate
from league.ladder.records import Promotion
from league.pool.store import Store

Refused = Callable[..., str]


def champion(store: Store) -> Promotion:
    promotion = store.champion()
    assert promotion is not None
    return promotion


def best(store: Store) -> str:
    snapshot = best_candidate(store.snapshots(), store.ratings(), 1)
    assert snapshot is not None
    return snapshot.name


def test_a_chosen_champion_is_pinned(league: Command, own: Store) -> None:
    result = league("promote", "main-0002", "--reason", "for [fun]", at=own)
    assert (result.code, result.out) == (0, "main-0002 is the champion; pinned: the league keeps it\n")
    now = champion(own)
    assert (now.policy, now.pinned, now.by, now.reason) == ("main-0002", True, getpass.getuser(), "for [fun]")


def test_the_start_of_a_hash_names_a_policy(league: Command, own: Store, recorded: Recorded) -> None:
    assert league("promote", recorded.snapshots[2][0].digest[:8], at=own).code == 0
    assert champion(own).policy == "main-0002"


def test_without_a_policy_the_best_is_promoted_and_not_pinned(league: Command, own: Store) -> None:
    league("promote", "main-0002", at=own)
    result = league("promote", at=own)
    assert result.code == 0
    now = champion(own)
    assert (now.policy, now.pinned) == (best(own), False)
    assert now.evidence["games"] == 80
    again = league("promote", at=own)
    assert again.code == 0
    assert "nothing changed" in again.out
    assert champion(own) == now


def test_a_pinned_champion_that_is_the_best_is_unpinned(league: Command, own: Store) -> None:
    league("promote", "main-0002", at=own)
    league("promote", best(own), at=own)
    assert champion(own).pinned
    assert league("promote", at=own).code == 0
    assert not champion(own).pinned


def test_a_damaged_snapshot_is_not_promoted(league: Command, refused: Refused, own: Store, recorded: Recorded) -> None:
    damaged = next(s for s, _ in recorded.snapshots if s.name == best(own))
    own._call("SET", own._keys.weights(damaged.digest), b"damaged")
    result = league("promote", at=own)
    assert result.code == 0
    assert damaged.name in result.err
    assert champion(own).policy != damaged.name
    assert damaged.digest in refused("promote", damaged.name, at=own)


def test_a_pruned_snapshot_is_not_the_best(league: Command, own: Store) -> None:
    own.prune(["main-0002"], by="anna", now_s=1.0)
    assert league("promote", at=own).code == 0
    assert champion(own).policy != "main-0002"


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("main-0009", "did you mean"),
        ("uniform", "fixed bot"),
        ("perfect", "fixed bot"),
        ("main-0001", "the champion already"),
        ("champion", "the champion already"),
    ],
)
def test_who_cannot_be_promoted(refused: Refused, own: Store, word: str, reason: str) -> None:
    before = own.promotions()
    assert reason in refused("promote", word, at=own)
    assert own.promotions() == before


def test_nobody_is_best_without_games(refused: Refused, folder: Path, recorded: Recorded) -> None:
    with Store.open(str(folder), "no-games") as store:
        store.create(CONFIG)
        store.add_snapshot(*recorded.snapshots[0])
        assert "no snapshot has 40 games" in refused("promote", at=store)


def test_rollback(league: Command, refused: Refused, own: Store) -> None:
    result = league("rollback", "--reason", "it was better", at=own)
    assert (result.code, result.out) == (0, "main-0000 is the champion again; pinned: the league keeps it\n")
    assert (champion(own).policy, champion(own).pinned, champion(own).reason) == ("main-0000", True, "it was better")
    assert "no champion before" in refused("rollback", at=own)
