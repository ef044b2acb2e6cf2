"""How fast games are played: `python -m benchmarks.games`.

Claim: Connect Four and tic-tac-toe on tensors are played hundreds of times as fast as in PettingZoo, and the adapter
for other environments costs little over PettingZoo itself.

How: uniform play, every ply observed, as training does. PettingZoo by its own loop over one environment (`last()`, one
legal action at random, `step`); ours as a batch of boards, each reset when its game ends; a step is one move of one
board. Both use one core. Bots and search: one call of `choose` on positions of random play, in milliseconds per board;
search with the default network, untrained, for one board as `league play` asks and for many as `league evaluate` does.

Chess and Leduc hold'em need the extra `classic` and are left out without it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.command import parser, run
from benchmarks.machine import machine
from league.config import LeagueConfig
from league.errors import MissingExtraError
from league.games import Turn, make_game, sample_uniform
from league.games.aec_factory import build, find_factory, full_name
from league.interfaces.cli.console import facts, stdout, table
from league.policies.player import make_player
from league.policies.weights import fresh

PAIRS = (
    ("connect_four", "connect_four_v3", (1024, 4096)),
    ("tic_tac_toe", "tictactoe_v3", (1024, 4096)),
    ("leduc_holdem_v4", "leduc_holdem_v4", (16,)),
    ("chess_v6", "chess_v6", (16,)),
)
"""Ours, PettingZoo's, and the batches."""
THINKERS = (
    ("negamax-2", 64),
    ("negamax-4", 64),
    ("negamax-6", 64),
    ("network+search50", 1),
    ("network+search200", 1),
    ("network+search50", 64),
    ("network+search200", 64),
)
"""Players of Connect Four, and for how many boards they are asked together."""


def rate(advance: Callable[[], int], seconds: float) -> float:
    """Steps per second of `advance`, which returns how many it made, after one call to warm up."""
    advance()
    steps, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds:
        steps += advance()
    return steps / elapsed


def plain(name: str) -> Callable[[], int]:
    """One game after another by PettingZoo's own loop; each call plays one game."""
    env = build(name, find_factory(full_name(name)))
    random = np.random.default_rng(0)

    def play() -> int:
        steps = 0
        env.reset(seed=int(random.integers(2**31)))
        for _ in env.agent_iter():
            seen, _reward, terminated, truncated, info = env.last()
            if terminated or truncated:
                env.step(None)
                continue
            mask = seen["action_mask"] if isinstance(seen, dict) else info["action_mask"]
            env.step(int(random.choice(np.flatnonzero(mask))))
            steps += 1
        return steps

    return play


def batched(name: str, boards: int) -> Callable[[], int]:
    """All boards of a batch by one ply per call, observed."""
    game = make_game(name, boards)
    generator = torch.Generator().manual_seed(0)

    def ply() -> int:
        game.observe()
        step = game.step(sample_uniform(game.legal(), generator))
        game.reset(step.done)
        return boards

    return ply


def thinking_ms(name: str, boards: int, seconds: float) -> float:
    """Milliseconds per board for one move, on positions eight random plies from the start."""
    game = make_game("connect_four", boards)
    generator = torch.Generator().manual_seed(0)
    for _ in range(8):
        game.reset(game.step(sample_uniform(game.legal(), generator)).done)
    player = make_player(
        name, game.spec, lambda _: fresh(game.spec, LeagueConfig(game=game.spec.name).network, 0), sample=False
    )
    turn = Turn(
        game=game,
        rows=torch.arange(boards),
        observation=game.observe(),
        legal=game.legal(),
        generator=generator,
    )

    def choose() -> int:
        player.choose(turn)
        return boards

    return 1000 / rate(choose, seconds)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Every figure, one after another: the report as plain data. Nothing is claimed of them."""
    torch.set_num_threads(1)
    about, seconds, rows = machine(), options.seconds, []
    for ours, theirs, batches in PAIRS:
        try:
            peer = rate(plain(theirs), seconds)
        except MissingExtraError as error:
            print(f"{theirs} is left out: {error}", file=sys.stderr)
            continue
        rows.append({"game": f"PettingZoo {theirs}", "batch": 1, "steps_per_s": peer, "ratio": 1.0})
        for boards in batches:
            speed = rate(batched(ours, boards), seconds)
            rows.append({"game": f"league {ours}", "batch": boards, "steps_per_s": speed, "ratio": speed / peer})
    thinkers = [{"player": name, "boards": n, "ms_per_board": thinking_ms(name, n, seconds)} for name, n in THINKERS]
    return {"machine": about, "seconds": seconds, "rows": rows, "thinkers": thinkers, "held": True}


def show(report: dict[str, Any]) -> None:
    """Print the report as tables."""
    output = stdout()
    output.print(facts({**report["machine"], "each measured for": f"{report['seconds']} s"}))
    made = table("game", ">boards", ">steps/s", ">times PettingZoo")
    for row in report["rows"]:
        made.add_row(row["game"], str(row["batch"]), f"{row['steps_per_s']:,.0f}", f"{row['ratio']:,.1f}")
    output.print("")
    output.print(made)
    thinkers = table("player", ">boards at once", ">ms per board and move")
    for row in report["thinkers"]:
        thinkers.add_row(row["player"], str(row["boards"]), f"{row['ms_per_board']:.3f}")
    output.print("")
    output.print(thinkers)


def main() -> int:
    """Measure and print."""
    options = parser("games", __doc__)
    options.add_argument("--seconds", type=float, default=2.0, help="of each figure")
    return run(options, measure, show)


if __name__ == "__main__":
    sys.exit(main())
