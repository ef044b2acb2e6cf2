"""`league play --web` as a command."""

from __future__ import annotations

import contextlib
import html
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from importlib import util
from pathlib import Path

import pytest


@contextlib.contextmanager
def serving(words: Sequence[str], folder: Path, league: str) -> Iterator[str]:
    """A command that serves a page, at a free port; its address."""
    command = [*words, "--port", "0", "--store", str(folder), "--league", league]
    with subprocess.Popen([sys.executable, "-W", "ignore", "-m", "league", *command], stdout=-1, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.send_signal(signal.SIGINT)


def asked(url: str) -> str:
    with urllib.request.urlopen(url) as answer:
        return html.unescape(answer.read().decode())


def test_the_dashboard_links_to_it_as_the_guide_says(folder: Path, filled: str) -> None:
    """The two lines of the guide, but for the ports."""
    pytest.importorskip("gradio", reason="needs the extra play")
    guide = (Path(__file__).parents[3] / "docs" / "guide.md").read_text(encoding="utf-8")
    play = shlex.split(re.search("^league (play --web)$", guide, re.MULTILINE)[1])
    dashboard = shlex.split(re.search("`league (dashboard --play [^`]+)`", guide)[1])
    assert dashboard[-1] == "http://127.0.0.1:7860/", "where league play --web is without --port"
    with serving(play, folder, filled) as board, serving([*dashboard[:-1], board], folder, filled) as page:
        link = re.search(f'href="({re.escape(board)}[^"]*)"', asked(f"{page}policies/main-0002"))
        assert link is not None
        assert link[1] == f"{board}?policy=main-0002"
        assert "Tic-tac-toe against filled" in asked(link[1])


def test_the_command_serves_and_ends_cleanly(folder: Path, filled: str) -> None:
    pytest.importorskip("gradio", reason="needs the extra play")
    words = ["play", "main-0002", "--web", "--port", "0", "--name", "anna", "--store", str(folder), "--league", filled]
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "league", *words], stdout=-1, stderr=-1, text=True
    )
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
