"""What the adapter costs beside the environments that it plays: `python -m benchmarks.adapter [--check]`.

Claim: a ply through `league.games.aec` takes at most 30% more of the processor's time than the environment's own.

How: the same games, drawn at random beforehand, are played by one environment of PettingZoo, by `last()`, `step` and
`reset` alone, and by the adapter on `--boards` of them, observed and read as a runner does. In processor time, turn
about, so that who else is on the machine counts for little; the ratio is the middle one of all rounds. `--profile` says
where the adapter's part goes. Needs the extra `classic`.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import torch

from benchmarks.command import parser, run
from benchmarks.machine import machine
from league.games import make_game
from league.games.aec_factory import AecEnv, build, find_factory, full_name
from league.games.base import Game
from league.interfaces.cli.console import facts, stdout, table

MOST_RATIO: Final = 1.30
NAMES: Final = ("chess_v6", "connect_four_v3", "tictactoe_v3")
SEED: Final = 1

Lines = Sequence[Sequence[int]]
"""Games as the actions that were played in them."""


def drawn(env: AecEnv, plies: int) -> Lines:
    """Random games to their end, until they have so many plies."""
    random, lines = np.random.default_rng(0), []
    while sum(map(len, lines)) < plies:
        env.reset(seed=SEED)
        line: list[int] = []
        while env.agents:
            seen, _, over, cut, _ = env.last()
            if over or cut:
                break
            line.append(int(random.choice(np.flatnonzero(seen["action_mask"]))))
            env.step(line[-1])
        lines.append(line)
    return lines


def bare(env: AecEnv, lines: Lines) -> None:
    """PettingZoo's own loop over these games."""
    for line in lines:
        env.reset(seed=SEED)
        for action in line:
            env.last()
            env.step(action)


def adapted(game: Game, lines: Lines) -> None:
    """The same on every board, as the table has it."""
    boards = game.num_games
    everywhere, seeds = torch.ones(boards, dtype=torch.bool), torch.full((boards,), SEED)
    for line in lines:
        game.reset(everywhere, seeds)
        for action in line:
            game.observe(), game.legal(), game.to_move()
            step = game.step(torch.full((boards,), action))
        if not bool(step.done.all()) or bool(step.dropped.any()):
            raise SystemExit(f"{game.spec.name}: the adapter plays another game")


def took(act: Callable[[], None]) -> float:
    """Seconds of this process's processor time."""
    began = time.process_time()
    act()
    return time.process_time() - began


def measured(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """One environment: microseconds a ply, without the adapter and with it."""
    env = build(name, find_factory(full_name(name)))
    game, lines = make_game(name, options.boards), drawn(env, options.plies)
    plies = sum(map(len, lines))
    rounds = [
        (took(lambda: bare(env, lines)) / plies, took(lambda: adapted(game, lines)) / plies / options.boards)
        for _ in range(options.rounds + 1)
    ][1:]
    own, ours = (1e6 * statistics.median(column) for column in zip(*rounds, strict=True))
    if options.profile:
        with cProfile.Profile() as profile:
            adapted(game, lines)
        pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(25)
    return {"game": name, "own_us": own, "ours_us": ours, "ratio": statistics.median(b / a for a, b in rounds)}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All environments: the report as plain data."""
    torch.set_num_threads(1)
    about, rows = machine(), [measured(name, options) for name in options.games]
    return {"machine": about, "rows": rows, "held": all(row["ratio"] <= MOST_RATIO for row in rows)}


def show(report: dict[str, Any]) -> None:
    """Print the report as a table."""
    output = stdout()
    output.print(facts(report["machine"]))
    made = table("", ">PettingZoo, µs/ply", ">adapter, µs/ply", ">ratio")
    for row in report["rows"]:
        made.add_row(row["game"], f"{row['own_us']:.1f}", f"{row['ours_us']:.1f}", f"{row['ratio']:.2f}")
    output.print("")
    output.print(made)


def main() -> int:
    """Measure, print, and with `--check` say by the exit status whether the claim is held."""
    options = parser("adapter", __doc__)
    options.add_argument(
        "--games", nargs="+", default=list(NAMES), help="environments with an action mask in `observe`"
    )
    options.add_argument("--boards", type=int, default=16, help="of the adapter")
    options.add_argument("--plies", type=int, default=300, help="at least, of each round on each board")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--profile", action="store_true", help="say where the time goes, on the standard error")
    return run(options, measure, show)


if __name__ == "__main__":
    sys.exit(main())
