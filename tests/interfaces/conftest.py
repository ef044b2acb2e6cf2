"""A small real league, played once, and a way to type commands at it."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from small_league import CONFIG, NAMES, Command, Recorded, Result, fill

from league.games import game_spec
from league.interfaces.cli import run
from league.ladder.records import Snapshot
from league.matches.arena import Arena
from league.policies.weights import digest, fresh, pack
from league.pool.store import Store


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium. There may be no two at once in a process, and no other event loop beside it."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if (path := shutil.which(name)) is not None), None)
    with playwright.sync_playwright() as started:
        if found is None and not Path(started.chromium.executable_path).exists():
            pytest.skip("needs a Chromium: apt install chromium")
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        chromium = started.chromium.launch(executable_path=found, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core."""
    package = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    return (Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store") / "runs"


@pytest.fixture(scope="session")
def recorded(folder: Path) -> Iterator[Recorded]:
    """Plays every pair of three untrained snapshots and two bots; keeps the folder's server alive, too."""
    spec = game_spec(CONFIG.game)
    snapshots = []
    for number, name in enumerate(NAMES):
        weights = pack(fresh(spec, CONFIG.network, seed=number))
        snapshot = Snapshot(
            name=name,
            digest=digest(weights),
            learner="main",
            steps=1000 * number,
            created_s=50.0 + number,
            bytes=len(weights),
        )
        snapshots.append((snapshot, weights))
    with Store.open(str(folder), "source") as store:
        store.create(CONFIG)
        for snapshot, weights in snapshots:
            store.add_snapshot(snapshot, weights)
        arena = Arena(store, CONFIG)
        pairs = itertools.combinations((*NAMES, "uniform", "perfect"), 2)
        matches = [arena.play(*pair, games=20, seed=seed) for seed, pair in enumerate(pairs)]
        yield Recorded(snapshots=tuple(snapshots), matches=tuple(matches))


@pytest.fixture(scope="session")
def filled(folder: Path, recorded: Recorded) -> str:
    """The name of a league that no test changes."""
    with Store.open(str(folder), "filled") as store:
        fill(store, recorded)
    return "filled"


@pytest.fixture
def own(folder: Path, recorded: Recorded, request: pytest.FixtureRequest) -> Iterator[Store]:
    """A league of the test's own, to be changed."""
    name = "".join(character if character.isalnum() else "-" for character in request.node.name)[:64]
    with Store.open(str(folder), name) as store:
        fill(store, recorded)
        yield store


@pytest.fixture
def league(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, folder: Path, filled: str) -> Command:
    """Type a command at the league that nobody changes; `at` names another store or league."""
    monkeypatch.setenv("LEAGUE_STORE", str(folder))
    monkeypatch.setenv("LEAGUE_NAME", filled)

    def call(*arguments: str, at: Store | None = None) -> Result:
        if at is not None:
            monkeypatch.setenv("LEAGUE_NAME", at.league)
        capsys.readouterr()
        code = run(arguments)
        captured = capsys.readouterr()
        return Result(code=code, out=captured.out, err=captured.err)

    return call


@pytest.fixture
def refused(league: Command) -> Callable[..., str]:
    """Type a command that must be refused: exit code 2, nothing printed, and one line, which is returned."""

    def call(*arguments: str, at: Store | None = None) -> str:
        result = league(*arguments, at=at)
        assert (result.code, result.out) == (2, "")
        assert result.err.startswith("league: ")
        assert result.err.count("\n") == 1
        return result.err

    return call
