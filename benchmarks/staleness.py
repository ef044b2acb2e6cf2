"""What it costs to learn from games that older weights have played: `python -m benchmarks.staleness [--check]`.

Claim: with the default of Connect Four, and with PPO alone, a learner whose games are two updates old is at most 3
points worse in its mistakes after as many moves as one whose games are new.

How: one learner that plays in its own process, against itself, so that nothing is left to chance but the seed. Its
runner is handed weights that are exactly so many updates old, which is the worst that `learning.staleness` allows.
Every run learns from the same number of moves. Then the policy is asked for its most probable move: mistakes on solved
positions (`benchmarks.solved`), and 400 games against `benchmarks.cubes` with two plies. Speed is of no account: what
playing on brings is in `benchmarks.scaling`. Needs the extra `dev`, for the solver.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from torch import Tensor

from benchmarks.command import parser, run
from benchmarks.cubes import Cubes
from benchmarks.machine import machine
from benchmarks.solved import STAGES, missed
from benchmarks.yardsticks import play, questions
from league.cluster.plan import Hardware
from league.cluster.session import ray_session
from league.config import LeagueConfig
from league.games import game_spec
from league.games.base import Player
from league.interfaces.cli.console import facts, stdout, table
from league.ladder.records import Tally
from league.learning.trainer import Trainer
from league.policies.player import NetworkPlayer
from league.policies.weights import unpack

SPEC = game_spec("connect_four")
MOST_POINTS: Final = 0.03
CLAIMED: Final = 2
"""Updates, for which the claim is made."""
KINDS: Final[dict[str, dict[str, Any]]] = {
    "tables, lookahead": {"learning": {"staleness": 0}},
    "mlp, ppo": {
        "network": {"kind": "mlp", "hidden": [256, 256]},
        "learning": {"lookahead": False, "minibatch_size": 4096},
    },
}


def settings(kind: str, seed: int) -> LeagueConfig:
    """The defaults of the game, or PPO with a small network."""
    return LeagueConfig.from_dict({"game": SPEC.name, "seed": seed, **KINDS[kind]})


def trained(kind: str, updates_old: int, moves: int, seed: int) -> Player:
    """The policy after `moves`, each of which was played by weights from so many updates before."""
    trainer = Trainer(SPEC, settings(kind, seed), seed=0, hardware=Hardware())
    try:
        algorithm = trainer.algorithm
        kept: deque[Any] = deque([_kept(algorithm._weights)], maxlen=updates_old + 1)
        hand_out = algorithm.hand_out

        def hand_out_old() -> None:
            hand_out()
            kept.append(_kept(algorithm._weights))
            algorithm._weights = kept[0]

        algorithm.hand_out = hand_out_old
        while trainer.steps < moves:
            trainer.progress = trainer.steps / moves
            trainer.iterate()
        return NetworkPlayer(unpack(trainer.weights(), SPEC), sample=False)
    finally:
        trainer.stop()


def _kept(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """A copy: the learner goes on with its own."""
    return {name: weight.clone() for name, weight in weights.items()}


def examined(player: Player, positions: int) -> dict[str, float]:
    """Share of mistakes, and the score against two plies, both in [0, 1]."""
    sets = questions(positions)
    seats = [play(player, Cubes(2), seat=seat, games=200, seed=0) for seat in (0, 1)]
    return {
        "mistakes": statistics.mean(missed(player, sets[name]) for name in STAGES),
        "n-2": Tally.sum(seats).score,
    }


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Every kind at every age with every seed: the report as plain data."""
    about, rows = machine(), []
    with ray_session():
        for kind in options.kinds:
            for updates_old in options.old:
                found = []
                for seed in range(options.seeds):
                    found.append(examined(trained(kind, updates_old, options.moves, seed), options.positions))
                    print(f"{kind}, {updates_old} updates old, seed {seed}: {found[-1]}", file=sys.stderr, flush=True)
                rows.append({"kind": kind, "old": updates_old, "seeds": found})
    return {
        "machine": about,
        "settings": {"moves": f"{options.moves:,}", "seeds": str(options.seeds)},
        "rows": rows,
        "held": all(
            _mean(row["seeds"], "mistakes") <= _mean(_new(rows, row), "mistakes") + MOST_POINTS
            for row in rows
            if row["old"] <= CLAIMED
        ),
    }


def _mean(seeds: Sequence[dict[str, float]], name: str) -> float:
    return statistics.mean(one[name] for one in seeds)


def _new(rows: Sequence[dict[str, Any]], row: dict[str, Any]) -> Sequence[dict[str, float]]:
    """What came of the newest games that were measured, of the same kind."""
    seeds: Sequence[dict[str, float]] = min((one for one in rows if one["kind"] == row["kind"]), key=_age)["seeds"]
    return seeds


def _age(row: dict[str, Any]) -> int:
    return int(row["old"])


def show(report: dict[str, Any]) -> None:
    """Print the report as a table."""
    output = stdout()
    output.print(facts(report["machine"] | report["settings"]))
    made = table("", ">updates old", ">mistakes", "each seed", ">score against n-2", "each seed")
    for row in report["rows"]:
        cells = []
        for name in ("mistakes", "n-2"):
            cells += [f"{_mean(row['seeds'], name):.1%}", ", ".join(f"{one[name]:.1%}" for one in row["seeds"])]
        made.add_row(row["kind"], str(row["old"]), *cells)
    output.print("")
    output.print(made)


def main() -> int:
    """Measure, print, and with `--check` say by the exit status whether the claim is held."""
    options = parser("staleness", __doc__)
    options.add_argument("--kinds", nargs="+", choices=tuple(KINDS), default=list(KINDS))
    options.add_argument("--old", type=int, nargs="+", default=[0, 1, 2, 4, 8], help="updates")
    options.add_argument("--moves", type=int, default=1_000_000, help="that every run learns from")
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--positions", type=int, default=200, help="of each set of solved ones")
    return run(options, measure, show)


if __name__ == "__main__":
    sys.exit(main())
