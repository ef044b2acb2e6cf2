"""Small, fast leagues on a real Ray with a real store."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from league.actors.driver import run_league
from league.config import LeagueConfig, load_config
from league.pool.store import Store
from league.view.progress import Limits, Progress

SMALL = [
    "game=tic_tac_toe",
    "network.hidden=[32]",
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


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path / "store")


@pytest.fixture
def store(folder: str) -> Iterator[Store]:
    with Store.open(folder) as opened:
        yield opened


@pytest.fixture
def run(store: Store, folder: str, tmp_path: Path) -> Run:
    """Run the league in `folder` in this process."""

    def start(
        config: LeagueConfig,
        *,
        steps: int | None = None,
        seconds: float | None = None,
        watch: Callable[[Progress], None] = lambda progress: None,
    ) -> Progress:
        limits = Limits(steps=steps, seconds=seconds)
        return run_league(store, folder, config, limits=limits, log_dir=str(tmp_path / "logs"), watch=watch)

    return start
