"""A league that has run for long, at work: `python -m benchmarks.large_league [--check]`.

Claim: with 10,000 policies, 10 million matches in the log and 1,000 match workers, on two cores, the coordinator's step
takes 20 ms or less in 99 of 100 cases, the server holds the league in less than 2 GB, and `league status --verify`
finds nothing wrong.

How: the real coordinator and the real store, whose learners and match workers are fake (`benchmarks.fake_league`):
they answer after some seconds and make up who won. The log is written in bulk: old matches as the segments that the
keeper makes of them, in the archive, the newest as `record` appends them; what follows from it is derived as
`league ratings recompute` does. Some hundreds of the policies have weights, as retention leaves them, and the
coordinator draws from those. A step's time is that of `League.tick` without what it waits for answers. Give `--store`
a folder to keep the league, and the next run begins with what it holds; `benchmarks.command_line`, `dashboard` and
`exporter` take it, too.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks import large_store
from benchmarks.command import parser, run
from benchmarks.fake_league import WEIGHTS, fake_league
from benchmarks.machine import machine
from league.config import LeagueConfig, LogConfig
from league.every import Every
from league.interfaces.cli.console import facts, stderr, stdout
from league.ladder.records import Snapshot
from league.policies.weights import digest
from league.pool import segments
from league.pool.connection import dumps, sha256
from league.pool.fold import Fold, Seen
from league.pool.store import Store
from league.view.words import duration, size

POLICIES, MATCHES, WORKERS, LEARNERS = 10_000, 10_000_000, 1000, 8
PRESENT = 300
"""About as many as retention leaves of so many, in a league of weeks."""
SECONDS = 60.0
TICK_MS, STORE_BYTES = 20.0, 2e9
SAID_EVERY_S = 10.0
WRITTEN = 10_000
"""Values per round trip."""
BULK = 200_000
"""Matches that are made at once."""
LEAGUE = "league"


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


def work(address: str, seconds: float) -> dict[str, Any]:
    """Run the coordinator for a while; its steps, and what it has recorded."""
    started = time.monotonic()
    with fake_league(address, LEAGUE) as (league, futures):
        opened_s = time.monotonic() - started
        phase, steps, processor = league.tick("starting"), list[float](), list[float]()
        while time.monotonic() - started - opened_s < seconds / 4:  # Until everybody is at work.
            phase = league.tick(phase)
        before, began = league.roster.matches, time.monotonic()
        while time.monotonic() - began < seconds:
            waited, at, used = futures.waited_s, time.monotonic(), time.thread_time()
            phase = league.tick(phase)
            processor.append(1000 * (time.thread_time() - used))
            steps.append(1000 * (time.monotonic() - at - (futures.waited_s - waited)))
        recorded, took = league.roster.matches - before, time.monotonic() - began
    busy = sum(steps) / 1000 / took
    return {
        "start_s": opened_s,
        "steps": len(steps),
        "p50_ms": float(np.percentile(steps, 50)),
        "p99_ms": float(np.percentile(steps, 99)),
        "worst_ms": max(steps),
        "p99_processor_ms": float(np.percentile(processor, 99)),
        "results_per_s": recorded / took,
        "busy": busy,
        "coordinator_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Fill, work, verify."""
    before, started = machine(), time.monotonic()
    with _folder(options.store) as address, Store.open(address, LEAGUE, timeout_s=120.0) as store:
        fill(store, options.policies, options.matches, options.workers, options.present)
        filled_s = time.monotonic() - started
        worked = work(address, options.seconds)
        health = store.health()
        assert health is not None
        started = time.monotonic()
        verified = store.verify()
        verify_s = time.monotonic() - started
        files = sum(segment.bytes for segment in store.segments())
    held = (
        worked["p99_ms"] <= TICK_MS
        and health.memory_bytes < STORE_BYTES
        and not verified.problems
        and worked["results_per_s"] > 0
    )
    return {
        "machine": before,
        "policies": options.policies,
        "matches": verified.matches,
        "workers": options.workers,
        **worked,
        "store_bytes": health.memory_bytes,
        "archive_bytes": files,
        "filled_s": filled_s,
        "verify_s": verify_s,
        "problems": list(verified.problems[:10]),
        "held": held,
    }


@contextlib.contextmanager
def _folder(given: str | None) -> Iterator[str]:
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        yield f"{folder}/store"


def show(report: dict[str, Any]) -> None:
    """Print the report."""
    rows = {
        "league": f"{report['policies']:,} policies, {report['matches']:,} matches, {report['workers']:,} workers",
        "step": f"median {report['p50_ms']:.1f} ms, p99 {report['p99_ms']:.1f} ms, worst {report['worst_ms']:.0f} ms; "
        f"p99 at most {TICK_MS:g} ms; of processor time p99 {report['p99_processor_ms']:.1f} ms",
        "results": f"{report['results_per_s']:.0f}/s, of which the coordinator's thread was busy {report['busy']:.0%}",
        "coordinator": size(report["coordinator_bytes"]),
        "store": f"{size(report['store_bytes'])}, at most {size(STORE_BYTES)}; archive {size(report['archive_bytes'])}",
        "start": f"{report['start_s']:.1f} s",
        "fill": duration(report["filled_s"]),
        "verify": f"{duration(report['verify_s'])}, which derives everything anew: {len(report['problems'])} problems",
    }
    stdout().print(facts({**report["machine"], **rows}))


def main() -> int:
    """Measure and print; with `--check`, 1 where the claim does not hold."""
    asked = parser("large_league", __doc__)
    asked.add_argument("--store", help="a folder to keep the league in, or one that holds it")
    asked.add_argument("--policies", type=int, default=POLICIES)
    asked.add_argument("--matches", type=int, default=MATCHES)
    asked.add_argument("--present", type=int, default=PRESENT, help="policies with weights, besides the newest")
    asked.add_argument("--workers", type=int, default=WORKERS)
    asked.add_argument("--seconds", type=float, default=SECONDS, help="for which the coordinator works")
    return run(asked, measure, show)


if __name__ == "__main__":
    sys.exit(main())
