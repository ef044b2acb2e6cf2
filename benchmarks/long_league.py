"""A league that has run for long, made in bulk: as it stands after weeks, without the weeks.

Old matches are written as the segments that the keeper makes of them, in the archive, the newest as `record` appends
them; what follows from the log is derived as `league ratings recompute` does. Some hundreds of the policies have
weights, as retention leaves them.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks import large_store
from benchmarks.fake_league import WEIGHTS
from league.config import LeagueConfig, LogConfig
from league.errors import StoreError
from league.every import Every
from league.interfaces.cli.console import stderr
from league.ladder.records import Snapshot
from league.policies.weights import digest
from league.pool import segments
from league.pool.connection import dumps, sha256
from league.pool.fold import Fold, Seen
from league.pool.store import Store
from league.view.words import duration

LEARNERS = 8
SAID_EVERY_S = 10.0
WRITTEN = 10_000
"""Values per round trip."""
BULK = 200_000
"""Matches that are made at once."""


def configuration(workers: int) -> LeagueConfig:
    """A league of eight learners whose match workers never rest."""
    return LeagueConfig.from_dict(
        {
            "game": "connect_four",
            "network": {"kind": "mlp", "hidden": [16]},
            "arena": {"workers": workers, "share": 1.0, "games": large_store.GAMES, "bots": list(large_store.BOTS)},
            "retention": {"automatic": False},
            "roles": {"main": {"count": LEARNERS}},
        }
    )


def fill(store: Store, policies: int, matches: int, workers: int, present: int, seed: int = 0) -> None:
    """Make the league, or leave it as it is where it is there; so many of its policies have weights."""
    if store.config() is not None:
        if not store.ratings():
            raise StoreError(f"{store.address}: a league that was not made to its end: remove it")
        store.update_config(configuration(workers))
        return
    rng, now_s = np.random.default_rng(seed), time.time()
    store.create(configuration(workers))
    names = _add_policies(store, policies, now_s, rng)
    kept = set(names[:: max(1, policies // present)]) | set(names[-20 * LEARNERS :])
    store.prune([name for name in names if name not in kept], by="coordinator", now_s=now_s)
    strengths = large_store._strengths(policies, rng)
    number, started, log = 0, time.monotonic(), LogConfig()
    # As sealing leaves it, which begins where `keep` and a segment are there.
    sealed = max(0, matches - log.keep) // log.segment * log.segment
    while number < matches:
        count = min(BULK, (sealed if number < sealed else matches) - number)
        life = number / matches, (number + count) / matches
        table = _table(large_store.play(names, strengths, count, now_s, rng, life=life), number)
        for start in range(0, count if number < sealed else 0, log.segment):
            _seal(store, table.slice(start, min(log.segment, count - start)), number + start)
        if number >= sealed:
            _append(store, table)
        number += count
        store.archive(None)
        stderr().print(f"{number:,} of {matches:,} matches after {duration(time.monotonic() - started)}")
    _derive(store)


def _derive(store: Store) -> None:
    """What follows from the log, written to a store that has none of it: in pieces, as nobody else is at work."""
    stored, said = store.stored(), Every(SAID_EVERY_S)
    fold = Fold(store.require_config().ratings, stored.sealed, stored.kinds)
    store.fold(fold, Seen(), watch=lambda line: stderr().print(line) if said.claim() else None)
    pipe: Any = store._redis.pipeline(transaction=False)
    for kind, key in store._derived_keys.items():
        for field in getattr(fold, kind):
            pipe.execute_command("HSET", key, field, fold.value(kind, field))
            if len(pipe) == WRITTEN:
                pipe.execute()
    pipe.execute()


def _table(played: large_store.Played, before: int) -> Any:
    """Matches after the number `before` as `segments.table` has them, made of whole columns."""
    count, games = len(played.row), played.won.shape[1]
    points = played.won.sum(axis=2)
    groups = np.stack([(points == half).sum(axis=1) for half in range(5)], axis=1).ravel()
    tallies = [(played.won == value).sum(axis=1).ravel() for value in (2, 1, 0)]
    assert all(tally.max(initial=0) <= games for tally in tallies)
    result = segments.schema().field("results").type.value_type
    results = pa.StructArray.from_arrays(
        [pa.array(["01", "10"] * count), *map(pa.array, tallies)], fields=[result.field(n) for n in range(4)]
    )
    names = pa.array(played.names)
    numbers = np.arange(before + 1, before + count + 1)
    columns = {
        "number": pa.array(numbers),
        "match_id": pa.array([f"{number:032x}" for number in numbers.tolist()]),
        "row": names.take(pa.array(played.row)),
        "column": names.take(pa.array(played.column)),
        "played_s": pa.array(played.times),
        "dropped": pa.array(np.zeros(count, dtype=np.int64)),
        "gate": pa.array(np.zeros(count, dtype=np.bool_)),
        "groups": pa.ListArray.from_arrays(np.arange(count + 1, dtype=np.int32) * 5, pa.array(groups)),
        "results": pa.ListArray.from_arrays(np.arange(count + 1, dtype=np.int32) * 2, results, type=pa.list_(result)),
        "more": pa.nulls(count, pa.string()),
    }
    return pa.table(columns, schema=segments.schema())


def _seal(store: Store, table: Any, after: int) -> None:
    data = segments.encode_table(table)
    segment = segments.Segment(
        number=store.archived()["segments"] + 1,
        first=after + 1,
        last=after + len(table),
        matches=len(table),
        bytes=len(data),
        sha256=sha256(data),
    )
    store._take_in(segment, data, after, [])


def _append(store: Store, table: Any) -> None:
    pipe: Any = store._redis.pipeline(transaction=False)
    for number, match in segments.decode(segments.encode_table(table)):
        pipe.execute_command("XADD", store._keys.matches, f"{number}-0", "match", dumps(match.to_json()))
    pipe.execute()


def _add_policies(store: Store, count: int, now_s: float, rng: np.random.Generator) -> list[str]:
    made, frozen = [], [0] * LEARNERS
    for number in range(count):
        learner = number % LEARNERS
        weights = rng.bytes(WEIGHTS)
        snapshot = Snapshot(
            name=f"main{learner + 1}-{frozen[learner]:04d}",
            digest=digest(weights),
            learner=f"main{learner + 1}",
            steps=250_000 * frozen[learner],
            created_s=now_s - 86_400 * large_store.DAYS * (1 - number / count),
            bytes=len(weights),
        )
        frozen[learner] += 1
        made.append((snapshot, weights))
    for start in range(0, count, 1000):
        store.add_snapshots(made[start : start + 1000])
    return [snapshot.name for snapshot, _ in made]
