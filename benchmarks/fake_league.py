"""A real coordinator on a real store, whose learners and match workers are fake: they take time, and make things up.

What is real is `league.actors.league.League` with all of its loop, the store, and the keeper in a process of its own;
if asked for, a match worker that plays, in another. What is fake stands where Ray is: actors whose calls answer after a
while, placement of learners, census of nodes.
"""

from __future__ import annotations

import contextlib
import heapq
import multiprocessing
import random
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock

from ray.exceptions import RayTaskError

from league.actors.futures import Futures
from league.actors.keeper import Keeper
from league.actors.league import League
from league.actors.learner import Report
from league.actors.match_worker import MatchWorker
from league.actors.place import Place
from league.cluster.nodes import Node
from league.cluster.plan import Hardware, Plan
from league.errors import LeagueError
from league.iteration import Iteration, Usage
from league.ladder.records import Match, Snapshot, Tally
from league.policies.weights import digest
from league.pool.lease import Holder

NODE = Node(id="fake", host="127.0.0.1", cpus=1e6, gpus=0.0, head=True, grouped=False)
ITERATION_S = 0.5
"""A fake iteration of a fake learner."""
MATCH_S = 10.0
"""A fake match, on average."""
WEIGHTS = 1000
"""Bytes of a fake policy."""


class Answer:
    """What a call to a fake actor comes to, once it is due."""

    def __init__(self, due: float, make: Callable[[], Any], ready: Callable[[], bool] = lambda: True) -> None:
        self.due, self.make, self.ready = due, make, ready

    def __lt__(self, other: Answer) -> bool:
        return self.due < other.due


class FakeFutures(Futures):
    """Waits for answers instead of Ray's futures, and says for how long it has waited."""

    def __init__(self) -> None:
        super().__init__()
        self.waited_s = 0.0
        self._heap: list[Answer] = []

    def watch(self, future: Any, done: Any, failed: Any, actor: Any = None) -> None:
        super().watch(future, done, failed, actor)
        heapq.heappush(self._heap, future)

    def _ready(self, timeout_s: float) -> list[Any]:
        started = time.monotonic()
        while True:
            now, ready, later = time.monotonic(), [], []
            while self._heap and self._heap[0].due <= now:
                answer = heapq.heappop(self._heap)
                (ready if answer.ready() else later).append(answer)
            for answer in later:
                answer.due = now + 0.01
                heapq.heappush(self._heap, answer)
            if ready or now - started >= timeout_s:
                self.waited_s += time.monotonic() - started
                for answer in ready:  # Those that are not handled this time are ready the next.
                    heapq.heappush(self._heap, answer)
                return [answer for answer in ready if answer in self._pending]
            pause = min(0.01, max(0.0005, (self._heap[0].due if self._heap else now + 1) - now))
            time.sleep(min(pause, timeout_s))

    def _result(self, future: Any) -> Any:
        self._heap.remove(future)
        heapq.heapify(self._heap)
        try:
            return future.make()
        except LeagueError as error:  # As it comes from an actor.
            raise RayTaskError("fake", "", error, proctitle="fake", pid=0, ip="127.0.0.1") from error


class FakeActor:
    """`actor.method.remote(…)` is an `Answer`; calls are made one after the other, as Ray makes them."""

    def __init__(self) -> None:
        self._free = 0.0

    def __getattr__(self, method: str) -> Any:
        def remote(*arguments: Any) -> Answer:
            now = time.monotonic()
            self._free = max(now, self._free) + self.seconds(method)
            return Answer(self._free, lambda: getattr(self, f"do_{method}")(*arguments))

        return mock.Mock(remote=remote, spec=["remote"])

    def seconds(self, method: str) -> float:
        return 0.0


class FakeMatchWorker(FakeActor):
    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.match_s = seconds

    def seconds(self, method: str) -> float:
        return self.match_s * random.uniform(0.5, 1.5) if method == "play" else 0.0

    def do_ready(self) -> None:
        return None

    def do_play(self, row: str, column: str, games: int, seed: int) -> tuple[Match, float, None]:
        return a_match(row, column, games, random.Random(seed)), 0.0, None


def a_match(row: str, column: str, games: int, luck: random.Random) -> Match:
    """Whoever was frozen later is stronger, mostly."""
    better = (_age(row) > _age(column)) - (_age(row) < _age(column))
    seatings = {}
    for seating in ("01", "10"):
        wins = sum(luck.random() < 0.5 + 0.15 * better for _ in range(games // 2))
        seatings[seating] = Tally(wins, 0, games // 2 - wins)
    name = uuid.UUID(int=luck.getrandbits(64) << 64 | time.time_ns() & (2**64 - 1)).hex
    return Match(match_id=name, row=row, column=column, results=seatings, played_s=time.time(), groups=(0,) * 5)


def _age(name: str) -> int:
    number = name.rpartition("-")[2]
    return int(number) if number.isdigit() else -1


class FakeLearner(FakeActor):
    def __init__(
        self, place: Place, name: str, speed: Callable[[], int], seconds: float, frozen: Callable[[], bytes]
    ) -> None:
        super().__init__()
        self.name, self.speed, self.iteration_s, self.frozen = name, speed, seconds, frozen
        self.store = place.open()
        found = self.store.checkpoint(name)
        self.steps = int(found[1]["steps"]) if found else 0

    def seconds(self, method: str) -> float:
        return self.iteration_s if method == "train" else 0.0

    def do_ready(self) -> int:
        return self.steps

    def do_train(self, opponents: dict[str, float], progress: float | None) -> Report:
        steps = self.speed()
        self.steps += steps
        results = {name: Tally(6, 0, 4) for name in opponents if name != "self"}
        iteration = Iteration(
            results=results, plies=steps, games=10, steps=steps, losses={}, sample_s=0.1, learn_s=0.1, usage=Usage()
        )
        return Report(steps=self.steps, seconds=self.iteration_s, iteration=iteration)

    def do_freeze(self, name: str, parent: str | None) -> tuple[Snapshot, None]:
        weights = self.frozen()
        snapshot = Snapshot(
            name=name,
            digest=digest(weights),
            learner=self.name,
            steps=self.steps,
            created_s=self.store.now_s(),
            bytes=len(weights),
            parent=parent,
        )
        self.store.add_snapshot(snapshot, weights)
        return snapshot, None

    def do_checkpoint(self, progress: dict[str, Any]) -> int:
        self.store.save_checkpoint(self.name, b"state", {**progress, "steps": self.steps})
        return self.steps


class OwnProcess:
    """A real actor in a process of its own, which begins with the first call: what Ray would be for it."""

    def __init__(self, actor: type[Keeper | MatchWorker], place: Place) -> None:
        context = multiprocessing.get_context("spawn")
        self._process = ProcessPoolExecutor(1, mp_context=context, initializer=_begin, initargs=(actor, place))

    def __getattr__(self, method: str) -> Any:
        def remote(*arguments: Any) -> Answer:
            future = self._process.submit(_do, method, *arguments)
            return Answer(0.0, future.result, future.done)

        return mock.Mock(remote=remote, spec=["remote"])

    def close(self) -> None:
        self._process.shutdown(wait=True, cancel_futures=True)


_actors: list[Keeper | MatchWorker] = []


def _begin(actor: type[Keeper | MatchWorker], place: Place) -> None:
    with contextlib.suppress(OSError):  # Its name among processes, where the system has such.
        Path("/proc/self/comm").write_text(actor.__name__)
    with mock.patch("league.actors.match_worker.give_way"):  # Here it would wait for whatever else the machine does.
        _actors.append(actor(place))


def _do(method: str, *arguments: Any) -> Any:
    return getattr(_actors[0], method)(*arguments)


class FakePlacement:
    """Room for everybody."""

    def __init__(self, config: Any, *, batched: bool) -> None:
        self.nodes, self.autoscaled = (NODE,), False
        learners = len(config.learners())
        hardware = Hardware(at_once=learners)
        self.plan = Plan(learners=learners, hardware=hardware, missing=None, bundles=())

    def review(self, learners: Any) -> Plan:
        return self.plan

    def movers(self, learners: Any) -> list[Any]:
        return []

    def new_strangers(self) -> list[str]:
        return []


@contextlib.contextmanager
def fake_league(
    address: str,
    league: str,
    *,
    speed: Callable[[], int] = lambda: 100_000,
    iteration_s: float = ITERATION_S,
    match_s: float | None = None,
    run: str | None = None,
    frozen: Callable[[], bytes] = lambda: random.randbytes(WEIGHTS),
    plays: int = 0,
) -> Iterator[tuple[League, FakeFutures]]:
    """A league at work, to be ticked, and what it waits for.

    `speed` gives the steps of an iteration. `run` names the run: the same one may take the lease again at once.
    `frozen` gives the weights of a snapshot. The first `plays` match workers are real: they need those of a network.
    """
    holder = Holder.here() if run is None else Holder(host="fake", pid=0, run=run, since_s=0.0)
    place = Place(store=address, league=league, log_dir="", holder=holder)
    processes: list[OwnProcess] = []
    played_s = MATCH_S if match_s is None else match_s

    def own_process(actor: type[Keeper | MatchWorker], place: Place) -> OwnProcess:
        processes.append(OwnProcess(actor, place))
        return processes[-1]

    def a_match_worker(place: Place, number: int, *_: Any, **__: Any) -> OwnProcess | FakeMatchWorker:
        return own_process(MatchWorker, place) if number < plays else FakeMatchWorker(played_s)

    replaced = {
        "league.actors.league.Futures": FakeFutures,
        "league.actors.league.Census": lambda: mock.Mock(alive={}),
        "league.actors.training.Placement": FakePlacement,
        "league.actors.learner_handle.spawn_learner": lambda place, name, *rest: FakeLearner(
            place, name, speed, iteration_s, frozen
        ),
        "league.actors.evaluation.spawn_match_worker": a_match_worker,
        "league.actors.keeper_handle.spawn_keeper": lambda place: own_process(Keeper, place),
        "league.actors.remote_worker.ray": mock.Mock(),
        "league.actors.evaluation.match_nodes": lambda nodes: [NODE],
    }
    with contextlib.ExitStack() as stack:
        for name, stand_in in replaced.items():
            stack.enter_context(mock.patch(name, stand_in))
        opened = League.open(place)
        try:
            yield opened, opened.futures  # type: ignore[misc]
        finally:
            for process in processes:
                process.close()
            opened.store.close()
