"""Small, fast leagues on a real Ray with a real store."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import ray

from league.actors.driver import run_league
from league.cluster.session import ray_session
from league.config import LeagueConfig
from league.pool.store import Store
from league.view.progress import Limits, Progress
from tests.actors.small_runs import Run

ENDING_S = 30


@pytest.fixture(scope="module")
def ray_for_all() -> Iterator[None]:
    """One Ray for the tests of a file: it takes as long to start and end as a small league to train."""
    with ray_session():
        yield


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path / "store")


@pytest.fixture
def store(folder: str) -> Iterator[Store]:
    with Store.open(folder) as opened:
        yield opened


@pytest.fixture
def run(store: Store, folder: str, tmp_path: Path) -> Run:
    """Run the league in `folder` in this process; nothing of it is left on a Ray that goes on."""

    def start(
        config: LeagueConfig,
        *,
        steps: int | None = None,
        seconds: float | None = None,
        watch: Callable[[Progress], None] = lambda progress: None,
    ) -> Progress:
        limits = Limits(steps=steps, seconds=seconds)
        try:
            return run_league(store, folder, config, limits=limits, log_dir=str(tmp_path / "logs"), watch=watch)
        finally:
            clear()

    return start


def clear() -> None:
    """End what a league that failed left: its error holds it. Named actors go a moment after their last handle."""
    deadline = time.monotonic() + ENDING_S
    while ray.is_initialized() and (left := ray.util.list_named_actors(all_namespaces=True)):
        assert time.monotonic() < deadline, left
        for actor in left:
            with contextlib.suppress(ValueError):  # It has just gone.
                ray.kill(ray.get_actor(**actor))
        time.sleep(0.05)
