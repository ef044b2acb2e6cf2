"""Does the league find the mixture that self-play runs around? `python -m benchmarks.rock_paper_scissors [--check]`.

Claim: in rock-paper-scissors, whose only equilibrium is a third each, the pools of the presets `fictitious` and
`alphastar` hold it: their Nash mixture of policies plays within 0.05 of a third each. `mirror` runs in circles: its
policy prefers rock, paper and scissors in turn and beats its own past, which it forgets.

How: each preset trains for the same number of steps, with an entropy bonus that is large enough for a policy to try
what it has given up, and too small to hold it in the middle. A snapshot's mixture is read off its network, so all
expected scores are exact. Reported are the mixture of the pool (policies weighted by `MetaGame.nash`), how far a single
policy strays on average, and how often the preferred choice changes along the main learner's snapshots.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.command import parser, run
from benchmarks.machine import machine
from league.actors.driver import Limits, run_league
from league.config import LeagueConfig, load_config
from league.games import game_spec
from league.games.rock_paper_scissors import NAMES
from league.interfaces.cli.console import facts, stdout, table
from league.ladder.nash import MetaGame
from league.matches.players import PlayerLoader
from league.pool.store import Store

LIMIT = 0.05
"""Largest distance of a probability from a third."""
PRESETS = ("mirror", "fictitious", "alphastar")
CONVERGE = ("fictitious", "alphastar")
TURNS = 6
"""So often at least the preferred choice of `mirror` must change."""
WINS = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])
"""[3, 3]: what row receives against column."""


def settings(preset: str, seed: int) -> LeagueConfig:
    """A small network, quick to turn around, frozen often."""
    return load_config(
        preset=preset,
        settings=[
            "game=rock_paper_scissors",
            f"seed={seed}",
            "network.hidden=[16]",
            "rollout.games=512",
            "rollout.plies=8",
            "rollout.exploring_share=0",
            "learning.lr=0.01",
            "learning.anneal_to=1",
            "learning.entropy_coeff=0.05",
            "learning.minibatch_size=1024",
            "snapshots.every_steps=20000",
            "matchmaking.opponents=16",
            "matchmaking.hold_iterations=1",
            "retention.automatic=false",
            "arena.share=0.01",
            "arena.closing_s=0",
        ],
    )


def mixtures(store: Store, config: LeagueConfig) -> tuple[list[str], NDArray[np.float64]]:
    """The pool's snapshots by name, and what each plays, `[N, 3]`."""
    spec = game_spec(config.game)
    loader = PlayerLoader(store, spec)
    names = [snapshot.name for snapshot in store.snapshots()]
    observation, legal = torch.ones(1, *spec.shape), torch.ones(1, spec.actions, dtype=torch.bool)
    with torch.inference_mode():
        played = [loader.network(name)(observation, legal)[0].softmax(dim=1)[0].double().numpy() for name in names]
    return names, np.array(played)


def league(preset: str, steps: int, seed: int) -> dict[str, Any]:
    """Train one league and look at its pool."""
    config = settings(preset, seed)
    with tempfile.TemporaryDirectory() as folder:
        address = str(Path(folder) / "store")
        with Store.open(address) as store:
            run_league(store, address, config, limits=Limits(steps=steps), log_dir=str(Path(folder) / "logs"))
            names, played = mixtures(store, config)
    scores = (played @ WINS @ played.T + 1) / 2
    weights = MetaGame(names, scores, np.zeros_like(scores)).nash()
    pool = np.array([weights[name] for name in names]) @ played
    mains = played[[index for index, name in enumerate(names) if name.startswith("main-0")]]
    preferred = mains.argmax(axis=1)
    return {
        "preset": preset,
        "seed": seed,
        "snapshots": len(names),
        "pool": pool.tolist(),
        "distance": float(np.abs(pool - 1 / 3).max()),
        "single_distance": float(np.abs(mains - 1 / 3).max(axis=1).mean()),
        "turns": int((preferred[1:] != preferred[:-1]).sum()),
    }


def held(row: dict[str, Any]) -> bool:
    """Whether a league did what is claimed of its preset."""
    return bool(row["distance"] <= LIMIT if row["preset"] in CONVERGE else row["turns"] >= TURNS)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Train all: the report as plain data."""
    rows = []
    for seed in range(options.seeds):
        for preset in PRESETS:
            rows.append(league(preset, options.steps, seed))
            print(f"{preset}, seed {seed}: {rows[-1]['distance']:.3f} from a third", file=sys.stderr, flush=True)
    return {"machine": machine(), "steps": options.steps, "rows": rows, "held": all(map(held, rows))}


def show(report: dict[str, Any]) -> None:
    """Print the report as tables."""
    output = stdout()
    output.print(facts(report["machine"]))
    made = table(
        "preset", ">seed", ">snapshots", "the pool plays", ">from a third", ">single policies", ">turns", "claim"
    )
    for row in report["rows"]:
        mixture = ", ".join(f"{name} {p:.3f}" for name, p in zip(NAMES, row["pool"], strict=True))
        figures = (f"{row['distance']:.3f}", f"{row['single_distance']:.3f}", str(row["turns"]))
        verdict = "held" if held(row) else "not held"
        made.add_row(row["preset"], str(row["seed"]), str(row["snapshots"]), mixture, *figures, verdict)
    output.print("")
    output.print(made)
    output.print(f"\nclaims: pools of {' and '.join(CONVERGE)} within {LIMIT} of a third; mirror turns {TURNS} times")


def main() -> int:
    """Train all, print, and with `--check` say by the exit status whether every claim is held."""
    options = parser("rock_paper_scissors", __doc__)
    options.add_argument("--steps", type=int, default=600_000, help="of all learners of a league together")
    options.add_argument("--seeds", type=int, default=3, help="leagues of each preset")
    return run(options, measure, show)


if __name__ == "__main__":
    sys.exit(main())
