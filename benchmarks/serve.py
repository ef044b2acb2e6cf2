"""The champion served while it is replaced: `python -m benchmarks.serve`.

Claims: while the champion is promoted ten times under load, no request fails, and each new champion answers within two
seconds; after that no older one does.

How: a Connect Four league with untrained networks of the default size, one replica of `league serve` on a local Ray,
clients on the same machine, so they take a share of its cores. First one client alone, then several at once
during the promotions, then one with lists of positions. Every answer is checked: its status, and that the action is
legal. Latencies are what a client sees.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import numpy as np

from benchmarks.command import parser, run
from benchmarks.machine import machine
from league.config import LeagueConfig
from league.games import game_spec
from league.interfaces.cli.console import facts, stdout, table
from league.interfaces.serve import Settings
from league.interfaces.serve.session import serving
from league.ladder.records import Promotion, Snapshot
from league.policies.weights import digest, fresh, pack
from league.pool.store import Store

WITHIN_S = 2.0
CONFIG = LeagueConfig()
SPEC = game_spec(CONFIG.game)


class Call(NamedTuple):
    """One request, as the client saw it; times of `time.monotonic`."""

    sent_s: float
    took_s: float
    policy: str | None
    """Who answered; None if the request failed."""
    positions: int


@dataclass(frozen=True, kw_only=True)
class Body:
    """A request, encoded once."""

    data: bytes
    masks: list[list[int]]


def bodies(rows: int, count: int = 64) -> list[Body]:
    """Random boards, about half of their columns open; without a list for `rows = 0`."""
    rng, made = np.random.default_rng(rows), []
    for _ in range(count):
        n = max(rows, 1)
        masks = rng.integers(0, 2, (n, SPEC.actions))
        masks[:, rng.integers(SPEC.actions)] = 1
        boards = rng.integers(0, 2, (n, *SPEC.shape)).tolist()
        one = {"observation": boards[0], "action_mask": masks[0].tolist()}
        many = {"observations": boards, "action_masks": masks.tolist()}
        made.append(Body(data=json.dumps(many if rows else one).encode(), masks=masks.tolist()))
    return made


async def client(session: aiohttp.ClientSession, asked: list[Body], until_s: float, start: int) -> list[Call]:
    """Ask one after the other until a time."""
    calls = []
    for body in itertools.islice(itertools.cycle(asked), start, None):
        sent_s = time.monotonic()
        if sent_s >= until_s:
            return calls
        policy = None
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with session.post("act", data=body.data) as answer:
                answer.raise_for_status()
                said = await answer.json()
                actions = said.get("actions") or [said["action"]]
                legal = all(mask[action] for mask, action in zip(body.masks, actions, strict=True))
                policy = answer.headers["League-Policy"] if legal else None
        calls.append(Call(sent_s, time.monotonic() - sent_s, policy, len(body.masks)))
    return calls


async def load(url: str, asked: list[Body], clients: int, seconds: float) -> list[Call]:
    """Several clients at once, each with a connection of its own."""
    until_s = time.monotonic() + seconds
    timeout = aiohttp.ClientTimeout(total=20)
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(url, timeout=timeout, headers=headers) as session:
        runs = await asyncio.gather(*(client(session, asked, until_s, 7 * number) for number in range(clients)))
    return [call for run in runs for call in run]


async def promoting(store: Store, names: list[str], every_s: float) -> list[tuple[str, float]]:
    """Promote one after the other; the names, and when each was promoted."""
    promoted = []
    for name in names:
        await asyncio.sleep(every_s)
        await asyncio.to_thread(promote, store, name)
        promoted.append((name, time.monotonic()))
    return promoted


def promote(store: Store, name: str) -> None:
    """Make a snapshot the champion."""
    found = store.snapshot(name)
    store.promote(
        Promotion(policy=name, digest=found.digest, by="benchmark", reason="benchmark", promoted_s=time.time())
    )


@contextlib.contextmanager
def league(snapshots: int) -> Iterator[tuple[Store, str, list[str]]]:
    """A store with a champion, its address and the names of the others."""
    with tempfile.TemporaryDirectory() as folder, Store.open(str(Path(folder) / "store")) as store:
        store.create(CONFIG)
        for number in range(snapshots):
            weights = pack(fresh(SPEC, CONFIG.network, seed=number))
            store.add_snapshot(
                Snapshot(
                    name=f"main-{number:04d}",
                    digest=digest(weights),
                    learner="main",
                    steps=number,
                    created_s=time.time(),
                    bytes=len(weights),
                ),
                weights,
            )
        names = [snapshot.name for snapshot in store.snapshots()]
        promote(store, names[0])
        yield store, str(Path(folder) / "store"), names[1:]


async def ask_all(url: str, store: Store, names: list[str], options: argparse.Namespace) -> dict[str, Any]:
    """All three loads, once the champion is loaded."""
    async with aiohttp.ClientSession(url) as session:
        while (await session.get("readyz")).status != 200:
            await asyncio.sleep(0.05)
    one, many = bodies(0), bodies(options.positions)
    await load(url, one, options.clients, 2.0)
    alone = await load(url, one, 1, options.seconds)
    during = options.every * (len(names) + 1)
    together, promoted = await asyncio.gather(
        load(url, one, options.clients, during), promoting(store, names, options.every)
    )
    lists = await load(url, many, 1, options.seconds)
    return {
        "one client": summary(alone, options.seconds),
        f"{options.clients} clients, {len(names)} promotions": summary(together, during),
        f"one client, {options.positions} positions each": summary(lists, options.seconds),
        "promotions": [swap(promoted, number, together) for number in range(len(promoted))],
    }


def summary(calls: list[Call], seconds: float) -> dict[str, Any]:
    """Rates, and latencies in milliseconds."""
    took_ms = 1000 * np.array([call.took_s for call in calls])
    p50, p99 = np.percentile(took_ms, (50, 99))
    return {
        "requests": len(calls),
        "failed": sum(call.policy is None for call in calls),
        "requests_per_s": len(calls) / seconds,
        "positions_per_s": sum(call.positions for call in calls) / seconds,
        "p50_ms": float(p50),
        "p99_ms": float(p99),
        "worst_ms": float(took_ms.max()),
    }


def swap(promoted: list[tuple[str, float]], number: int, calls: list[Call]) -> dict[str, Any]:
    """Seconds from a promotion to the new champion's first answer, and to the last request that was not its to answer.

    Whoever is promoted later may answer as well.
    """
    name, at_s = promoted[number]
    since = {later for later, _ in promoted[number:]}
    first_s = min((call.sent_s + call.took_s for call in calls if call.policy == name), default=float("inf"))
    others = (call.sent_s for call in calls if call.policy not in since and call.sent_s >= at_s)
    return {"policy": name, "first_s": first_s - at_s, "last_other_s": max(others, default=at_s) - at_s}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Serve and ask: the report as plain data."""
    before = machine()
    with league(options.promotions + 1) as (store, address, names):
        settings = Settings(store=address, replicas=options.replicas, device=options.device)
        with serving(settings, host="127.0.0.1", port=0, prefix="/", address=None) as url:
            loads = asyncio.run(ask_all(url, store, names, options))
    promotions = loads.pop("promotions")
    failed = sum(row["failed"] for row in loads.values())
    worst_s = max(max(row["first_s"], row["last_other_s"]) for row in promotions)
    return {
        "machine": before,
        "loads": loads,
        "promotions": promotions,
        "failed": failed,
        "worst_s": worst_s,
        "held": not failed and worst_s <= WITHIN_S,
    }


def show(report: dict[str, Any]) -> None:
    """Print the report as tables."""
    output = stdout()
    output.print(facts(report["machine"]))
    made = table("load", ">requests/s", ">positions/s", ">p50", ">p99", ">worst", ">requests", ">failed")
    for name, row in report["loads"].items():
        latencies = [f"{row[key]:.1f} ms" for key in ("p50_ms", "p99_ms", "worst_ms")]
        rates = [f"{row[key]:,.0f}" for key in ("requests_per_s", "positions_per_s")]
        made.add_row(name, *rates, *latencies, f"{row['requests']:,}", str(row["failed"]))
    output.print("")
    output.print(made)
    made = table("promoted", ">it answers after", ">nobody else is asked after")
    for row in report["promotions"]:
        made.add_row(row["policy"], f"{1000 * row['first_s']:.0f} ms", f"{1000 * row['last_other_s']:.0f} ms")
    output.print("")
    output.print(made)
    output.print(f"\n{report['failed']} requests failed; the slowest change took {report['worst_s']:.3f} s")


def main() -> int:
    """Serve, ask, print, and with `--check` say by the exit status whether the claims hold."""
    options = parser("serve", __doc__)
    options.add_argument("--promotions", type=int, default=10)
    options.add_argument("--every", type=float, default=3.0, help="seconds between promotions")
    options.add_argument("--seconds", type=float, default=5.0, help="of the loads without promotions")
    options.add_argument("--clients", type=int, default=8, help="connections at once")
    options.add_argument("--positions", type=int, default=256, help="in each list")
    options.add_argument("--replicas", type=int, default=1)
    options.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    return run(options, measure, show)


if __name__ == "__main__":
    sys.exit(main())
