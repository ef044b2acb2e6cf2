"""A game that hangs while the coordinator builds it, where no signal reaches; without Ray."""

import importlib
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from league.actors import coordinator
from league.actors.coordinator import Coordinator
from league.actors.place import Place
from league.pool.lease import Holder


def test_it_ends_the_start_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stuck_game.py").write_text("def env(over):\n    over.wait()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    game, over = importlib.import_module("stuck_game"), threading.Event()
    monkeypatch.setattr(
        coordinator.ray, "get_runtime_context", lambda: SimpleNamespace(was_current_actor_reconstructed=False)
    )
    monkeypatch.setattr(coordinator, "PATIENCE_S", 0.3)
    monkeypatch.setattr(coordinator.League, "open", lambda place: game.env(over))
    started = Coordinator(Place(store="any", league="league", log_dir="", holder=Holder.here()))
    began = time.monotonic()
    started.start()
    try:
        while started.phase != "failed":  # Whether or not anybody asks.
            assert time.monotonic() < began + 30
            time.sleep(0.01)
        assert time.monotonic() > began + 0.3
        state = started.state()
        assert "stuck_game.py:2, in env: over.wait()" in state.stage
        assert str(state.failure).startswith("the game is not built after 0 s: ")
        assert str(state.failure).endswith("stuck_game.py:2, in env: over.wait()")
    finally:
        over.set()
