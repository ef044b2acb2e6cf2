"""The benchmarks are commands that work; what they find is theirs to say, on a machine that is quiet."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path

import pytest

from benchmarks import backup, honesty, large_store, ratings
from league.config import LeagueConfig, LogConfig
from league.games import game_spec
from league.ladder.records import Match, Promotion, Snapshot, Tally
from league.policies.weights import digest, fresh, pack
from league.pool.store import Store

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


@pytest.mark.long
def test_a_backup_of_a_league_at_work_goes_on_where_it_was(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of 10,000 matches: `status --verify` agrees, and training goes on from the checkpoint."""
    monkeypatch.setattr(sys, "argv", ["backup", "--policies", "40", "--json", "--check"])
    code = backup.main()
    found = json.loads(capsys.readouterr().out)
    assert (code, found["held"]) == (0, True), found
    assert found["matches"] > 10_000
    assert found["recorded_meanwhile"] >= 0
    assert found["from_steps"] < found["to_steps"]
    backup.show(found)


def test_ratings(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(ratings, "GAMES", 1000)
    found = report("ratings", "--seeds", "1", monkeypatch=monkeypatch, capsys=capsys)
    schedules = [row["schedule"] for row in found["rows"]]
    assert schedules == ["scheduled", "scheduled", "anchored", "anchored", "round-robin", "round-robin"]
    assert all(0.5 < row["correlation"] < 1 for row in found["rows"])


def test_sprt(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = report("sprt", "--tests", "20", "--races", "10", "--cap", "400", monkeypatch=monkeypatch, capsys=capsys)
    assert len(found["rows"]) == 6
    assert [row["workers"] for row in found["workers"]] == [1, 4, 16, 64]


def test_inflation(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = report("inflation", "--seeds", "1", "--snapshots", "12", monkeypatch=monkeypatch, capsys=capsys)
    assert [row["share"] for row in found["rows"]] == [0.0, 0.0, 0.15, 0.15, 0.3, 0.3, 0.5, 0.5]


def test_honesty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A champion that plays at random, of which the log says that it loses every game: it is found out."""
    config = LeagueConfig(game="tic_tac_toe")
    with Store.open(str(tmp_path / "store")) as store:
        store.create(config)
        weights = pack(fresh(game_spec(config.game), config.network, seed=0))
        snapshot = Snapshot(
            name="main-0000", digest=digest(weights), learner="main", steps=0, created_s=0.0, bytes=len(weights)
        )
        store.add_snapshot(snapshot, weights)
        store.promote(Promotion(policy="main-0000", digest=snapshot.digest, by="me", reason="", promoted_s=0.0))
        lost = Match(match_id="1", row="main-0000", column="uniform", results={"01": Tally(0, 0, 200)}, played_s=0.0)
        store.record(lost)
    monkeypatch.setattr(honesty, "CHAMPION_GAMES", 40)
    found = report("honesty", str(tmp_path / "store"), "--games", "40", monkeypatch=monkeypatch, capsys=capsys)
    (row,) = found["pairs"]
    assert row["champion_and_bot"]
    assert (found["matches"], found["matches_with_anchors"]) == (1, 1)
    assert row["predicted"]["value"] < 0.05 < 0.15 < row["seen"]["value"]
    assert not found["held"]
    assert not row["held"]


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
    monkeypatch.setattr("benchmarks.long_league.LogConfig", lambda: LogConfig(keep=300, segment=100))
    league = ("--policies", "60", "--present", "20", "--matches", "1000")
    work = ("--workers", "40", "--seconds", "1", "--match-seconds", "0.2")
    found = report("large_league", *league, *work, monkeypatch=monkeypatch, capsys=capsys)
    assert found["matches"] > 1000, "those of the run are in the log"
    assert found["problems"] == []
    assert 0 < found["p50_ms"] <= found["p99_ms"] <= found["worst_ms"]
    assert found["archive_bytes"] > 0
    assert 0 < found["full_at_results_per_s"] < 100_000


@pytest.mark.long
@pytest.mark.timeout(900)
def test_soak(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is lost however often it is killed; memory says little in so short a time."""
    monkeypatch.setattr(sys, "argv", ["soak", "--iterations", "300", "--kill-every", "4", "--json"])
    assert importlib.import_module("benchmarks.soak").main() == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["lost"], found["doubled"], found["problems"], found["recomputed"]) == (0, 0, [], True)
    assert found["kills"]["coordinator"] >= 2
    assert found["commands"]["wrong"] == []
    assert found["commands"]["killed"] + found["commands"]["ended"] >= 3
    assert 0 < found["noted"] <= found["matches"]
    assert found["present"] < found["snapshots"], "retention was at work"
