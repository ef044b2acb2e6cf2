"""Commands that only read."""

from __future__ import annotations

import tomllib
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from small_league import CONFIG, Command, Recorded

from league.config import LeagueConfig
from league.installation import installing
from league.pool.lease import Holder
from league.pool.store import Store
from league.status import STALE_S, Status

Refused = Callable[..., str]


def test_the_leaderboard_ranks_everyone_and_marks_the_champion(league: Command) -> None:
    lines = league("leaderboard").out.splitlines()
    assert lines[0].split() == ["rank", "policy", "Elo", "±", "95%", "games", "uniform", "perfect", "steps"]
    assert len(lines) == 7, "with a line of what the marks mean"
    assert lines[1].split()[:2] == ["1", "perfect"]
    assert sum("★ main-0001" in line for line in lines) == 1
    assert next(line for line in lines[1:] if "uniform" in line).split()[2] == "+0"


def test_the_leaderboard_for_programs(league: Command, recorded: Recorded) -> None:
    rows = league("leaderboard", "--json").json
    assert [row["rank"] for row in rows] == [1, 2, 3, 4, 5]
    assert {row["policy"]: row["kind"] for row in rows}["perfect"] == "bot"
    assert all(row["games"] == sum(row["results"].values()) == recorded.games(row["policy"]) for row in rows)
    assert [row["policy"] for row in rows if row["is_champion"]] == ["main-0001"]
    assert rows[:2] == league("leaderboard", "--top", "2", "--json").json


def test_the_leaderboard_as_a_picture(league: Command, tmp_path: Path) -> None:
    picture = tmp_path / "new" / "board.svg"
    assert league("leaderboard", "--svg", str(picture)).code == 0
    text = "".join(ElementTree.parse(picture).getroot().itertext())
    assert "main-0002" in text
    assert "…" not in text
    assert list(picture.parent.iterdir()) == [picture]


def test_a_policy_without_games_is_unrated(league: Command, folder: Path, recorded: Recorded) -> None:
    with Store.open(str(folder), "unplayed") as store:
        store.create(CONFIG)
        assert league("leaderboard", at=store).out == "no policies yet\n"
        assert league("matches", at=store).out == "no matches yet\n"
        assert league("champion", at=store).out == "no champion yet\n"
        assert league("champion", "--json", at=store).json is None
        assert league("status", at=store).out.count("never run") == 1
        store.add_snapshot(*recorded.snapshots[0])
        assert "unrated" in league("leaderboard", at=store).out


def test_matches_as_a_table(league: Command) -> None:
    lines = league("matches").out.splitlines()
    assert lines[0].split() == ["policy", "1", "2", "3", "4", "5"]
    assert lines[1].split()[:3] == ["1", "perfect", "—"]
    assert lines[-1].startswith("score of the row")


def test_matches_for_programs(league: Command, recorded: Recorded) -> None:
    pairs = league("matches", "--json").json
    assert len(pairs) == 10
    for pair in pairs:
        match = next(m for m in recorded.matches if {m.row, m.column} == {pair["row"], pair["column"]})
        total = match.total if match.row == pair["row"] else match.total.mirrored()
        assert list(pair["results"].values()) == list(total)
        assert pair["score"] == total.score
        assert set(pair["by_seating"]) == {"01", "10"}


def test_the_latest_matches(league: Command, recorded: Recorded) -> None:
    latest = league("matches", "--last", "3", "--json").json
    assert [match["match_id"] for match in latest] == [match.match_id for match in recorded.matches[:-4:-1]]
    lines = league("matches", "--last", "3").out.splitlines()
    assert [line.split()[-1] for line in lines[1:]] == [match["match_id"][:12] for match in latest]


@pytest.mark.parametrize(("name", "start"), [("payoff.png", b"\x89PNG"), ("payoff.svg", b"<?xml")])
def test_matches_as_an_image(league: Command, tmp_path: Path, name: str, start: bytes) -> None:
    assert league("matches", "--image", str(tmp_path / name)).code == 0
    assert (tmp_path / name).read_bytes().startswith(start)


def test_an_image_that_cannot_be_drawn(
    refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    assert ".png, .svg, .pdf" in refused("matches", "--image", str(tmp_path / "payoff.gif"))
    with Store.open(str(folder), "nothing-to-draw") as store:
        store.create(CONFIG)
        assert "nothing to draw" in refused("matches", "--image", str(tmp_path / "payoff.png"), at=store)
    monkeypatch.setattr("league.interfaces.cli.heatmap.find_spec", lambda package: None)
    assert installing("plot") in refused("matches", "--image", str(tmp_path / "payoff.png"))
    assert not list(tmp_path.iterdir())


def test_status(league: Command, own: Store) -> None:
    shown = league("status", at=own).out
    for part in ("tic_tac_toe", "training", "3 snapshots", "main-0001", "1,234", "entropy 1.5", "[bold]back[/bold]"):
        assert part in shown
    found = league("status", "--json", "--events", "0", at=own).json
    assert (found["phase"], found["matches"], found["events"]) == ("training", 10, [])
    assert found["learners"]["main"]["steps"] == 3000
    assert found["verification"] is None


def test_status_names_the_run_that_holds_the_league(league: Command, own: Store) -> None:
    assert league("status", "--json", at=own).json["trained_by"] is None
    holder = Holder.here()
    own.acquire(holder)
    assert league("status", "--json", at=own).json["trained_by"]["run"] == holder.run
    assert f"pid {holder.pid} on {holder.host}" in league("status", at=own).out


def test_a_silent_coordinator_is_not_running(league: Command, own: Store) -> None:
    own.set_status({"phase": "training"}, now_s=1000.0)
    assert league("status", "--json", at=own).json["phase"] == "not running"
    said = Status(phase="training", heartbeat_s=100.0)
    assert said.phase_at(100.0 + STALE_S) == "training"
    assert said.phase_at(100.1 + STALE_S) == "not running"
    assert (said.at_work(100.0 + STALE_S), said.at_work(100.1 + STALE_S)) == (True, False)
    stopped = Status(phase="stopped", heartbeat_s=100.0)
    assert stopped.phase_at(9999.0) == "stopped"
    assert not stopped.at_work(100.0)


def test_verification_of_a_whole_store(league: Command) -> None:
    result = league("status", "--verify")
    assert result.code == 0
    assert "checked 10 matches, 3 snapshots, 2 promotions" in result.out
    assert "ratings and payoff equal those recomputed from the match log" in result.out


def test_verification_of_a_damaged_store(league: Command, own: Store, recorded: Recorded) -> None:
    snapshot = recorded.snapshots[2][0]
    own._call("SET", own._keys.weights(snapshot.digest), b"damaged")
    own._call("HDEL", own._keys.ratings, "uniform")
    result = league("status", "--verify", at=own)
    assert result.code == 1
    assert "rating of uniform" in result.out
    assert snapshot.digest in result.out
    assert "equal those" not in result.out
    problems = league("status", "--verify", "--json", at=own)
    assert problems.code == 1
    assert len(problems.json["verification"]["problems"]) == 2


def test_the_champion_and_its_history(league: Command) -> None:
    assert league("champion", "--json").json["policy"] == "main-0001"
    assert "rated highest" in league("champion").out
    assert [one["policy"] for one in league("champion", "--history", "--json").json] == ["main-0001", "main-0000"]
    assert [line.split()[2] for line in league("champion", "--history").out.splitlines()[1:]] == [
        "main-0001",
        "main-0000",
    ]


def test_games(league: Command) -> None:
    rows = {row["game"]: row for row in league("games", "--json").json}
    assert rows["connect_four"]["shape"] == [6, 7, 2]
    assert rows["connect_four"]["batched"] is True
    assert rows["tic_tac_toe"]["bots"] == ["uniform", "mcts-100", "mcts-1000", "perfect"]
    assert rows["tictactoe_v3"]["batched"] is False
    result = league("games")
    assert "negamax-1…8" in result.out
    assert result.err == ""


def test_the_configuration_can_be_read_back(league: Command) -> None:
    assert LeagueConfig.from_dict(tomllib.loads(league("config").out)) == CONFIG
    assert LeagueConfig.from_dict(league("config", "--json").json) == CONFIG
    defaults = league("config", "--defaults").out
    assert LeagueConfig.from_dict(tomllib.loads(defaults)) == LeagueConfig()
    assert "# rollout.runners = auto" in defaults


def test_presets(league: Command) -> None:
    listed = league("presets", "--json").json
    assert set(listed) == {line.split()[0] for line in league("presets").out.splitlines()[1:]}
    assert all(text.endswith(".") for text in listed.values()), "whole sentences"


def test_a_value_of_any_length_is_refused_in_a_line_that_can_be_read(refused: Refused) -> None:
    said = refused("evaluate", "main-" + "9" * 5000, "--against", "uniform")
    assert len(said) < 2100
    assert "main-999" in said[:60]


@pytest.mark.parametrize("command", ["leaderboard", "matches", "status", "champion", "config", "rollback", "promote"])
def test_a_league_that_is_not_there(refused: Refused, tmp_path: Path, command: str) -> None:
    assert "league train" in refused(command, "--store", str(tmp_path / "none"))
    assert not list(tmp_path.iterdir())
    assert "no league 'other'" in refused(command, "--league", "other")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://somewhere", "redis://"),
        ("redis://127.0.0.1:1", "no server answers"),
        (__file__, "not a folder"),
        (" ", "empty"),
    ],
)
def test_a_store_that_is_none(refused: Refused, monkeypatch: pytest.MonkeyPatch, address: str, reason: str) -> None:
    monkeypatch.setattr(Store, "open", partial(Store.open, timeout_s=0.1))
    assert reason in refused("leaderboard", "--store", address)
