"""Leagues that learn in seconds: their settings, and how one is run."""

from collections.abc import Callable
from pathlib import Path

from league.actors.driver import keep, resumable
from league.config import LeagueConfig, load_config
from league.pool.store import Store
from league.view.progress import Progress

SMALL = [
    "game=tic_tac_toe",
    "network.hidden=[32]",
    "rollout.runners=0",
    "rollout.games=64",
    "rollout.plies=16",
    "learning.minibatch_size=512",
    "snapshots.every_steps=3000",
    "snapshots.checkpoint_every_s=1",
    "arena.games=8",
    "arena.share=0.5",
    "arena.closing_s=10",
    "promotion.elo1=200",
]

Run = Callable[..., Progress]


def small(*settings: str, file: Path | None = None) -> LeagueConfig:
    """A configuration that learns in seconds; later settings win."""
    return load_config(file=file, settings=[*SMALL, *settings])


def prepare(store: Store, config: LeagueConfig) -> None:
    """What the start of a run does with its configuration: check it, then keep it."""
    keep(store, resumable(store, config))
