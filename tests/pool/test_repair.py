"""A damaged append-only file: what can be saved is saved, what is lost is named, and the damaged file is kept."""

import fcntl
import itertools
import os
from pathlib import Path

import pytest

from league.config import LeagueConfig
from league.errors import DamagedStoreError, LeaseError, StoreError
from league.interfaces.cli import run
from league.ladder.records import Promotion
from league.pool import server
from league.pool.appendlog import cut_torn_end, pieces, repaired
from league.pool.embedded import EmbeddedServer, server_binary, socket_path
from league.pool.lease import Holder
from league.pool.store import Store


@pytest.fixture(scope="module")
def whole(tmp_path_factory, a_match, a_snapshot, eventually):
    """A small league in a folder, whose server has ended."""
    folder = tmp_path_factory.mktemp("whole") / "store"
    with Store.open(str(folder)) as store:
        store.create(LeagueConfig())
        for number in (1, 2, 3):
            snapshot, weights = a_snapshot(number, weights=os.urandom(2_000))
            store.add_snapshot(snapshot, weights)
        store.promote(Promotion(policy=snapshot.name, digest=snapshot.digest, by="anna", reason="best", promoted_s=1.0))
        for number in range(1, 13):
            store.record(a_match(f"m{number}", row=f"main-{1 + number % 3:04d}"))
        store.save_checkpoint("main", os.urandom(3_000), {"steps": 5})
        store.set_status({"phase": "training"})
        store.add_event("lost", "a worker", 1.0)
    ended(folder, eventually)
    return folder


def ended(folder, eventually):
    eventually(lambda: server.sign_of_life(socket_path(folder.resolve())) == "dead")
    lock = server.locked(folder / "server.lock", fcntl.LOCK_EX, 10.0)
    os.close(lock)


def log_of(folder):
    (log,) = (folder / "appendonlydir").glob("*.incr.aof")
    return log


def flip(path, at, bit=1):
    data = bytearray(path.read_bytes())
    data[at] ^= bit
    path.write_bytes(data)


def find(folder, text, number=0):
    data, at = log_of(folder).read_bytes(), -1
    for _ in range(number + 1):
        at = data.index(text, at + 1)
    return at


def repair(folder, capsys):
    code = run(["repair", "--store", str(folder)])
    printed = capsys.readouterr()
    assert printed.err == ""
    return code, printed.out


def test_every_command_is_found_and_together_they_are_the_file(whole):
    data = log_of(whole).read_bytes()
    found = list(pieces(data))
    assert found[0].start == 0
    assert found[-1].end == len(data)
    assert all(one.end == two.start for one, two in itertools.pairwise(found))
    assert {piece.name for piece in found} >= {b"MULTI", b"EXEC", b"SELECT", b"SET", b"HSET", b"XADD", b"RPUSH"}


@pytest.mark.parametrize("bit", [1, 16, 128])
def test_one_flipped_byte_costs_one_command_wherever_it_is(whole, bit):
    data = log_of(whole).read_bytes()
    commands = {data[one.start : one.end] for one in pieces(data)}
    for at in range(0, len(data), 3):
        damaged = data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]
        left = {damaged[one.start : one.end] for one in pieces(damaged) if one.name}
        assert len(commands - left) <= 1, at


def test_a_torn_end_of_any_length_is_cut_and_damage_before_it_is_not(folder):
    log = log_of(folder)
    data = log.read_bytes()
    last = data.rindex(b"*1\r\n$5\r\nMULTI")
    for length in range(len(data) - 1, last, -7):
        log.write_bytes(data[:length])
        if not data[:length].endswith(b"\r\n"):
            assert cut_torn_end(folder)
            assert log.stat().st_size == last, "the whole transaction goes"
    before = data.rindex(b"\r\n$", 0, last) + 2
    log.write_bytes(data[:before] + b"!" + data[before + 1 : -1])
    assert not cut_torn_end(folder)
    log.write_bytes(data)
    assert not cut_torn_end(folder)


def test_a_length_that_reaches_over_the_end_takes_nothing_after_it_away(folder, whole, capsys, eventually):
    """A server that cuts torn writes off by itself would lose all matches but the first silently."""
    log = log_of(folder)
    data = log.read_bytes()
    at = data.rindex(b"$", 0, find(folder, b"XADD", 1)) + 1  # Of the second match.
    log.write_bytes(data[:at] + b"999999" + data[at + 1 :])
    size = log.stat().st_size
    with pytest.raises(DamagedStoreError, match=r"damaged.*: league repair --store .* saves what can be saved"):
        Store.open(str(folder))
    assert run(["status", "--verify", "--store", str(folder)]) == 2
    assert "league repair --store" in capsys.readouterr().err
    assert log.stat().st_size == size, "nothing was cut"
    code, said = repair(folder, capsys)
    assert code == 0
    assert "lost  match 2 of the log is missing" in said
    assert "bytes at" in said
    with Store.open(str(folder)) as store:
        assert [match.match_id for match in store.matches()] == [f"m{n}" for n in range(1, 13) if n != 2]
        assert store.verify().problems == ()
        assert len(store.snapshots()) == 3
        assert store.checkpoint("main") is not None


def test_the_damaged_files_are_kept(folder, capsys):
    flip(log_of(folder), find(folder, b"XADD", 3) - 3)
    damaged = log_of(folder).read_bytes()
    _, said = repair(folder, capsys)
    (kept,) = folder.glob("damaged-*")
    assert f"the files as they were: {kept}" in said
    assert (kept / log_of(folder).name).read_bytes() == damaged


@pytest.mark.parametrize(
    ("text", "offset", "lost"),
    [
        (b"weights:", 90, "the weights of main-0001, hash"),
        (b"\r\nstate\r\n", 60, "the checkpoint of learner 'main' is not what was saved"),
        (b'{"match_id":"m5"', 1, "entry 5-0 of the match log is not a match"),
        (b'{"name":"main-0002"', 1, "snapshots main-0002 cannot be read"),
        (b'{"policy":"main-0003"', 1, "promotions: entry 1 cannot be read"),
        (b'{"kind":"lost"', 1, "events: entry 1 cannot be read"),
        (b'{"phase"', 1, "the status cannot be read"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_byte_within_a_value_is_found_and_costs_that_value(folder, capsys, text, offset, lost):
    """The server starts: it has no hashes of its own."""
    flip(log_of(folder), find(folder, text) + offset, 16)
    assert run(["status", "--verify", "--store", str(folder)]) in (1, 2)
    capsys.readouterr()
    code, said = repair(folder, capsys)
    assert code == 0, said
    assert f"lost  {lost}" in said
    assert len(list(folder.glob("damaged-*"))) == 1
    with Store.open(str(folder)) as store:
        assert store.verify().problems == ()
        assert store.match_count() == (11 if "match log" in lost else 12)


@pytest.mark.parametrize("name", [b"EXEC", b"XADD", b"MULTI"])
def test_a_command_that_is_none_costs_itself_alone(folder, capsys, name):
    """Also the last one: what was acknowledged is not cut off as if it had been torn."""
    data = log_of(folder).read_bytes()
    flip(log_of(folder), data.rindex(name) + 3)
    size = log_of(folder).stat().st_size
    with pytest.raises(DamagedStoreError):
        Store.open(str(folder))
    assert log_of(folder).stat().st_size == size
    code, said = repair(folder, capsys)
    assert code == 0, said
    with Store.open(str(folder)) as store:
        assert store.match_count() == (11 if name == b"XADD" else 12)
        assert [event["text"] for event in store.events()] == ["a worker"]
        assert store.verify().problems == ()


def test_a_number_that_jumps_ahead_takes_none_after_it_away(folder, capsys):
    """A server refuses entries with smaller numbers than the last, silently."""
    flip(log_of(folder), find(folder, b"$3\r\n5-0\r\n") + 4, 2)
    assert run(["status", "--verify", "--store", str(folder)]) == 1
    assert "match m6 is in the index, but not in the log" in capsys.readouterr().out
    code, said = repair(folder, capsys)
    assert code == 0
    assert "lost  match 5 of the log is missing" in said
    with Store.open(str(folder)) as store:
        assert [match.match_id for match in store.matches()] == [f"m{n}" for n in range(1, 13) if n != 5]


def test_weights_of_the_champion_are_missed(folder, capsys):
    flip(log_of(folder), find(folder, b"weights:", 2) + 90, 16)
    code, said = repair(folder, capsys)
    assert code == 1
    assert "problem  champion main-0003" in said


def test_a_result_that_was_changed_is_found_by_what_follows_from_it(folder, capsys):
    at = find(folder, b'"results":{"01":[3') + len(b'"results":{"01":[')
    flip(log_of(folder), at, 1)
    assert run(["status", "--verify", "--store", str(folder)]) == 1
    assert "the payoff is not what the match log gives" in capsys.readouterr().out
    code, said = repair(folder, capsys)
    assert code == 0
    assert "derived anew  payoff" in said


@pytest.mark.parametrize("damage", [b"", b"rubbish\n", b"file appendonly.aof.1.incr.aof seq"])
def test_a_damaged_list_of_files_is_made_anew(folder, capsys, damage):
    (folder / "appendonlydir" / "appendonly.aof.manifest").write_bytes(damage)
    with pytest.raises(DamagedStoreError, match="league repair --store"):
        Store.open(str(folder))
    code, _ = repair(folder, capsys)
    assert code == 0
    with Store.open(str(folder)) as store:
        assert store.match_count() == 12
        assert store.verify().problems == ()


def test_a_whole_store_is_left_alone(folder, capsys):
    before = log_of(folder).read_bytes()
    assert repair(folder, capsys) == (0, "the store is whole: nothing to repair\n")
    assert log_of(folder).read_bytes() == before
    assert not list(folder.glob("damaged-*"))


def test_one_that_is_in_use_or_trained_is_refused(folder, capsys, monkeypatch):
    monkeypatch.setattr("league.pool.embedded._ENDING_S", 0.1)
    with Store.open(str(folder)) as store:
        assert run(["repair", "--store", str(folder)]) == 2
        assert "is in use: end `league train`" in capsys.readouterr().err
        store.acquire(Holder.here())
        with pytest.raises(LeaseError, match="is being trained: end that run first"):
            store.repair()


def test_where_there_is_nothing_it_says_so(tmp_path, capsys):
    assert run(["repair", "--store", str(tmp_path / "typo")]) == 2
    assert "no league at" in capsys.readouterr().err
    assert not (tmp_path / "typo").exists()


def test_a_server_that_does_not_run_is_said_with_what_to_do(free_port, capsys):
    assert run(["repair", "--store", f"redis://user:secret@127.0.0.1:{free_port()}/0"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("league: no server answers at redis://127.0.0.1:")
    assert line.endswith("give the folder that has its appendonlydir as --store")
    assert "secret" not in line


def test_a_server_without_a_folder_is_repaired_by_value(store, raw, a_match):
    store.record(a_match("m1"))
    raw.xadd(store._keys.matches, {"match": "{}"}, id="7-0")
    assert store.verify().problems != ()
    lost, _ = store.repair()
    assert any("entry 7-0" in line for line in lost)
    assert store.verify().problems == ()


def test_after_a_rewrite_the_base_can_be_repaired_too(folder, capsys, eventually):
    with Store.open(str(folder)) as store:
        store._call("BGREWRITEAOF")
        eventually(lambda: store._call("INFO", "persistence")["aof_base_size"] > 5_000)
        eventually(lambda: not store._call("INFO", "persistence")["aof_rewrite_in_progress"])
    ended(folder, eventually)
    (base,) = (folder / "appendonlydir").glob("*.base.aof")
    data = base.read_bytes()
    at = data.index(b"XADD", data.index(b"XADD") + 1) - 3
    flip(base, at)
    with pytest.raises(DamagedStoreError):
        EmbeddedServer(folder)
    code, _ = repair(folder, capsys)
    assert code == 0
    with Store.open(str(folder)) as store:
        assert store.match_count() == 11
        assert store.verify().problems == ()


def test_no_room_for_the_repair_leaves_all_as_it_was(folder, monkeypatch, capsys):
    flip(log_of(folder), find(folder, b"XADD", 3) - 3)
    before = {path: path.read_bytes() for path in Path(folder, "appendonlydir").iterdir()}

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("league.pool.appendlog._rewrite", full)
        with pytest.raises(OSError, match="No space"):
            repaired(folder, server_binary())
        assert run(["repair", "--store", str(folder)]) == 2
    assert "cannot be repaired, and is as it was: No space left" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in Path(folder, "appendonlydir").iterdir()} == before
    assert not list(folder.glob("*.part"))


def test_a_damaged_configuration_says_so(store, raw):
    raw.hset(store._keys.meta, "config", "{")
    with pytest.raises(StoreError, match="cannot be read: restore the last backup"):
        store.config()
