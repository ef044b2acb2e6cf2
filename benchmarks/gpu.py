"""What one device does: `python -m benchmarks.gpu [--device cpu] [--check]`.

Claims, on one H100: a game on tensors alone makes 100 million plies a second, a learner with an MLP learns from 2
million moves a second, end to end, and one with the residual network makes of the card 40% of its matrix peak.

How: Connect Four, a row for each network and number of games at once. `alone` advances the boards by random legal
moves; `played` is what a runner makes of them, against itself, in float32, in bfloat16 as the product does where it
is faster, and through `torch.compile`, which the product does not do: it will where that wins here; `learned` is
moves a second of a whole learner: boards, network, advantages and gradient steps, on one device. `of the peak` is
what its products of matrices and convolutions come to, forward once to play and three times for each epoch, as a share
of what the device does of one large product in the precision of its gradient steps. Memory is the most that torch had
reserved on a GPU for this row; on a CPU, the largest that the process has been so far. Without a GPU it says so and
ends, but where `--device` is given.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.command import parser, run
from benchmarks.machine import finish, machine, peak
from league.cluster.plan import Hardware
from league.cluster.session import ray_session
from league.config import LeagueConfig
from league.config.limits import check_device
from league.errors import ClusterError, GameError
from league.games import game_spec, make_game
from league.games.base import sample_uniform
from league.interfaces.cli.console import facts, stdout, table
from league.learning.trainer import Trainer
from league.policies.device import choose_device
from league.policies.network import acting, computes_bfloat16
from league.policies.weights import fresh
from league.rollout.choices import settled
from league.rollout.collect import Collector

SPEC = game_spec("connect_four")
HOW = ("float32", "bfloat16", "compiled")
ALONE_FLOOR, LEARNED_FLOOR, PEAK_FLOOR = 100e6, 2e6, 0.4
NETWORKS: dict[str, dict[str, Any]] = {
    "mlp": {"kind": "mlp", "hidden": [256, 256]},
    "conv": {"kind": "conv", "hidden": [256], "channels": 64, "blocks": 6},
    "tables": {"kind": "tables"},
}


def per_second(act: Callable[[], int], seconds: float, device: torch.device) -> float:
    """What `act` counts, per second, once it has been warm."""
    act()
    finish(device.type)
    began, count = time.perf_counter(), 0
    while not count or time.perf_counter() - began < seconds:
        count += act()
        finish(device.type)
    return count / (time.perf_counter() - began)


def alone(games: int, seconds: float, device: torch.device) -> float:
    """Plies a second of the boards by themselves."""
    game = make_game(SPEC.name, games, device=str(device))
    generator = torch.Generator(device=device).manual_seed(0)

    def act() -> int:
        for _ in range(16):
            game.reset(game.step(sample_uniform(game.legal(), generator)).done)
        return 16 * games

    return per_second(act, seconds, device)


def settings(network: str, games: int, device: torch.device) -> LeagueConfig:
    """Self-play by PPO, two passes over fragments of 32 plies; lookahead is another benchmark's."""
    config = LeagueConfig.from_dict(
        {
            "game": SPEC.name,
            "network": NETWORKS[network],
            "rollout": {"games": games, "plies": 32, "exploring_share": 0.0, "device": str(device)},
            "learning": {"lookahead": False, "minibatch_size": min(32_768, 8 * games)},
        }
    )
    return settled(config, SPEC)


def played(config: LeagueConfig, seconds: float, device: torch.device, how: str) -> float | None:
    """Plies a second of a runner; None: what compiles is missing, or does not work here."""
    network = fresh(SPEC, config.network, 0).to(device).requires_grad_(False)
    network = acting(network, "bfloat16" if how == "bfloat16" else "float32")
    if how == "compiled":
        network.compile(dynamic=True)
    game = make_game(SPEC.name, config.rollout.games or 1, device=str(device))
    collector = Collector(game, network, config.rollout, seed=0)
    try:
        return per_second(lambda: collector.collect(32, 0.97, 0.9).plies, seconds, device)
    except GameError as error:  # As the table says whatever is raised while it plays.
        if how != "compiled":
            raise
        print(error, file=sys.stderr)
        return None


def learned(config: LeagueConfig, seconds: float, device: torch.device) -> float:
    """Moves a second of a learner, end to end."""
    gpus = 1.0 if device.type == "cuda" else 0.0
    trainer = Trainer(SPEC, config, seed=0, hardware=Hardware(gpus=gpus))
    try:
        return per_second(lambda: trainer.iterate().steps, seconds, device)
    finally:
        trainer.stop()


def products(config: LeagueConfig) -> int:
    """Floating-point operations in products of matrices and convolutions for a move that is played and learned from."""
    game, network = make_game(SPEC.name, 1), fresh(SPEC, config.network, 0)
    with FlopCounterMode(display=False) as counted, torch.inference_mode():
        network(game.observe(), game.legal())
    return counted.get_total_flops() * (1 + 3 * (config.learning.num_epochs or 1))


def _memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Every network at every size: the report as plain data. Raises `ClusterError` where there is no such device."""
    if options.device is None and not torch.cuda.is_available():
        raise ClusterError("torch finds no GPU here; --device cpu measures the processor")
    check_device(options.device)
    chosen = choose_device(options.device)
    if chosen.missing:
        raise ClusterError(chosen.missing)
    device = torch.device(chosen.device)
    precision = "bfloat16" if computes_bfloat16(device.type) else "float32"
    about, rows, most = machine(), [], peak(precision, device.type)
    with ray_session():
        for games in options.games:
            speed = alone(games, options.seconds, device)
            for network in options.networks:
                config = settings(network, games, device)
                if device.type == "cuda":
                    torch.cuda.empty_cache()
                    torch.cuda.reset_peak_memory_stats(device)
                row = {
                    "network": network,
                    "games": games,
                    "alone": speed,
                    "played": {how: played(config, options.seconds, device, how) for how in HOW},
                    "learned": learned(config, options.seconds, device),
                    "memory_bytes": _memory(device),
                }
                row["of_peak"] = row["learned"] * products(config) / most
                rows.append(row)
                print(f"{network}, {games} games: {row['learned']:,.0f} moves/s", file=sys.stderr, flush=True)
    return {
        "machine": about,
        "settings": {"device": str(device), "peak": f"{precision} {1e-9 * most:,.0f} GFLOP/s"},
        "rows": rows,
        "held": max(row["alone"] for row in rows) >= ALONE_FLOOR
        and _best(rows, "mlp", "learned") >= LEARNED_FLOOR
        and _best(rows, "conv", "of_peak") >= PEAK_FLOOR,
    }


def _best(rows: list[dict[str, Any]], network: str, figure: str) -> float:
    return max((row[figure] for row in rows if row["network"] == network), default=0.0)


def show(report: dict[str, Any]) -> None:
    """Print the report as a table."""
    output = stdout()
    output.print(facts(report["machine"] | report["settings"]))
    played_by = (">played in float32, plies/s" if how == HOW[0] else f">{how}" for how in HOW)
    made = table("network", ">games", ">alone, plies/s", *played_by, ">learned, moves/s", ">of the peak", ">memory, MB")
    for row in report["rows"]:
        speeds = [
            "-" if one is None else f"{one:,.0f}" for one in (row["alone"], *row["played"].values(), row["learned"])
        ]
        share = f"{row['of_peak']:.0%}"
        made.add_row(row["network"], f"{row['games']:,}", *speeds, share, f"{row['memory_bytes'] / 1e6:,.0f}")
    output.print("")
    output.print(made)


def main() -> int:
    """Measure, print, and with `--check` say by the exit status whether the claims are held."""
    options = parser("gpu", __doc__)
    options.add_argument("--device", help="as torch names it; default: the GPU")
    options.add_argument("--games", type=int, nargs="+", default=[512, 4096, 32_768], help="at once")
    options.add_argument("--networks", nargs="+", choices=tuple(NETWORKS), default=["mlp", "conv"])
    options.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    return run(options, measure, show)


if __name__ == "__main__":
    sys.exit(main())
