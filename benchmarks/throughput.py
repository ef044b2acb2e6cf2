"""End-to-end training speed against stock RLlib PPO: `python -m benchmarks.throughput [--check]`.

Claim: the whole league (coordinator, learner, match worker, store) learns from at least 15 times as many moves per
second as RLlib's own PPO on PettingZoo's Connect Four.

How: Connect Four, mirror self-play, one network (MLP 2x256, ReLU, shared with the value), the same epochs, loss and
machine for both. Stock makes gradient steps from 512 of its batch of 4000 moves, we from 4096 of our 16384, and in
bfloat16 where the processor computes it natively, as the product does; all three are options. A step is a move that
gradient steps are made from.
The rounds alternate: stock, the league, our `Trainer` without a league around it, and the league as it is by its own
defaults (tables, lookahead, opponents from its pool), whose moves cost something else. Each is measured in its steady
state, from the end of its first iteration to the end of its last one: starting Ray and the actors, building networks
and the first, cold iteration are outside for all; the league's snapshots, checkpoints and matches are inside. The
league is seen from the driver, which looks twice a second, so both ends of its window are late by at most half a
second.
`of the peak` is what the products of the network's matrices come to, forward once to play and three times for each
epoch, as a share of what this machine does of one large product in the same precision, measured beforehand.

Needs the extra `classic`.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.command import parser, run
from benchmarks.gpu import products
from benchmarks.machine import machine, peak
from league.actors.driver import Limits, Progress, run_league
from league.cluster.plan import Hardware
from league.cluster.session import ray_session
from league.config import LeagueConfig
from league.games import game_spec
from league.interfaces.cli.console import facts, stdout, table
from league.learning.trainer import Trainer
from league.policies.network import computes_bfloat16
from league.pool.store import Store
from league.rollout.choices import settled

FLOOR = 15.0
STOCK, LEAGUE, TRAINER = "stock RLlib PPO", "the whole league", "our Trainer alone"
DEFAULTS = "the league by its defaults"


@dataclass(frozen=True, kw_only=True)
class Window:
    """Steps learned from between the ends of two iterations."""

    steps: int
    seconds: float

    @property
    def speed(self) -> float:
        """Steps per second."""
        return self.steps / self.seconds


class SteadyState:
    """Turns growing counts into a window from the first time that the count grew to the last."""

    def __init__(self) -> None:
        self._ends: list[tuple[float, int]] = []

    def look(self, steps: int) -> None:
        """Note the count as it is now."""
        if steps and (not self._ends or steps > self._ends[-1][1]):
            self._ends.append((time.perf_counter(), steps))

    def window(self) -> Window:
        """What lies between; raises `SystemExit` where two iterations did not fit."""
        if len(self._ends) < 2:
            raise SystemExit("fewer than two iterations fitted into a round: give more --seconds")
        (start, before), (end, after) = self._ends[0], self._ends[-1]
        return Window(steps=after - before, seconds=end - start)


def run_stock(config: LeagueConfig, seconds: float, *, runners: int, envs: int) -> Window:
    """RLlib's PPO for about `seconds` after its first iteration."""
    logging.getLogger("ray.rllib").setLevel(logging.ERROR)  # Before the import, which warns.
    from benchmarks.stock_rllib import moves_sampled, stock_ppo

    with ray_session():
        algorithm = stock_ppo(config, runners=runners, envs=envs)
        try:
            return _iterate(lambda: moves_sampled(algorithm.train()), seconds)
        finally:
            algorithm.stop()


def run_trainer(config: LeagueConfig, seconds: float, threads: int) -> Window:
    """Our learner for about `seconds` after its first iteration, playing inside its own process."""
    before = torch.get_num_threads()
    with ray_session():
        trainer = Trainer(game_spec(config.game), config, seed=0, hardware=Hardware())
        try:
            torch.set_num_threads(threads)
            return _iterate(lambda: trainer.iterate().steps, seconds)
        finally:
            torch.set_num_threads(before)
            trainer.stop()


def _iterate(iterate: Callable[[], int], seconds: float) -> Window:
    steady, steps, started = SteadyState(), 0, 0.0
    while not started or time.perf_counter() - started < seconds:
        steps += iterate()
        steady.look(steps)
        started = started or time.perf_counter()
    return steady.window()


def run_whole_league(config: LeagueConfig, seconds: float) -> Window:
    """`league train` for `seconds`, with its store in a temporary folder."""
    steady = SteadyState()

    def watch(progress: Progress) -> None:
        if progress.phase == "training":
            steady.look(progress.steps)

    with tempfile.TemporaryDirectory() as folder:
        address = str(Path(folder) / "store")
        with Store.open(address) as store:
            log_dir = str(Path(folder) / "tensorboard")
            run_league(store, address, config, limits=Limits(seconds=seconds), log_dir=log_dir, watch=watch)
    return steady.window()


def settings(epochs: int, minibatch: int, precision: str | None = None) -> LeagueConfig:
    """Mirror self-play from the first position, as stock plays: every move is the learner's; otherwise our defaults."""
    config = LeagueConfig.from_dict(
        {
            "game": "connect_four",
            "network": {"kind": "mlp", "hidden": [256, 256]},
            "roles": {"main": {"mix": [{"against": "self"}]}},
            "rollout": {"exploring_share": 0.0},
            "learning": {
                "num_epochs": epochs,
                "minibatch_size": minibatch,
                "precision": precision,
                "lookahead": False,
            },
            "arena": {"closing_s": 0.0},
        }
    )
    return settled(config, game_spec(config.game))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All rounds, turn about: the report as plain data."""
    most = {precision: peak(precision) for precision in ("float32", "bfloat16")}
    config, about = settings(options.epochs, options.minibatch, options.precision), machine()
    peer = settings(options.epochs, options.stock_minibatch)
    slice_s = options.seconds / options.rounds
    windows: dict[str, list[Window]] = {STOCK: [], LEAGUE: [], TRAINER: [], DEFAULTS: []}
    for number in range(options.rounds):
        for name, measured in (
            (STOCK, lambda: run_stock(peer, slice_s, runners=options.runners, envs=options.envs)),
            (LEAGUE, lambda: run_whole_league(config, slice_s)),
            (TRAINER, lambda: run_trainer(config, slice_s, options.threads)),
            (DEFAULTS, lambda: run_whole_league(LeagueConfig(game=config.game), slice_s)),
        ):
            windows[name].append(measured())
            print(f"round {number + 1}: {name}: {windows[name][-1].speed:,.0f} steps/s", file=sys.stderr, flush=True)
    rows = {name: _row(rounds) for name, rounds in windows.items()}
    stock, ours = rows[STOCK]["steps_per_s"], config.learning.precision or _native_precision()
    per_move = {STOCK: products(peer) / most["float32"], LEAGUE: products(config) / most[ours]}
    per_move[TRAINER] = per_move[LEAGUE]
    return {
        "machine": about,
        "settings": {
            **_settings(config, options),
            "peak": ", ".join(f"{name} {1e-9 * speed:,.0f} GFLOP/s" for name, speed in most.items()),
        },
        "rows": {
            name: {
                **row,
                "ratio": row["steps_per_s"] / stock,
                "of_peak": row["steps_per_s"] * per_move[name] if name in per_move else None,
            }
            for name, row in rows.items()
        },
        "ratio": rows[LEAGUE]["steps_per_s"] / stock,
        "floor": FLOOR,
        "held": rows[LEAGUE]["steps_per_s"] >= FLOOR * stock,
    }


def _row(rounds: list[Window]) -> dict[str, Any]:
    steps, seconds = sum(w.steps for w in rounds), sum(w.seconds for w in rounds)
    return {"steps": steps, "seconds": seconds, "steps_per_s": steps / seconds, "rounds": [w.speed for w in rounds]}


def _settings(config: LeagueConfig, options: argparse.Namespace) -> dict[str, str]:
    return {
        "game": "Connect Four, mirror self-play; stock: pettingzoo.classic.connect_four_v3",
        "network": f"MLP {'x'.join(map(str, config.network.hidden))}, ReLU, shared by policy and value",
        "epochs": str(config.learning.num_epochs),
        "minibatch": f"stock {options.stock_minibatch} moves, ours {options.minibatch}",
        "batch": f"stock {max(4000, options.stock_minibatch)} moves; ours {512 * 32} plies (512 games, 32 plies each)",
        "precision": f"stock float32; ours {config.learning.precision or _native_precision()}, weights float32",
        "stock runners": f"{options.runners} processes, {options.envs} environments each",
        "learner threads": f"stock {torch.get_num_threads()}; Trainer alone {options.threads}; the league's by itself",
        "rounds": f"{options.rounds} of {options.seconds / options.rounds:.0f} s each, alternating",
    }


def _native_precision() -> str:
    return "bfloat16" if computes_bfloat16("cuda" if torch.cuda.is_available() else "cpu") else "float32"


def show(report: dict[str, Any]) -> None:
    """Print the report as tables."""
    output = stdout()
    output.print(facts(report["machine"] | report["settings"]))
    made = table("", ">steps learned", ">seconds", ">steps/s", ">times stock", ">of the peak", "each round")
    for name, row in report["rows"].items():
        each = ", ".join(f"{speed:,.0f}" for speed in row["rounds"])
        figures = (f"{row['steps']:,}", f"{row['seconds']:.1f}", f"{row['steps_per_s']:,.0f}", f"{row['ratio']:.1f}")
        made.add_row(name, *figures, "" if row["of_peak"] is None else f"{row['of_peak']:.0%}", each)
    output.print("")
    output.print(made)
    output.print(f"\nthe whole league trains {report['ratio']:.1f} times as fast as stock; the floor is {FLOOR:.0f}")


def main() -> int:
    """Measure, print, and with `--check` say by the exit status whether the floor is held."""
    options = parser("throughput", __doc__)
    options.add_argument("--seconds", type=float, default=60.0, help="steady state of each, all rounds together")
    options.add_argument("--rounds", type=int, default=2, help="how often they take turns")
    options.add_argument("--epochs", type=int, default=4, help="passes over each batch, for both")
    options.add_argument("--minibatch", type=int, default=4096, help="our moves per gradient step")
    options.add_argument("--stock-minibatch", type=int, default=512, help="stock's moves per gradient step")
    choices = ("float32", "bfloat16")
    options.add_argument(
        "--precision", choices=choices, help="of our gradient steps; default: what the device does best"
    )
    options.add_argument("--runners", type=int, default=2, help="stock's sampling processes")
    options.add_argument("--envs", type=int, default=8, help="environments in each of them")
    threads = max(1, torch.get_num_threads() - 1)
    options.add_argument("--threads", type=int, default=threads, help="torch threads of our Trainer alone")
    return run(options, measure, show)


if __name__ == "__main__":
    sys.exit(main())
