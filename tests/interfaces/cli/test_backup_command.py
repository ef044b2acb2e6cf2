"""`league backup` and `league restore`, as people type them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from small_league import Command

from league.pool.store import Store
from tests.full_disk import fill, small_disk

Refused = Callable[..., str]


def test_there_and_back(league: Command, own: Store, tmp_path: Path) -> None:
    file, store = tmp_path / "league.tar", tmp_path / "store"
    result = league("backup", str(file), at=own)
    assert result.code == 0
    assert "matches      10" in result.out
    result = league("restore", str(file), "--store", str(store), "--league", "back")
    assert (result.code, result.err) == (0, "")
    assert f"back at {store}" in result.out
    assert league("status", "--verify", "--store", str(store), "--league", "back").code == 0
    with Store.open(str(store), "back") as back:
        assert back.ratings() == own.ratings()
        assert back.promotions() == own.promotions()


def test_without_a_name_it_has_that_of_the_backup(
    league: Command, own: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "league.tar"
    made = league("backup", str(file), "--json", at=own).json
    assert made["file"] == str(file)
    assert made["bytes"] == file.stat().st_size
    assert (made["matches"], made["damaged"], made["removed"]) == (10, [], [])
    monkeypatch.delenv("LEAGUE_NAME")
    found = league("restore", str(file), "--store", str(tmp_path / "store"), "--json").json
    assert found["league"] == own.league


def test_a_folder_gets_dated_files_and_keeps_the_newest(league: Command, own: Store, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    old = [f"{own.league}-2026-01-0{day}T00-00-00Z.tar" for day in (1, 2, 3)]
    for name in (*old, "other-2026-01-01T00-00-00Z.tar", f"{own.league}-notes.tar"):
        (folder / name).write_text("")
    for pid, age_s in ((1, 90_000), (2, 60)):
        part = folder / f".{own.league}-2026-01-03T00-00-00Z.tar.{pid}.part"
        part.write_text("")
        os.utime(part, (time.time() - age_s, time.time() - age_s))
    made = league("backup", str(folder), "--keep", "2", "--json", at=own).json
    assert made["removed"] == old[:2]
    left = {path.name for path in folder.iterdir()}
    others = {"other-2026-01-01T00-00-00Z.tar", f"{own.league}-notes.tar"}
    assert left == {old[2], Path(made["file"]).name, part.name, *others}
    new = league("backup", f"{tmp_path}/new/", "--json", at=own).json
    assert Path(new["file"]).parent == tmp_path / "new"


def test_keep_needs_a_folder(refused: Refused, tmp_path: Path) -> None:
    assert "is a file; give a folder" in refused("backup", str(tmp_path / "x.tar"), "--keep", "2")


def test_what_is_damaged_is_said_by_name_and_by_the_exit_code(league: Command, own: Store, tmp_path: Path) -> None:
    own._call("SET", own._keys.weights(own.snapshot("main-0002").digest), b"other")
    result = league("backup", str(tmp_path / "league.tar"), at=own)
    assert result.code == 1
    assert "damaged  the weights of main-0002" in result.out
    assert (tmp_path / "league.tar").exists()


def test_refusals_leave_nothing(league: Command, refused: Refused, own: Store, tmp_path: Path) -> None:
    file, store = tmp_path / "league.tar", tmp_path / "store"
    league("backup", str(file), at=own)
    assert "holds a league" in refused("restore", str(file), at=own)
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    assert "was cut short" in refused("restore", str(file), "--store", str(store))
    file.write_bytes(data[:-3000] + bytes([data[-3000] ^ 1]) + data[-2999:])
    assert "was" in refused("restore", str(file), "--store", str(store))
    assert not store.exists()
    assert "no league" in refused("backup", str(tmp_path / "y.tar"), "--league", "nobody")
    assert not (tmp_path / "y.tar").exists()


def test_a_disk_that_fills_in_the_middle_leaves_nothing(refused: Refused, own: Store, tmp_path: Path) -> None:
    file = tmp_path / "league.tar"
    with small_disk(tmp_path / "disk") as disk:
        filler = fill(disk, leave=8192)
        assert f"cannot write {disk}/league.tar: no room on the disk" in refused("backup", f"{disk}/league.tar", at=own)
        assert [path.name for path in disk.iterdir()] == ["filler"]
        filler.unlink()
        own.save_checkpoint("main", os.urandom(4_000_000), {"steps": 1})
        with file.open("wb") as written:
            own.back_up(written)
        filler = fill(disk, leave=4_000_000)
        store = ("--store", f"{disk}/store", "--league", "back")
        assert "no room on the disk" in refused("restore", str(file), *store)
        filler.unlink()
        with Store.open(f"{disk}/store", "back") as back:
            assert back.config() is None


def test_an_interrupted_backup_leaves_nothing(own: Store, tmp_path: Path, folder: Path) -> None:
    own.save_checkpoint("main", os.urandom(50_000_000), {"steps": 1})
    words = ["backup", str(tmp_path / "out" / "league.tar"), "--store", str(folder), "--league", own.league]
    process = subprocess.Popen([sys.executable, "-m", "league", *words], stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob("out/.league.tar.*.part")):
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 130
    assert list((tmp_path / "out").iterdir()) == []
    assert process.stderr is not None
    assert process.stderr.read() == ""


def test_json_of_a_restore_is_what_the_backup_said(league: Command, own: Store, tmp_path: Path) -> None:
    file = tmp_path / "league.tar"
    made = league("backup", str(file), "--json", at=own).json
    found = league("restore", str(file), "--store", str(tmp_path / "s"), "--league", "b", "--json").json
    same = made.keys() & found.keys() - {"seconds", "league"}
    assert {key: found[key] for key in same} == {key: json.loads(json.dumps(made[key])) for key in same}
