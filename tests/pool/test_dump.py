"""An append-only file that begins with a dump, as other servers write it, and that is damaged there."""

import fcntl
import itertools
import os
import re

import pytest

from league.config import LeagueConfig
from league.errors import DamagedStoreError
from league.interfaces.cli import run
from league.ladder.records import Promotion
from league.pool import dump, server
from league.pool.embedded import socket_path
from league.pool.store import Store

SNAPSHOTS, MATCHES = 3, 300


@pytest.fixture(scope="module")
def whole(tmp_path_factory, a_match, a_snapshot, eventually):
    """A league whose file is a dump, and a few commands after it."""
    folder = tmp_path_factory.mktemp("dumped") / "store"
    with Store.open(str(folder)) as store:
        store.create(LeagueConfig())
        for number in range(1, SNAPSHOTS + 1):
            snapshot, weights = a_snapshot(number, weights=os.urandom(2_000))
            store.add_snapshot(snapshot, weights)
        store.promote(Promotion(policy=snapshot.name, digest=snapshot.digest, by="anna", reason="best", promoted_s=1.0))
        for number in range(1, MATCHES):
            store.record(a_match(f"m{number}", row=f"main-{1 + number % 3:04d}"))
        store.save_checkpoint("main", os.urandom(3_000), {"steps": 5})
        store._call("CONFIG", "SET", "aof-use-rdb-preamble", "yes")
        store._call("BGREWRITEAOF")
        eventually(lambda: list(folder.glob("appendonlydir/*.2.base.rdb")))
        eventually(lambda: not store._call("INFO", "persistence")["aof_rewrite_in_progress"])
        store.record(a_match(f"m{MATCHES}", row="main-0001"))
    eventually(lambda: server.sign_of_life(socket_path(folder.resolve())) == "dead")
    os.close(server.locked(folder / "server.lock", fcntl.LOCK_EX, 10.0))
    return folder


def base_of(folder):
    (base,) = folder.glob("appendonlydir/*.base.rdb")
    return base


def entry_of(folder, key):
    """The first entry of a key of the league, or of one of those whose names go on with a hash."""
    of = re.compile(rb"league:\{league\}:" + key + rb"(:[0-9a-f]{64})?")
    return next(one for one in dump.entries(base_of(folder).read_bytes()) if of.fullmatch(one.key))


def repair(folder, capsys):
    code = run(["repair", "--store", str(folder)])
    printed = capsys.readouterr()
    assert printed.err == ""
    return code, printed.out


def damage(folder, at, bit=1):
    base = base_of(folder)
    data = bytearray(base.read_bytes())
    data[at] ^= bit
    base.write_bytes(data)
    with pytest.raises(DamagedStoreError, match="league repair --store"):
        Store.open(str(folder))


def test_every_entry_is_found(whole):
    data = base_of(whole).read_bytes()
    found = list(dump.entries(data))
    assert all(one.key.startswith(b"league:{league}:") for one in found)
    assert all(one.end == two.start for one, two in itertools.pairwise(found))
    assert found[-1].end == len(data) - 9


@pytest.mark.parametrize("bit", [1, 16, 128])
def test_one_flipped_byte_costs_one_entry_wherever_it_is(whole, bit):
    data = base_of(whole).read_bytes()
    entries = {(one.key, one.restorable(data)) for one in dump.entries(data)}
    for at in range(0, len(data), 17):
        damaged = data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]
        left = {(one.key, one.restorable(damaged)) for one in dump.entries(damaged) if one.key}
        assert len(entries - left) <= 1, at


@pytest.mark.parametrize("length", [0, 3, 9, 500, 5_000])
def test_what_stands_before_a_torn_end_is_there(whole, length):
    data = base_of(whole).read_bytes()
    before = [one for one in dump.entries(data) if one.end <= length]
    assert [one for one in dump.entries(data[:length]) if one.key] == before


def test_weights_in_a_damaged_dump_are_named_and_all_else_is_saved(folder, capsys):
    damage(folder, entry_of(folder, b"weights").end - 100)
    damaged = base_of(folder).read_bytes()
    assert run(["status", "--verify", "--store", str(folder)]) == 2
    assert "league repair --store" in capsys.readouterr().err
    code, said = repair(folder, capsys)
    assert "lost  the weights of main-000" in said
    assert code == (1 if "problem  champion" in said else 0)
    (kept,) = folder.glob("damaged-*")
    assert f"the files as they were: {kept}" in said
    assert (kept / "appendonly.aof.2.base.rdb").read_bytes() == damaged
    assert [file.suffix for file in folder.glob("appendonlydir/*.base.*")] == [".aof"]
    with Store.open(str(folder)) as store:
        assert store.match_count() == MATCHES
        assert len(store.snapshots()) == SNAPSHOTS
        assert store.checkpoint("main") is not None
    assert run(["status", "--verify", "--store", str(folder)]) == code


def test_an_entry_that_cannot_be_read_is_named(folder, capsys, monkeypatch):
    one = entry_of(folder, b"payoff")
    damage(folder, one.payload[1], 128)
    monkeypatch.chdir(folder.parent)
    code, said = repair(folder.name, capsys)
    assert code == 0
    assert "of league:{league}:payoff" in said
    assert "derived anew  payoff" in said
    with Store.open(str(folder)) as store:
        assert store.match_count() == MATCHES
        assert store.verify().problems == ()


def test_without_a_configuration_the_last_backup_is_named(folder, capsys):
    damage(folder, entry_of(folder, b"meta").start)
    assert run(["repair", "--store", str(folder)]) == 2
    said = capsys.readouterr().err
    assert "cannot be repaired: restore the last backup (its configuration is lost; the files as they were: " in said
    assert len(said.splitlines()) == 1


def test_a_dump_that_is_cut_short_costs_what_is_missing(folder, capsys):
    base, last = base_of(folder), entry_of(folder, b"matches")
    data = base.read_bytes()  # Its entries have no order of their own: the one that is cut off is to be known.
    base.write_bytes(data[: last.start] + data[last.end : -9] + data[last.start : last.end - 1])
    code, said = repair(folder, capsys)
    assert code == 0
    assert "of league:{league}:matches" in said
    with Store.open(str(folder)) as store:
        assert [match.match_id for match in store.matches()] == [f"m{MATCHES}"], "which was recorded after the dump"
        assert len(store.snapshots()) == SNAPSHOTS
        assert store.verify().problems == ()


def test_a_whole_dump_is_left_alone(folder, capsys):
    before = base_of(folder).read_bytes()
    assert repair(folder, capsys) == (0, "the store is whole: nothing to repair\n")
    assert base_of(folder).read_bytes() == before
    assert not list(folder.glob("damaged-*"))
