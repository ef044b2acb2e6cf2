"""The mirror against the store that it follows."""

import itertools
from pathlib import Path

import pytest

from league.config import LeagueConfig
from league.ladder.records import Match, Promotion, Snapshot, Tally
from league.policies.weights import digest
from league.pool.journal import EVENT_KINDS, read_event_counts
from league.pool.mirror import Mirror, Refreshed
from league.pool.store import Store


def snapshot(name: str) -> tuple[Snapshot, bytes]:
    weights = name.encode()
    made = Snapshot(name=name, digest=digest(weights), learner="main", steps=1, created_s=1.0, bytes=len(weights))
    return made, weights


def match(number: int, row: str = "a", column: str = "b") -> Match:
    results = {"01": Tally(number % 3, 1, 0), "10": Tally(0, 0, 1)}
    return Match(match_id=str(number), row=row, column=column, results=results, played_s=float(number))


def counted(store: Store) -> dict[str, int]:
    return read_event_counts(store._call("HGETALL", store._keys.event_counts))


def same(mirror: Mirror, store: Store) -> None:
    known = mirror.known
    assert known.config == store.config()
    assert list(known.snapshots.values()) == store.snapshots()
    assert known.pruned_digests == store.pruned().keys()
    assert known.promotions == store.promotions()
    assert known.ratings == store.ratings()
    assert known.standings == store.standings()
    assert known.matches == store.match_count()
    assert known.said == store.status()
    assert known.event_counts == counted(store)
    assert sum(known.refusals.values()) == counted(store)["gate"]


def test_follows_whatever_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("league.pool.log.CHUNK", 3)
    with Store.open(str(tmp_path)) as store:
        mirror = Mirror(store)
        assert mirror.refresh() == Refreshed(found=False)
        store.create(LeagueConfig(game="tic_tac_toe"))
        assert mirror.refresh() == Refreshed(found=True, anew=True)
        same(mirror, store)
        numbers = itertools.count()
        for new in (0, 1, 8, 3):
            matches = [match(next(numbers), row="ab"[new % 2], column="cd"[new % 2]) for _ in range(new)]
            for one in matches:
                store.record(one)
            made, weights = snapshot(f"main-{new:04d}")
            store.add_snapshot(made, weights)
            promotion = Promotion(policy=made.name, digest=made.digest, by="anna", reason="", promoted_s=float(new))
            store.promote(promotion)
            store.add_event("lost", "somebody", 1.0)
            store.add_refusal("undecided", "not promoted", 1.0)
            store.set_status({"phase": "training", "n": new})
            assert mirror.refresh() == Refreshed(found=True, matches=matches)
            same(mirror, store)
        store.add_snapshot(*snapshot("main-9999"))
        assert [gone.name for gone in store.prune(["main-9999"], by="anna", now_s=1.0)] == ["main-9999"]
        assert mirror.refresh() == Refreshed(found=True, matches=[])
        same(mirror, store)
        late = Mirror(store)
        assert late.refresh() == Refreshed(found=True, anew=True)
        same(late, store)


def test_other_ratings_after_a_change_of_configuration_or_a_repair(tmp_path: Path) -> None:
    with Store.open(str(tmp_path)) as store:
        store.create(LeagueConfig(game="tic_tac_toe"))
        store.record(match(1))
        mirror = Mirror(store)
        mirror.refresh()
        before = mirror.known.ratings
        store.update_config(LeagueConfig.from_dict({"game": "tic_tac_toe", "ratings": {"mu": 30.0}}))
        mirror.refresh()
        same(mirror, store)
        assert mirror.known.ratings != before
        store._call("HSET", store._keys.ratings, "nobody", "[1.0,1.0,1]")
        mirror.refresh()
        assert "nobody" in mirror.known.ratings
        store.rebuild()
        mirror.refresh()
        same(mirror, store)


def test_a_server_that_lost_its_last_writes(tmp_path: Path) -> None:
    with Store.open(str(tmp_path)) as store:
        store.create(LeagueConfig(game="tic_tac_toe"))
        for number in range(3):
            store.record(match(number))
        mirror = Mirror(store)
        mirror.refresh()
        store._call("XDEL", store._keys.matches, "3-0")
        store.rebuild()
        assert mirror.refresh().anew
        same(mirror, store)
        assert mirror.known.matches == 2


def test_events_are_counted_also_those_that_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("league.pool.journal.EVENTS_KEPT", 5)
    with Store.open(str(tmp_path)) as store:
        store.create(LeagueConfig(game="tic_tac_toe"))
        for _ in range(7):
            store.add_event("gate", "not promoted", 1.0)
        assert len(store.events(10)) == 5
        assert counted(store) == {**dict.fromkeys(EVENT_KINDS, 0), "gate": 7}


def test_the_server_tells_its_speed_and_its_memory(tmp_path: Path) -> None:
    with Store.open(str(tmp_path)) as store:
        health = store.health()
        assert health is not None
        assert 0 < health.memory_bytes < health.memory_limit_bytes
        assert health.written == {"append": True, "rewrite": True, "dump": True}
        store._call("CONFIG", "SET", "maxmemory", "1gb")
        again = store.health()
        assert again is not None
        assert again.memory_limit_bytes == 2**30
        assert 0 < store.ping() < 5
