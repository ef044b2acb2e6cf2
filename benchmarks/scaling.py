"""What one more runner brings: `python -m benchmarks.scaling [--play-s 1] [--check]`.

Claims: updates a second do not fall to the slowest runner; what is learned from is no older than `learning.staleness`;
and the learner is waited for, not the runners, once there are enough of them.

How: runners that sleep in place of computing, so that eight of them fit on two cores: a fragment of games takes
`--play-s`, for every fourth of them `--slow` times as long. What they bring is a real fragment of tic-tac-toe, over a
real Ray; the learner takes real gradient steps. Beside it the same queue (`league.learning.ahead`) with a clock that is
only counted, for as many runners as nobody has here: its learner takes as long as the measured one.
"""

from __future__ import annotations

import argparse
import heapq
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, NamedTuple

from benchmarks.command import parser, run
from benchmarks.machine import machine
from league.cluster.plan import Hardware
from league.cluster.session import ray_session
from league.config import LeagueConfig
from league.games import game_spec
from league.interfaces.cli.console import facts, stdout, table
from league.learning.ahead import Ahead, Begin
from league.learning.pace import fragments
from league.learning.runner import LeagueRunner
from league.learning.trainer import Trainer

SLOW_EVERY = 4
"""One runner of so many is slow."""
MOST_SHARE = 0.5
"""Of the speed without slow runners that must be left with them, where nobody is waited for."""
SPEC = game_spec("tic_tac_toe")


class Found(NamedTuple):
    """What came of one setting."""

    updates_per_s: float
    moves_per_s: float
    staleness: float
    """Updates, mean."""
    oldest: float
    """Updates, of the oldest fragments that were learned from; where they are measured, the largest mean."""
    stale: float
    """Share of the moves that were too old."""
    waiting: float
    """Share of the time for which the learner waited."""
    learn_s: float
    """Seconds of an update."""
    move_bytes: float
    """Bytes of a move on its way to the learner."""


class Clock:
    """Players that only say when they will have played, and the time that passes until one of them has."""

    def __init__(self, play_s: list[float]) -> None:
        self.now = 0.0
        self._order = 0
        self._due: list[tuple[float, int, Future[None]]] = []
        self.players: dict[int, Begin[None]] = {i: partial(self._begin, s) for i, s in enumerate(play_s)}

    def _begin(self, seconds: float) -> Future[None]:
        future: Future[None] = Future()
        self._order += 1
        heapq.heappush(self._due, (self.now + seconds, self._order, future))
        return future

    def learn(self, seconds: float) -> None:
        """The learner computes; whoever has played by then has played."""
        self.now += seconds
        while self._due and self._due[0][0] <= self.now:
            heapq.heappop(self._due)[2].set_result(None)

    def wait(self, playing: list[Future[None]]) -> None:
        """Until one of these has played."""
        while not any(future.done() for future in playing):
            self.now = max(self.now, self._due[0][0])
            self.learn(0.0)


def simulated(config: LeagueConfig, play_s: list[float], learn_s: float, updates: int) -> Found:
    """The queue by a clock that is counted; `learn_s` is for each fragment. Moves are those of `config`'s fragments."""
    clock = Clock(play_s)
    hardware = Hardware(runners=len(play_s))
    bound, size = config.learning.staleness or 0, fragments(config, hardware)
    ahead: Ahead[None] = Ahead(bound, clock.wait)
    ages: list[int] = []
    waited, stale, learned = 0.0, 0, 0
    for number in range(2 * updates):
        if number == updates:  # The first half fills the queue.
            began, waited, stale, learned, ages = clock.now, 0.0, 0, 0, []
        asked = clock.now
        taken = ahead.take(clock.players, size, _never)
        waited += clock.now - asked
        stale, learned = stale + len(taken.stale), learned + len(taken.fresh)
        ages += taken.ages
        clock.learn(learn_s * len(taken.fresh))
    seconds = clock.now - began
    moves = (config.rollout.games or 0) * (config.rollout.plies or 0)
    return Found(
        updates_per_s=updates / seconds,
        moves_per_s=learned * moves / seconds,
        staleness=sum(ages) / len(ages),
        oldest=max(ages),
        stale=stale / (stale + learned),
        waiting=waited / seconds,
        learn_s=learn_s * size,
        move_bytes=0.0,
    )


def _never(number: int, error: BaseException) -> None:
    raise error


def measured(config: LeagueConfig, play_s: list[float], updates: int) -> Found:
    """The same over Ray, with runners that sleep."""
    trainer = Trainer(SPEC, config, seed=0, hardware=Hardware(runners=len(play_s)))
    try:
        trainer.iterate()
        group = trainer.algorithm.env_runner_group
        (move_bytes, *_) = group.foreach_env_runner(_sleepy(play_s), local_env_runner=False)
        trainer.algorithm.forget()
        for _ in range(2):
            trainer.iterate()
        began = time.perf_counter()
        iterations = [trainer.iterate() for _ in range(updates)]
        seconds = time.perf_counter() - began
    finally:
        trainer.stop()
    steps, stale = sum(one.steps for one in iterations), sum(one.stale for one in iterations)
    return Found(
        updates_per_s=updates / seconds,
        moves_per_s=steps / seconds,
        staleness=sum(one.staleness for one in iterations) / updates,
        oldest=max(one.staleness for one in iterations),
        stale=stale / max(1, stale + steps),
        waiting=sum(one.sample_s for one in iterations) / seconds,
        learn_s=sum(one.learn_s for one in iterations) / updates,
        move_bytes=move_bytes,
    )


def _sleepy(play_s: list[float]) -> Callable[[LeagueRunner], float]:
    """Has runners bring one fragment again and again, each after its time; returns the bytes of a move."""

    def sleepy(runner: LeagueRunner) -> float:
        rollout, learning = runner.league.rollout, runner.league.learning
        played = runner.collector.collect(rollout.plies or 0, learning.gamma or 0.0, learning.lambda_ or 0.0)
        seconds = play_s[runner.worker_index - 1]

        def collect(*args: Any) -> Any:
            time.sleep(seconds)
            return played

        runner.collector.collect = collect  # type: ignore[method-assign]
        batch = runner.sample().batch
        return float(batch.size_bytes()) / max(1, len(batch))

    return sleepy


def settings(options: argparse.Namespace, staleness: int) -> LeagueConfig:
    """Small fragments of tic-tac-toe; an update takes as many moves with any number of runners."""
    moves = options.games * 16
    return LeagueConfig.from_dict(
        {
            "game": SPEC.name,
            "network": {"kind": "mlp", "hidden": [64]},
            "rollout": {"games": options.games, "plies": 16, "exploring_share": 0.0},
            "learning": {
                "lookahead": False,
                "num_epochs": 1,
                "minibatch_size": moves,
                "staleness": staleness,
                "batch_size": moves * options.fragments if staleness else None,
            },
        }
    )


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All numbers of runners, in step and playing on: the report as plain data."""
    about, rows = machine(), []
    # Runners that sleep need no CPU, but Ray starts none that it has no CPU for.
    with ray_session(cpus=max(options.runners) + 1):
        for staleness in (0, options.staleness):
            config = settings(options, staleness)
            for count in options.runners:
                found = measured(config, _times(options, count), options.updates)
                rows.append({"runners": count, "bound": staleness, "how": "measured", **found._asdict()})
                print(f"{count} runners: {found.updates_per_s:.2f} updates/s", file=sys.stderr, flush=True)
    last = rows[-1]
    learn_s = last["learn_s"] / fragments(settings(options, options.staleness), Hardware(runners=last["runners"]))
    for staleness in (0, options.staleness):
        config = settings(options, staleness)
        for count in (*options.runners, *options.simulate):
            found = simulated(config, _times(options, count), learn_s, options.updates)
            rows.append(
                {"runners": count, "bound": staleness, "how": "simulated", **found._asdict()}
                | {"move_bytes": last["move_bytes"]}
            )
    quick = simulated(settings(options, options.staleness), [options.play_s] * 4, learn_s, options.updates)
    slowed = next(row for row in rows if row["bound"] and row["runners"] >= SLOW_EVERY)
    old = max(row["oldest"] for row in rows)
    return {
        "machine": about,
        "settings": {
            "fragment": f"{options.games * 16:,} plies in {options.play_s:g} s, of one runner in {SLOW_EVERY} "
            f"in {options.slow * options.play_s:g} s",
            "update": f"{options.fragments} fragments, {1000 * learn_s:.0f} ms of learning each",
        },
        "rows": rows,
        "held": old <= options.staleness and slowed["updates_per_s"] >= MOST_SHARE * quick.updates_per_s,
    }


def _times(options: argparse.Namespace, count: int) -> list[float]:
    slow = options.slow * options.play_s
    return [slow if number % SLOW_EVERY == SLOW_EVERY - 1 else options.play_s for number in range(count)]


def show(report: dict[str, Any]) -> None:
    """Print the report as a table."""
    output = stdout()
    output.print(facts(report["machine"] | report["settings"]))
    made = table(
        ">runners", "", ">bound", ">updates/s", ">moves/s", ">staleness", ">oldest", ">too old", ">waiting", ">MB/s"
    )
    for row in report["rows"]:
        made.add_row(
            f"{row['runners']:,}",
            row["how"],
            str(row["bound"]),
            f"{row['updates_per_s']:.2f}",
            f"{row['moves_per_s']:,.0f}",
            f"{row['staleness']:.2f}",
            f"{row['oldest']:.1f}",
            f"{row['stale']:.0%}",
            f"{row['waiting']:.0%}",
            f"{row['moves_per_s'] * row['move_bytes'] / 1e6:.1f}",
        )
    output.print("")
    output.print(made)


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",") if number]


def main() -> int:
    """Measure, print, and with `--check` say by the exit status whether the claims are held."""
    options = parser("scaling", __doc__)
    options.add_argument("--runners", type=_numbers, default="1,2,4,8", help="how many there are, really")
    options.add_argument("--simulate", type=_numbers, default="100,1000", help="and by the clock that is counted")
    options.add_argument("--play-s", type=float, default=1.0, help="seconds that a fragment takes")
    options.add_argument("--slow", type=float, default=4.0, help="how much longer it takes a slow runner")
    options.add_argument("--games", type=int, default=64, help="games at once of each runner, of 16 plies a fragment")
    options.add_argument("--fragments", type=int, default=2, help="of an update, where runners play on")
    options.add_argument("--staleness", type=int, default=4, help="bound where runners play on, in updates")
    options.add_argument("--updates", type=int, default=20, help="that are measured")
    return run(options, measure, show)


if __name__ == "__main__":
    sys.exit(main())
