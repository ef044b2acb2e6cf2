"""A league that has run for a month, in a minute: `python -m benchmarks.large_store STORE`.

For measuring what people see of a league of 1,000 policies and 200,000 matches. The store is real, and so are the
policies: networks for Connect Four that can be loaded, played and promoted, though nobody has trained them. What is
made up is who won: strengths grow over the league's life, some policies beat others in circles, the first seat has an
advantage. The same seed makes the same league.

Everything goes through the pool's own code but for the match log, which `Store.record` would write one transaction at
a time: entries are appended in bulk as `record` appends them, and `Store.rebuild` derives payoff, ratings and index
from them, as `league ratings recompute` does. So `league status --verify` finds nothing wrong.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from league.config import LeagueConfig
from league.games import game_spec
from league.iteration import Usage
from league.ladder.records import Match, Promotion, Snapshot, Tally
from league.policies.weights import digest, fresh, pack
from league.pool.connection import dumps
from league.pool.store import Store
from league.status import ArenaStatus, LearnerStatus, Status

POLICIES, MATCHES = 1000, 200_000
DAYS = 30.0
"""For which the league has run."""
GAMES = 4
"""Of one match: two pairs."""
CHUNK = 2000
"""Entries of the log per round trip."""
ROLES = ("main", "main", "exploiter", "veteran")
"""Whose turn it is to freeze a snapshot."""
BOTS = {"uniform": 0.0, "negamax-2": 900.0, "negamax-4": 1100.0}
"""With their strengths in Elo."""
CONFIG = LeagueConfig.from_dict(
    {
        "game": "connect_four",
        "network": {"kind": "mlp", "hidden": [16]},
        "arena": {"games": GAMES, "bots": list(BOTS)},
        "roles": {name: {} for name in dict.fromkeys(ROLES)},
    }
)

Numbers = NDArray[np.float64]


def build(
    address: str, *, league: str = "league", policies: int = POLICIES, matches: int = MATCHES, seed: int = 0
) -> None:
    """Fill the store at `address`, which must not hold that league yet."""
    rng = np.random.default_rng(seed)
    now_s = time.time()
    with Store.open(address, league, timeout_s=120.0) as store:
        if store.config() is not None:
            raise SystemExit(f"{address} holds a league {league!r} already: give another folder")
        store.create(CONFIG)
        snapshots = _add_snapshots(store, policies, now_s)
        strengths = _strengths(policies, rng)
        _append(store, _matches(play([s.name for s in snapshots], strengths, matches, now_s, rng)))
        store.rebuild()
        _promote(store, snapshots, strengths)
        store.set_status(status_of(store, snapshots, matches, now_s).to_json(), now_s)
        for number in range(200):
            kind = ("gate", "lost", "dropped")[number % 3]
            store.add_event(kind, f"the {number}. of them", now_s - 60 * (200 - number))


def _add_snapshots(store: Store, count: int, now_s: float) -> list[Snapshot]:
    spec = game_spec(CONFIG.game)
    made: list[tuple[Snapshot, bytes]] = []
    frozen = dict.fromkeys(ROLES, 0)
    latest: dict[str, str] = {}
    for number in range(count):
        learner = ROLES[number % len(ROLES)]
        weights = pack(fresh(spec, CONFIG.network, seed=number))
        snapshot = Snapshot(
            name=f"{learner}-{frozen[learner]:04d}",
            digest=digest(weights),
            learner=learner,
            steps=250_000 * frozen[learner],
            created_s=now_s - 86_400 * DAYS * (1 - number / count),
            bytes=len(weights),
            parent=latest.get(learner),
        )
        made.append((snapshot, weights))
        latest[learner] = snapshot.name
        frozen[learner] += 1
    store.add_snapshots(made)
    return [snapshot for snapshot, _ in made]


def _strengths(count: int, rng: np.random.Generator) -> Numbers:
    """`[count]` in Elo above `uniform`: fast growth first, slow growth later, and luck."""
    return 1500 * (1 - np.exp(-3 * np.arange(count) / count)) + rng.normal(0, 80, count)


class Played(NamedTuple):
    """N matches in order of time, as columns."""

    names: list[str]
    """Of everyone, to whom the numbers in `row` and `column` point."""
    row: NDArray[np.int64]
    column: NDArray[np.int64]
    won: NDArray[np.int64]
    """[N, pairs, 2]: half points of the row, in seat 0 and in seat 1."""
    times: Numbers


def play(
    names: Sequence[str],
    strengths: Numbers,
    count: int,
    now_s: float,
    rng: np.random.Generator,
    *,
    life: tuple[float, float] = (0.0, 1.0),
) -> Played:
    """`count` matches: the newest most often, neighbours in strength, one in ten against a bot.

    `life`: from when to when, as shares of the time for which the league has run.
    """
    names, total = [*names, *BOTS], len(names)
    strengths = np.concatenate([strengths, list(BOTS.values())])
    age = life[0] + (life[1] - life[0]) * (np.arange(count) + 1) / count
    known = np.maximum(2, np.ceil(total * age)).astype(int)
    row = (known * np.sqrt(rng.random(count))).astype(int)
    column = (row + rng.integers(1, 60, count) * rng.choice((-1, 1), count)) % known
    column = np.where(column == row, (row + 1) % known, column)
    column = np.where(rng.random(count) < 0.1, total + rng.integers(0, len(BOTS), count), column)
    style = rng.uniform(0, 2 * np.pi, len(names))
    edge = strengths[row] - strengths[column] + 80 * np.sin(style[row] - style[column])
    return Played(names, row, column, _outcomes(edge, rng), now_s - 86_400 * DAYS * (1 - age))


def _matches(played: Played) -> Iterator[Match]:
    names, row, column, won, times = played
    for n in range(len(row)):
        points = won[n].sum(axis=1)
        yield Match(
            match_id=f"{n:08x}",
            row=names[row[n]],
            column=names[column[n]],
            results={seating: _tally(won[n, :, seat]) for seat, seating in enumerate(("01", "10"))},
            played_s=float(times[n]),
            groups=tuple(int((points == half).sum()) for half in range(5)),
        )


def _outcomes(edge: Numbers, rng: np.random.Generator) -> NDArray[np.int64]:
    """`[matches, pairs, 2]` half points of the row: in seat 0, which is worth 60 Elo, and in seat 1."""
    seat = np.array([60.0, -60.0])
    better = edge[:, None, None] + np.broadcast_to(seat, (len(edge), GAMES // 2, 2))
    luck = rng.random(better.shape)
    win, draw = (1 / (1 + 10 ** (-(better - margin) / 400)) for margin in (30, -30))
    return np.where(luck < win, 2, np.where(luck < draw, 1, 0))


def _tally(half_points: NDArray[np.int64]) -> Tally:
    return Tally(*(int((half_points == value).sum()) for value in (2, 1, 0)))


def _append(store: Store, matches: Iterator[Match]) -> None:
    """Add to the log alone; what is derived from it is not right until `Store.rebuild`."""
    pipe: Any = store._redis.pipeline(transaction=False)
    for number, match in enumerate(matches, start=1):
        pipe.execute_command("XADD", store._keys.matches, f"{number}-0", "match", dumps(match.to_json()))
        if number % CHUNK == 0:
            pipe.execute()
    pipe.execute()


def _promote(store: Store, snapshots: Sequence[Snapshot], strengths: Numbers) -> None:
    """Whoever of `main` was clearly stronger than the champion when it was frozen."""
    champion, holder = -100.0, None
    for snapshot, strength in zip(snapshots, strengths, strict=True):
        if snapshot.learner == "main" and strength > champion + 20:
            evidence = {} if holder is None else {"against": holder, "outcome": "passed"}
            store.promote(
                Promotion(
                    policy=snapshot.name,
                    digest=snapshot.digest,
                    by="coordinator",
                    how="automatic",
                    against=holder,
                    reason="no champion to be tested against" if holder is None else f"stronger than {holder}",
                    promoted_s=snapshot.created_s + 300,
                    evidence=evidence,
                )
            )
            champion, holder = float(strength), snapshot.name


def status_of(store: Store, snapshots: Sequence[Snapshot], matches: int, now_s: float) -> Status:
    """What the coordinator of such a league says."""
    champion = store.champion()
    steps = {name: max((s.steps for s in snapshots if s.learner == name), default=0) for name in dict.fromkeys(ROLES)}
    return Status(
        phase="training",
        started_s=snapshots[0].created_s,
        game=CONFIG.game,
        steps=sum(steps.values()),
        snapshots=len(snapshots),
        matches=matches,
        champion=champion.policy if champion else None,
        learners={
            name: LEARNER.model_copy(update={"steps": made, "reported_s": now_s - 2, "saved_s": now_s - 30})
            for name, made in steps.items()
        },
        arena=ArenaStatus(workers=4, busy=3, candidates=2, wanted={"gate": 20, "rating": 150}),
        nodes={"head": 1, "gpu": 2, "cpu": 8},
        totals={
            "steps": steps,
            "busy_seconds": dict.fromkeys(steps, 1e6),
            "restarts": {"coordinator": 1, "learner": 12, "runner": 80, "match_worker": 9},
            "refusals": {"refused": 300, "undecided": 40, "beaten": 80, "outrun": 500},
            "dropped_games": {"training": 7, "gate": 2, "rating": 1},
            "match_seconds": {"gate": 4e5, "rating": 2e5},
        },
    )


LEARNER = LearnerStatus(
    steps_per_s=21_000.0,
    plies_per_s=44_000.0,
    losses={"total_loss": 0.05, "policy_loss": -0.01, "vf_loss": 0.2, "vf_explained_var": 0.6, "entropy": 0.9}
    | {"mean_kl_loss": 0.01, "gradients_default_optimizer_global_norm": 0.4},
    opponents={"self": 0.5, "main-0001": 0.5},
    gpus=0.5,
    runners=8,
    lag_steps=125_000,
    parts_s={"sample": 1.5, "learn": 0.5},
    usage=Usage(gpu_bytes=2**30, runners=8),
)


@contextmanager
def filled(folder: str | None) -> Iterator[str]:
    """The address of such a league: that of `folder`, which holds one already, or of one made for the block."""
    with tempfile.TemporaryDirectory() as temporary:
        address = folder or str(Path(temporary) / "store")
        if folder is None:
            build(address)
        yield address


@contextmanager
def served(command: str, address: str) -> Iterator[str]:
    """`league exporter` or `league dashboard` of the store, as a process, by its URL."""
    words = [sys.executable, "-m", "league", command, "--store", address, "--port", "0"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def record_another(store: Store, names: Sequence[str], number: int) -> None:
    """A match between two of the newest, with what follows from it, and the coordinator's heartbeat."""
    row, column = names[-1 - number % 20], names[-30 - number % 7]
    results = {"01": Tally(1, 0, 1), "10": Tally(1, 1, 0)}
    store.record(Match(match_id=f"{time.time_ns():x}", row=row, column=column, results=results, played_s=time.time()))
    store.set_status(store.status() or {})


def main() -> None:
    """Fill a store, and say how long it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", help="a folder, or a Redis URL")
    parser.add_argument("--league", default="league")
    parser.add_argument("--policies", type=int, default=POLICIES)
    parser.add_argument("--matches", type=int, default=MATCHES)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    started = time.perf_counter()
    build(given.store, league=given.league, policies=given.policies, matches=given.matches, seed=given.seed)
    seconds = time.perf_counter() - started
    print(f"{given.store}: {given.policies:,} policies, {given.matches:,} matches, in {seconds:.0f} s")


if __name__ == "__main__":
    main()
