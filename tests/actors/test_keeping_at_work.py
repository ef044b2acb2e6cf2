"""Retention in a league that is at work."""

from collections.abc import Callable
from typing import Any

import pytest

from league.actors.futures import Futures
from league.actors.learner_handle import LearnerHandle
from league.actors.place import Place
from league.actors.roster import Roster
from league.errors import PrunedPolicyError
from league.ladder.records import Snapshot
from league.policies.weights import digest
from league.pool.lease import Holder
from league.pool.store import Store
from league.view.progress import Progress
from tests.actors.small_runs import Run, small

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("ray_for_all")]

RULE = ("retention.newest=2", "retention.epoch_steps=1000000", "retention.nash_weight=1")


def test_a_league_prunes_after_each_freeze_and_draws_no_pruned_one(run: Run, store: Store) -> None:
    opponents = 2
    final = run(small(*RULE, "retention.automatic=true", f"matchmaking.opponents={opponents}"), steps=30_000)
    assert final.phase == "stopped"
    snapshots, pruned = store.snapshots(), store.pruned()
    champions = {promotion.policy for promotion in store.promotions()}
    for_ever = champions | {snapshot.name for snapshot in snapshots if snapshot.landmark}
    kept = [s.name for s in snapshots if s.digest not in pruned and s.name not in for_ever]
    assert snapshots[-1].name in {*kept, *for_ever}
    assert len(kept) <= 2 + 1 + opponents, "the newest, the best of the epoch, and those in play"
    assert len(pruned) >= len(snapshots) - len(for_ever) - len(kept) > 0
    assert store.verify().problems == ()
    events = store.events(1000)
    assert any(event["kind"] == "pruned" for event in events)
    assert not [event for event in events if event["kind"] in ("corrupt", "failed")]


def test_a_league_takes_no_harm_when_a_person_prunes_everybody(run: Run, store: Store) -> None:
    """Everyone but the champions, whoever may just be drawn, again and again."""

    def prune(progress: Progress) -> None:
        if progress.phase == "training":
            store.prune([snapshot.name for snapshot in store.snapshots()], by="anna", now_s=1.0)

    settings = ("arena.share=0.5", "matchmaking.hold_iterations=1", "matchmaking.opponents=1")
    final = run(small(*settings, "snapshots.every_steps=8000"), steps=30_000, watch=prune)
    assert final.phase == "stopped"
    assert len(store.pruned()) > 1
    assert store.verify().problems == ()
    assert not [event for event in store.events(1000) if event["kind"] in ("corrupt", "failed")]


def test_a_learner_whose_opponent_is_gone_is_given_others(store: Store) -> None:
    """The race itself: drawn, pruned by a person, then loaded."""
    store.create(small())
    for name in ("main-0000", "main-0001"):
        data = name.encode()
        store.add_snapshot(
            Snapshot(name=name, digest=digest(data), learner="main", steps=1, created_s=1.0, bytes=len(data)), data
        )
    failures: list[Callable[[Exception], None]] = []

    class Failing(Futures):
        def watch(
            self, future: Any, done: Callable[[Any], None], failed: Callable[[Exception], None], actor: Any = None
        ) -> None:
            failures.append(failed)

    place = Place(store=store.address, league=store.league, log_dir="", holder=Holder.here())
    roster = Roster(store)
    learner = LearnerHandle("main", 0, place, roster, Failing(), joins=lambda learner: None)
    learner.held = 3
    assert roster.playable() == ["main-0000", "main-0001"]
    store.prune(["main-0000"], by="anna", now_s=1.0)
    learner.ask(None, lambda result: None)
    failures[0](PrunedPolicyError("main-0000 was pruned"))
    assert (learner.busy, learner.held) == (False, 0)
    roster.refresh()
    assert roster.playable() == ["main-0001"]
    assert roster.next_name("main") == "main-0002"
    assert store.events() == []
