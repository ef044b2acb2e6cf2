"""The numbers that stand for `auto`: what is chosen for the game and the machine where a knob is left at `None`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

AUTO_GAMES: Final = {True: 512, False: 16}
"""`rollout.games` by whether the game is batched, without lookahead."""
AUTO_PLIES: Final = {True: 32, False: 64}
"""`rollout.plies` by whether the game is batched, without lookahead."""
ANNEAL_MINIBATCHES: Final = 2000
"""`learning.anneal_steps` in minibatches."""
LOOKAHEAD_GAMES, LOOKAHEAD_PLIES = 2048, 16
"""`rollout.games` and `rollout.plies` with lookahead."""
AUTO_EVERY_STEPS: Final = {True: 2_000_000, False: 250_000}
"""`snapshots.every_steps` with lookahead, which learns from more moves a second and freezes more bytes, and without."""
EXPLORING_PLIES: Final = 12
"""`rollout.exploring_plies` where the length of the longest game is not known."""
EXPLORING_PART: Final = 6 / 7
"""Of the longest game, where it is known."""
AUTO_LEARNING: Final[Mapping[str, tuple[float, float]]] = {
    "gamma": (1.0, 0.97),
    "lambda_": (0.8, 0.9),
    "policy_loss_coeff": (0.0, 1.0),
    "vf_loss_coeff": (1.0, 0.5),
    "entropy_coeff": (0.0, 0.03),
    "anneal_to": (0.03, 0.1),
    "grad_clip": (1.0, 0.5),
    "num_epochs": (2, 2),
    "minibatch_size": (4096, 1024),
}
"""Keys of `learning` with lookahead, and without."""
AUTO_ROLLOUT: Final[Mapping[str, tuple[float, float]]] = {
    "exploring_share": (0.8, 0.5),
    "exploring_moves": (0.05, 0.0),
}
"""Keys of `rollout` with lookahead, and without."""
MOST_AUTO_STALENESS: Final = 4
"""`learning.staleness` where `learning.batch_size` is asked for, and runners who would rest with less are many."""
AUTO_RUNNERS: Final = 2
"""`rollout.runners` where there are `RUNNERS_FROM_CPUS` CPUs per learner."""
RUNNERS_FROM_CPUS: Final = 8
"""From so many CPUs per learner on, games are played in processes of their own."""
RUNNER_FROM_CPUS: Final = 2
"""From so many on, those of a learner whose network looks up tables are, or through an adapter, in one."""
AUTO_HIDDEN: Final[Mapping[str, tuple[int, ...]]] = {"mlp": (256, 256), "conv": (256, 256), "tables": (96, 32, 32)}
"""`network.hidden` by `network.kind`."""
