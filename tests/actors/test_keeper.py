"""The keeper and the coordinator's side of it, on a real store; learners and match workers are fake."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from benchmarks.fake_league import fake_league
from benchmarks.soak import CONFIG
from league.actors.futures import Futures
from league.actors.keeper import Keeper
from league.actors.keeper_handle import KeeperHandle
from league.actors.league import League
from league.actors.place import Place
from league.actors.roster import Roster
from league.config import LogConfig
from league.ladder.records import Match, Snapshot, Tally
from league.pool.lease import Holder
from league.pool.store import Store


def ticked(league: League, until: Callable[[], bool], limit_s: float = 60.0) -> None:
    phase, ends = league.tick("starting"), time.monotonic() + limit_s
    while not until():
        phase = league.tick(phase)
        assert time.monotonic() < ends, "waited in vain"


@pytest.mark.long
def test_a_league_at_work_prunes_seals_and_archives_by_itself(tmp_path: Path) -> None:
    """And nobody who is in a match, in training or after the champion's place loses its weights."""
    address = str(tmp_path / "store")
    config = CONFIG.to_dict()
    config["log"] = {"keep": 50, "segment": 25}
    with Store.open(address) as store:
        store.create(CONFIG.from_dict(config))
        with fake_league(address, "league", speed=lambda: 2_500_000, iteration_s=0.02, match_s=0.05) as (league, _):
            needed: list[str] = []

            def kept() -> bool:
                pruned = league.roster.pruned
                digests = {snapshot.name: snapshot.digest for snapshot in league.roster.snapshots}
                needed.extend(n for n in league._in_play() if digests.get(n) in pruned)
                return len(pruned) >= 5 and league.roster.sealed >= 75

            ticked(league, kept)
            assert needed == []
            league.close(closing_s=0.0)
            assert not league.evaluation.unrecorded
        assert all(segment.place for segment in store.segments())
        assert store.verify().problems == ()
        assert store.match_count() == league.roster.matches
        assert not [event for event in store.events(1000) if event["kind"] in ("corrupt", "failed", "lost")]


def test_what_others_record_is_seen(tmp_path: Path) -> None:
    address = str(tmp_path / "store")
    with Store.open(address) as store:
        store.create(CONFIG)
        with fake_league(address, "league", iteration_s=0.02, match_s=0.05) as (league, _):
            ticked(league, lambda: league.roster.matches >= 3)
            store.record(Match(match_id="by a person", row="x", column="y", results={"01": Tally(4)}, played_s=1.0))
            ticked(league, lambda: "x" in league.roster.ratings)
            league.close(closing_s=0.0)
            assert league.roster.ratings == store.ratings()
            assert league.roster.matches == store.match_count()


def test_the_log_has_its_turn_where_retention_is_always_due_and_a_slow_archive_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(str(tmp_path / "store")) as store:
        store.create(CONFIG)
        roster, asked = Roster(store), list[str]()

        class Actor:
            def __getattr__(self, method: str) -> Any:
                return mock.Mock(remote=lambda *_: asked.append(method))

        place = Place(store=store.address, league="league", log_dir="", holder=Holder.here())
        futures = Futures()
        keeper = KeeperHandle(place, roster, futures, in_play=list)
        keeper.actor, keeper.ready = Actor(), True
        snapshot = Snapshot(name="main-0000", digest="d", learner="main", steps=1, created_s=1.0, bytes=1)
        for answer in (None, [], []):
            for _ in range(CONFIG.retention.newest + 1):
                roster.add(dataclasses.replace(snapshot, name=f"main-{len(roster.snapshots):04d}"))
            roster.matches = CONFIG.log.keep + CONFIG.log.segment
            keeper.assign()
            (done, _, _), *_ = futures._pending.values()
            futures._pending.clear()
            done(answer)
        assert asked == ["keep_log", "leaving", "leaving"]
        assert store.events() == []
        monkeypatch.setattr("league.actors.keeper_handle.LOG_EVERY_S", 0.0)
        monkeypatch.setattr("league.actors.keeper_handle.SLOW_S", 0.0)
        keeper = KeeperHandle(place, roster, futures, in_play=list)
        keeper.actor, keeper.ready = Actor(), True
        for _ in range(3):
            keeper.assign()
        assert asked[3:] == ["keep_log"]
        (event,) = store.events()
        assert event["text"].startswith("the match log's archive has not answered for 0 s")
        (done, _, _), *_ = futures._pending.values()
        done(None)
        assert keeper.idle


def test_a_full_archive_is_said_and_the_league_goes_on(tmp_path: Path) -> None:
    address = str(tmp_path / "store")
    (tmp_path / "file").touch()
    with Store.open(address) as store:
        store.create(CONFIG)
        keeper = Keeper(Place(store=address, league="league", log_dir="", holder=Holder.here()))
        matches = [
            Match(match_id=f"m{n}", row="a", column="b", results={"01": Tally(1)}, played_s=1.0) for n in range(30)
        ]
        store.record_all(matches)
        said = keeper.keep_log(LogConfig(keep=5, segment=5, archive=str(tmp_path / "file" / "x")))
        assert said is not None
        assert said.startswith("old matches stay in the store: cannot write")
        assert len(store.segments()) == 5
        assert keeper.keep_log(LogConfig(keep=5, segment=5)) is None
        assert all(segment.place for segment in store.segments())
        assert list(store.matches()) == matches
        keeper.store.close()
