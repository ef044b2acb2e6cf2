"""`league play --web` as a command."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from importlib import util
from pathlib import Path

import pytest

PROGRAM = "from league.interfaces.cli import main; main()"


def test_the_command_serves_and_ends_cleanly(folder: Path, filled: str) -> None:
    pytest.importorskip("gradio", reason="needs the extra play")
    words = ["play", "main-0002", "--web", "--port", "0", "--name", "anna", "--store", str(folder), "--league", filled]
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", PROGRAM, *words], stdout=-1, stderr=-1, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert url.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(url) as answer:
        text = answer.read().decode()
    assert "anna" in text
    assert "main-0002" in text
    with urllib.request.urlopen(f"{url}gradio_api/heartbeat/abc") as stream:  # As a tab that is open.
        assert stream.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "")


def test_the_missing_extra_is_named(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("league.interfaces.cli.play.find_spec", lambda name: None)
    assert util.find_spec("league") is not None
    assert "install -e '.[play]'" in refused("play", "--web")
