"""`league tensorboard`: TensorBoard itself, on the files of a league."""

from __future__ import annotations

import importlib.util
import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from tensorboardX import SummaryWriter

from league.interfaces.cli import run
from league.interfaces.cli.train import log_folder


def test_a_league_without_files_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tensorboard", "--store", str(tmp_path / "runs")]) == 2
    assert f"no event files at {tmp_path / 'runs' / 'tensorboard'}" in capsys.readouterr().err


def test_event_files_are_beside_the_store_also_where_that_is_below_a_home() -> None:
    assert log_folder("~/runs/x", "league") == Path.home().resolve() / "runs" / "x" / "tensorboard"


def test_without_the_extra_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("league.interfaces.cli.tensorboard.find_spec", lambda name: None)
    assert run(["tensorboard", str(tmp_path)]) == 2
    assert "tensorboard is not installed" in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="needs the extra tensorboard")
def test_the_curves_are_served_on_this_machine_alone(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "tensorboard" / "main"
    with SummaryWriter(str(folder)) as writer:
        writer.add_scalar("elo/newest", 100.0, 5)
    words = ["tensorboard", "--store", str(tmp_path / "runs"), "--port", "0"]
    script = f"from league.interfaces.cli import run; raise SystemExit(run({words!r}))"
    log = tmp_path / "log"
    with log.open("w") as out:
        process = subprocess.Popen([sys.executable, "-uc", script], stdout=out, stderr=out, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while not (found := re.search(r"http://[\w.]+:\d+", log.read_text(encoding="utf-8"))):
            assert time.monotonic() < deadline
            assert process.poll() is None, log.read_text(encoding="utf-8")
            time.sleep(0.1)
        assert found[0].startswith(("http://127.0.0.1:", "http://localhost:"))
        while not (runs := json.load(urllib.request.urlopen(f"{found[0]}/data/runs", timeout=10))):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert runs == ["main"]
    finally:
        import os

        os.killpg(process.pid, signal.SIGINT)
        process.wait(20)
