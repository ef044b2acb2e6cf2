"""A game that hangs while the coordinator builds it, where no signal reaches; without Ray."""

import importlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from league.actors import coordinator
from league.actors.coordinator import Coordinator
from league.actors.place import Place
from league.pool.lease import Holder


@pytest.fixture
def hanging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Coordinator]:
    """A coordinator whose game hangs until the end of the test."""
    (tmp_path / "stuck_game.py").write_text("def env(over):\n    over.wait()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    game, over = importlib.import_module("stuck_game"), threading.Event()
    monkeypatch.setattr(
        coordinator.ray, "get_runtime_context", lambda: SimpleNamespace(was_current_actor_reconstructed=False)
    )
    monkeypatch.setattr(coordinator.League, "open", lambda place: game.env(over))
    yield Coordinator(Place(store="any", league="league", log_dir="", holder=Holder.here()))
    over.set()


def wait_for(phase: str, of: Coordinator) -> None:
    """Whether or not anybody asks how it is."""
    began = time.monotonic()
    while of.phase != phase:
        assert time.monotonic() < began + 30
        time.sleep(0.01)


def test_it_ends_the_start_with_its_line(hanging: Coordinator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coordinator, "PATIENCE_S", 0.3)
    began = time.monotonic()
    hanging.start()
    wait_for("failed", hanging)
    assert time.monotonic() > began + 0.3
    state = hanging.state()
    assert "stuck_game.py:2, in env: over.wait()" in state.stage
    assert str(state.failure).startswith("the game is not built after 0 s: ")
    assert str(state.failure).endswith("stuck_game.py:2, in env: over.wait()")


def test_who_does_not_want_to_wait_for_it_need_not(hanging: Coordinator) -> None:
    hanging.start()
    while "stuck_game.py:2" not in hanging.state().stage:
        time.sleep(0.01)
    hanging.stop(0.0)
    wait_for("stopped", hanging)
    assert hanging.failure is None
