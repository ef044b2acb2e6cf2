"""The benchmarks are commands that work; what they find is theirs to say, on a machine that is quiet."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path

import pytest

from benchmarks import large_store, ratings
from league.config import LogConfig

FOLDER = Path(__file__).parents[2] / "benchmarks"
COMMANDS = sorted(path.stem for path in FOLDER.glob("*.py") if "\ndef main(" in path.read_text(encoding="utf-8"))


def test_the_list_is_complete() -> None:
    listed = re.findall(r"^\| `python -m benchmarks\.(\w+)", (FOLDER / "README.md").read_text(encoding="utf-8"), re.M)
    assert sorted(listed) == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    module = importlib.import_module(f"benchmarks.{name}")
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        module.main()
    assert ended.value.code == 0
    assert "usage:" in capsys.readouterr().out


def report(name: str, *options: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> object:
    """Run one, as a table and as JSON; the report."""
    module = importlib.import_module(f"benchmarks.{name}")
    monkeypatch.setattr(sys, "argv", [name, *options])
    assert module.main() == 0
    assert "machine" not in capsys.readouterr().out, "a table for people"
    monkeypatch.setattr(sys, "argv", [name, *options, "--json", "--check"])
    code = module.main()
    found = json.loads(capsys.readouterr().out)
    assert code == (0 if found["held"] else 1)
    return found


def test_backup(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = report("backup", "--policies", "40", "--matches", "400", monkeypatch=monkeypatch, capsys=capsys)
    assert found["held"], found
    assert found["matches"] >= 400


def test_ratings(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(ratings, "GAMES", 1000)
    found = report("ratings", "--seeds", "1", monkeypatch=monkeypatch, capsys=capsys)
    assert [row["schedule"] for row in found["rows"]] == ["scheduled", "scheduled", "round-robin", "round-robin"]
    assert all(0.5 < row["correlation"] < 1 for row in found["rows"])


def test_sprt(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = report("sprt", "--tests", "20", "--cap", "400", monkeypatch=monkeypatch, capsys=capsys)
    assert len(found["rows"]) == 6


def test_calibration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    large_store.build(str(tmp_path / "store"), policies=8, matches=400)
    found = report("calibration", str(tmp_path / "store"), monkeypatch=monkeypatch, capsys=capsys)
    assert found["matches"] == 400
    assert sum(row["matches"] for row in found["deciles"]["payoff"]) == 400


def test_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    large_store.build(str(tmp_path / "store"), policies=8, matches=40)
    options = ("--store", str(tmp_path / "store"), "--runs", "1")
    found = report("command_line", *options, monkeypatch=monkeypatch, capsys=capsys)
    assert (found["policies"], found["matches"]) == (8, 40)
    assert all(row["median_s"] > 0 for row in found["rows"].values())


def test_large_league(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("benchmarks.large_league.LogConfig", lambda: LogConfig(keep=300, segment=100))
    options = ("--policies", "60", "--present", "20", "--matches", "1000", "--workers", "40", "--seconds", "1")
    monkeypatch.setattr("benchmarks.fake_league.MATCH_S", 0.2)
    found = report("large_league", *options, monkeypatch=monkeypatch, capsys=capsys)
    assert found["matches"] > 1000, "those of the run are in the log"
    assert found["problems"] == []
    assert 0 < found["p50_ms"] <= found["p99_ms"] <= found["worst_ms"]
    assert found["archive_bytes"] > 0


@pytest.mark.long
def test_soak(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is lost however often it is killed; memory says little in so short a time."""
    monkeypatch.setattr(sys, "argv", ["soak", "--seconds", "30", "--kill-every", "7", "--json"])
    assert importlib.import_module("benchmarks.soak").main() == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["lost"], found["doubled"], found["problems"], found["recomputed"]) == (0, 0, [], True)
    assert found["kills"]["coordinator"] >= 2
    assert 0 < found["noted"] <= found["matches"]
    assert found["present"] < found["snapshots"], "retention was at work"
