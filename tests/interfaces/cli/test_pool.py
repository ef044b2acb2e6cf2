"""`league pool`: listing, pruning, and carrying policies from one league to another."""

from __future__ import annotations

import dataclasses
import getpass
import json
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from small_league import CONFIG, Command, Recorded

from league.config import LeagueConfig
from league.games import game_spec
from league.ladder.records import Snapshot
from league.policies.weights import digest, fresh, pack
from league.pool.store import Store

Refused = Callable[..., str]
ONE = ("--set", "retention.newest=1")
"""The rule in these tests: all snapshots are of one epoch, and two of them were champions."""


@pytest.fixture
def other(folder: Path, recorded: Recorded, request: pytest.FixtureRequest) -> Iterator[Store]:
    """Another league of the same game, empty."""
    name = "other-" + "".join(character if character.isalnum() else "-" for character in request.node.name)[:50]
    with Store.open(str(folder), name) as store:
        store.create(CONFIG)
        yield store


@pytest.fixture
def pruned(own: Store) -> Snapshot:
    """One that was pruned, the only one that never was champion."""
    snapshot = own.snapshots()[2]
    own.prune([snapshot.name], by="anna", now_s=1_790_000_000.0)
    return snapshot


def names(store: Store) -> list[str]:
    return [snapshot.name for snapshot in store.snapshots()]


def pack_of(seed: int) -> bytes:
    return pack(fresh(game_spec(CONFIG.game), CONFIG.network, seed=100 + seed))


def snapshot_of(name: str, weights: bytes, steps: int = 0) -> Snapshot:
    return Snapshot(
        name=name, digest=digest(weights), learner="main", steps=steps, created_s=1.0, bytes=len(weights), parent=None
    )


def test_help_without_a_command(league: Command) -> None:
    result = league("pool")
    assert result.code == 0
    assert all(word in result.out for word in ("list", "show", "prune", "export", "import"))
    assert "league pool prune --dry-run" in league("pool", "prune", "--help").out


def test_the_list(league: Command, own: Store, pruned: Snapshot, recorded: Recorded) -> None:
    lines = league("pool", "list", at=own).out.splitlines()
    assert lines[0].split()[:3] == ["policy", "learner", "steps"]
    assert len(lines) == 4
    assert "champion, anchor, newest" in lines[1]
    assert lines[2].startswith("★ main-0001")
    assert "pruned 20" in lines[3]
    rows = league("pool", "list", "--json", at=own).json
    assert [row["policy"] for row in rows] == ["main-0000", "main-0001", "main-0002"]
    assert [row["is_champion"] for row in rows] == [False, True, False]
    assert [row["keep"] for row in rows] == [True, True, False]
    assert rows[0]["kept_because"][:3] == ["champion", "anchor", "newest"]
    assert rows[2]["pruned"] == {"by": "anna", "pruned_s": 1_790_000_000.0}
    assert rows[2]["sha256"] == pruned.digest
    assert all(row["games"] == recorded.games(row["policy"]) and isinstance(row["elo"], float) for row in rows)


def test_an_empty_pool(league: Command, refused: Refused, other: Store, tmp_path: Path) -> None:
    assert league("pool", "list", at=other).out == "no policies yet\n"
    assert league("pool", "list", "--json", at=other).json == []
    assert league("pool", "prune", "--yes", at=other).out == "pruned 0 of 0 snapshots, 0 B\n"
    assert "no policies to export" in refused("pool", "export", "--all", "-o", str(tmp_path / "x.zip"), at=other)
    assert not list(tmp_path.iterdir())


def test_one_of_them(league: Command, refused: Refused, own: Store, pruned: Snapshot, recorded: Recorded) -> None:
    shown = league("pool", "show", "champion", at=own).out
    assert "main-0001 (the champion)" in shown
    assert "kept: champion, anchor, newest" in shown
    gone = league("pool", "show", pruned.digest[:8], at=own).out
    assert "by anna; metadata, rating and matches remain" in gone
    row = league("pool", "show", pruned.name, "--json", at=own).json
    assert row["games"] == sum(row["results"].values()) == recorded.games(pruned.name)
    assert row["pruned"]["by"] == "anna"
    assert "fixed bot" in refused("pool", "show", "uniform", at=own)
    assert "did you mean" in refused("pool", "show", "main-0009", at=own)


def test_a_dry_run_changes_nothing(league: Command, own: Store) -> None:
    result = league("pool", "prune", "--dry-run", *ONE, at=own)
    assert result.code == 0
    assert result.out.splitlines()[-1] == "0 of 3 snapshots would be pruned, 0 B"
    rows = league("pool", "prune", "--dry-run", *ONE, "--json", at=own).json
    assert [(row["policy"], row["keep"]) for row in rows] == [(name, True) for name in names(own)]
    assert own.pruned() == {}


def test_pruning_of_those_that_no_rule_keeps(league: Command, refused: Refused, own: Store) -> None:
    for number in range(3, 6):
        weights = pack_of(number)
        own.add_snapshot(snapshot_of(f"main-{number:04d}", weights, steps=1000 * number), weights)
    before = (own.ratings(), own.payoff(), own.match_count(), own.snapshots())
    rows = league("pool", "prune", "--dry-run", *ONE, "--json", at=own).json
    going = [row["policy"] for row in rows if not row["keep"]]
    assert set(going) == {"main-0002", "main-0004"}, "0, 1 and 3 are anchors, 5 is the newest"
    assert f"{len(going)} of 6 snapshots would be pruned" in league("pool", "prune", "--dry-run", *ONE, at=own).out
    assert "--dry-run, then give --yes" in refused("pool", "prune", *ONE, at=own)
    assert own.pruned() == {}

    result = league("pool", "prune", *ONE, "--yes", at=own)
    assert (result.code, result.out.split(",")[0]) == (0, f"pruned {len(going)} of 6 snapshots")
    assert (own.ratings(), own.payoff(), own.match_count(), own.snapshots()) == before
    assert [s.name for s in own.snapshots() if s.digest in own.pruned()] == going
    assert {record.by for record in own.pruned().values()} == {getpass.getuser()}
    assert own.events()[0]["kind"] == "pruned"
    assert league("status", "--verify", at=own).code == 0
    assert league("pool", "prune", *ONE, "--yes", "--json", at=own).json == []


def test_a_person_may_say_no(league: Command, own: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = pack_of(3)
    own.add_snapshot(snapshot_of("main-0003", weights, steps=3000), weights)
    own.add_snapshot(snapshot_of("main-0004", pack_of(4), steps=3001), pack_of(4))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda text, **options: False)
    assert "pruned 0 of 5 snapshots" in league("pool", "prune", *ONE, at=own).out
    assert own.pruned() == {}
    monkeypatch.setattr("typer.confirm", lambda text, **options: True)
    assert league("pool", "prune", *ONE, at=own).code == 0
    assert own.pruned()


@pytest.mark.parametrize("setting", ["retention.newst=1", "retention.newest=0", "learning.lr=1", "newest=1"])
def test_a_rule_that_is_none(refused: Refused, own: Store, setting: str) -> None:
    assert "retention" in refused("pool", "prune", "--yes", "--set", setting, at=own)


@pytest.mark.parametrize(
    "command",
    [
        ("promote", "main-0002"),
        ("evaluate", "main-0002", "--against", "uniform"),
        ("evaluate", "uniform", "--against", "main-0002"),
        ("export", "main-0002", "--format", "safetensors"),
        ("play", "main-0002"),
        ("pool", "export", "main-0002"),
    ],
)
def test_a_pruned_policy_says_so(refused: Refused, own: Store, pruned: Snapshot, command: tuple[str, ...]) -> None:
    said = refused(*command, at=own)
    assert "main-0002 was pruned on 20" in said
    assert "by anna: its weights are gone, its metadata, rating and matches remain" in said


def test_status_counts_the_pruned(league: Command, own: Store, pruned: Snapshot) -> None:
    found = league("status", "--json", at=own).json
    assert (found["snapshots"], found["pruned_snapshots"]) == (3, 1)
    assert found["bytes"] == sum(snapshot.bytes for snapshot in own.snapshots() if snapshot != pruned)
    assert "3 snapshots, 1 of them pruned" in league("status", at=own).out


def test_pruned_policies_stay_on_the_leaderboard(league: Command, own: Store) -> None:
    before = league("leaderboard", at=own).out
    own.prune(["main-0002"], by="anna", now_s=1.0)
    assert league("leaderboard", at=own).out == before


@pytest.mark.parametrize("name", ["pool.tar", "pool.tar.gz", "pool.zip", "pool"])
def test_from_one_league_to_another(
    league: Command, own: Store, other: Store, recorded: Recorded, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "new" / name
    result = league("pool", "export", "--all", "--output", str(path), at=own)
    assert result.code == 0
    assert "main-0000, main-0001, main-0002" in result.out
    assert list(path.parent.iterdir()) == [path]

    rows = league("pool", "import", str(path), "--json", at=other).json
    assert [(row["their_name"], row["policy"], row["action"]) for row in rows] == [
        (name, f"imported.{name}", "added") for name in names(own)
    ]
    for ours, (theirs, weights) in zip(other.snapshots(), recorded.snapshots, strict=True):
        assert (ours.learner, ours.parent, ours.steps) == ("imported.main", None, theirs.steps)
        assert other.weights(ours.digest) == weights
    assert other.verify().problems == ()
    assert other.events()[0]["text"].endswith(f"from league {own.league!r}")
    assert league("evaluate", "imported.main-0001", "--against", "uniform", "--games", "2", at=other).code == 0

    again = league("pool", "import", str(path), at=other)
    assert again.code == 0
    assert [line.split()[2] for line in again.out.splitlines()[1:]] == ["present"] * 3
    assert len(other.snapshots()) == 3


def test_some_of_them(league: Command, refused: Refused, own: Store, tmp_path: Path) -> None:
    path = str(tmp_path / "some")
    start = own.snapshots()[0].digest[:8]
    found = league("pool", "export", "champion", start, "main-0001", "-o", path, "--json", at=own).json
    assert found["policies"] == ["main-0000", "main-0001"]
    assert "exists already, and is not an empty folder" in refused("pool", "export", "--all", "-o", path, at=own)
    assert "or give --all" in refused("pool", "export", "-o", path, at=own)
    assert "or give --all" in refused("pool", "export", "main-0000", "--all", "-o", path, at=own)
    assert "fixed bot" in refused("pool", "export", "uniform", "-o", path, at=own)
    assert [entry.name for entry in tmp_path.iterdir()] == ["some"]


def test_everyone_is_everyone_who_was_not_pruned(league: Command, own: Store, pruned: Snapshot, tmp_path: Path) -> None:
    found = league("pool", "export", "--all", "-o", str(tmp_path / "x.tar"), "--json", at=own).json
    assert found["policies"] == ["main-0000", "main-0001"]


def test_a_backup_brings_back_what_was_pruned(league: Command, own: Store, recorded: Recorded, tmp_path: Path) -> None:
    path = str(tmp_path / "backup.tar.gz")
    league("pool", "export", "--all", "-o", path, at=own)
    before = own.snapshots()
    own.prune(["main-0002"], by="anna", now_s=1.0)
    rows = league("pool", "import", path, "--json", at=own).json
    assert [row["action"] for row in rows] == ["present", "present", "restored"]
    assert [row["policy"] for row in rows] == names(own)
    assert (own.snapshots(), own.pruned()) == (before, {})
    assert league("export", "main-0002", "--format", "safetensors", "-o", str(tmp_path / "x"), at=own).code == 0


def test_names_of_two_leagues_do_not_meet(
    league: Command, refused: Refused, own: Store, other: Store, tmp_path: Path
) -> None:
    """A name that is taken by other weights is refused, and a learner's own names stay free."""
    paths = []
    for seed in (1, 2):
        weights = pack_of(seed)
        with Store.open(str(tmp_path / "store"), f"source-{seed}") as source:
            source.create(CONFIG)
            source.add_snapshot(snapshot_of("main-0007", weights), weights)
            paths.append(str(tmp_path / f"{seed}.zip"))
            place = ("--store", str(tmp_path / "store"), "--league", f"source-{seed}")
            assert league("pool", "export", "--all", "-o", paths[-1], *place).code == 0
    league("pool", "import", paths[0], at=other)
    assert "imported.main-0007 exists here with other weights: give another prefix with --as" in refused(
        "pool", "import", paths[1], at=other
    )
    assert names(other) == ["imported.main-0007"]
    league("pool", "import", paths[1], "--as", "anna", at=other)
    assert names(other) == ["imported.main-0007", "anna.main-0007"]
    weights = pack_of(3)
    other.add_snapshot(snapshot_of("main-0007", weights), weights)
    for prefix in ("", "a.b", "a b", "a|b", "../a", "x" * 33):
        assert "--as" in refused("pool", "import", paths[0], "--as", prefix, at=other)


def test_nobody_is_younger_than_the_import(league: Command, own: Store, other: Store, tmp_path: Path) -> None:
    path = tmp_path / "x"
    league("pool", "export", "main-0000", "-o", str(path), at=own)
    manifest = json.loads((path / "pool.json").read_text())
    manifest["snapshots"][0]["created_s"] = time.time() + 3600
    (path / "pool.json").write_text(json.dumps(manifest))
    assert league("pool", "import", str(path), at=other).code == 0
    assert other.snapshots()[0].created_s <= time.time()


def test_a_date_beyond_all_calendars_is_shown(league: Command, other: Store) -> None:
    weights = pack_of(1)
    other.add_snapshot(dataclasses.replace(snapshot_of("main-0000", weights), created_s=1e300), weights)
    assert "1e+300 s" in league("pool", "list", at=other).out
    assert "1e+300 s" in league("pool", "show", "main-0000", at=other).out


def test_an_archive_of_another_game(
    league: Command, refused: Refused, own: Store, folder: Path, tmp_path: Path
) -> None:
    path = str(tmp_path / "x.tar")
    league("pool", "export", "--all", "-o", path, at=own)
    with Store.open(str(folder), "four-in-a-row") as store:
        store.create(LeagueConfig())
        assert "play tic_tac_toe" in refused("pool", "import", path, at=store)
        assert store.snapshots() == []


def test_an_archive_with_a_wrong_hash_is_not_imported_at_all(
    league: Command, refused: Refused, own: Store, other: Store, tmp_path: Path
) -> None:
    path = tmp_path / "x"
    league("pool", "export", "--all", "-o", str(path), at=own)
    last = path / f"{own.snapshots()[-1].digest}.safetensors"
    data = bytearray(last.read_bytes())
    data[-1] ^= 1
    last.write_bytes(data)
    assert "main-0002 are" in refused("pool", "import", str(path), at=other)
    assert other.snapshots() == []
    assert other._call("KEYS", f"league:{{{other.league}}}:weights:*") == []


def test_an_archive_that_climbs_out(
    league: Command, refused: Refused, own: Store, other: Store, tmp_path: Path
) -> None:
    path = tmp_path / "x"
    league("pool", "export", "--all", "-o", str(path), at=own)
    manifest = json.loads((path / "pool.json").read_text())
    manifest["snapshots"][0]["sha256"] = "../../../etc/passwd"
    (path / "pool.json").write_text(json.dumps(manifest))
    assert "no sha256 in hexadecimal: nothing was imported" in refused("pool", "import", str(path), at=other)
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        tar.add(path / "pool.json", "../../evil")
    assert "'../../evil', a path that climbs out" in refused("pool", "import", str(tmp_path / "x.tar"), at=other)
    assert "No such file" in refused("pool", "import", str(tmp_path / "none.zip"), at=other)
    assert other.snapshots() == []
