"""A backup holds everything, of one moment, and comes back whole or not at all."""

import dataclasses
import itertools
import os
import signal
import threading

import pytest

from league.config import LeagueConfig
from league.errors import BackupError, StoreFullError, StoreSchemaError, WrongLeagueError
from league.ladder.records import Promotion, Replay
from league.pool import backup as layout
from league.pool.backup_file import check_backup
from league.pool.connection import dumps
from league.pool.keys import Keys
from league.pool.lease import Holder
from league.pool.parts import LIST, PartsWriter, read_parts
from league.pool.store import Store

DERIVED = {"match_index", "payoff", "standings", "ratings"}
ELSEWHERE = {"weights", "segment", "checkpoint", "learners", "matches", "replays"}
NOT_KEPT = {"lease", "promoted", "mixture", "league", "aside", "prefix", "key"}
"""A lease is of a run; `promoted` is a channel; `mixture` is found anew; the others are parts of every key."""

RESTORER = """
import sys
from pathlib import Path
from league.pool.backup_file import check_backup
from league.pool.store import Store
with Store.open(sys.argv[1], sys.argv[2]) as store:
    path = Path(sys.argv[3])
    store.restore(path, check_backup(path), lambda line: print(line, flush=True))
"""

WRITER = """
import itertools, sys
from league.ladder.records import Match, Snapshot, Tally
from league.pool.connection import sha256
from league.pool.store import Store
with Store.open(sys.argv[1], sys.argv[2]) as store:
    for number in itertools.count(100):
        data = f"weights of {number}".encode() * 1000
        store.add_snapshot(Snapshot(name=f"main-{number:04d}", digest=sha256(data), learner="main", steps=number,
                           created_s=1.0, bytes=len(data)), data)
        store.record(Match(match_id=f"live-{number}", row=f"main-{number:04d}", column="uniform",
                           results={"01": Tally(1, number % 2, 1)}, played_s=1.0))
        store.save_checkpoint("main", data, {"steps": number})
        if number % 3 == 0:
            store.prune([f"main-{number - 2:04d}"], by="test", now_s=1.0)
        print(number, flush=True)
"""


@pytest.fixture
def full(store, a_match, a_snapshot):
    """A league with something of everything."""
    store.create(LeagueConfig())
    for number in range(1, 5):
        store.add_snapshot(*a_snapshot(number))
    snapshot, weights = a_snapshot(5, weights=os.urandom(3_000_000))
    store.add_snapshot(snapshot, weights)
    replay = Replay(seating="01", points=1.0, seed=3, opening=2, moves=(1, 2, 3))
    played = [a_match(f"m{n}", row=f"main-{1 + n % 5:04d}", wins=n % 4) for n in range(1, 2_101)]
    with store._redis.pipeline(transaction=False) as pipe:
        for number, match in enumerate(played[:-20], start=1):
            pipe.execute_command("XADD", store._keys.matches, f"{number}-0", "match", dumps(match.to_json()))
        pipe.execute()
    store.rebuild()
    for match in played[-20:]:
        store.record(dataclasses.replace(match, replays=(replay,)))
    for number in (1, 2):
        one, _ = a_snapshot(number)
        store.promote(
            Promotion(policy=one.name, digest=one.digest, by="anna", reason="bessere Züge", promoted_s=number)
        )
    store.prune(["main-0004"], by="anna", now_s=5.5)
    store.save_checkpoint("main", os.urandom(2_000_000), {"steps": 5000, "results": {"x": [1.5, 0.1]}})
    store.save_checkpoint("exploiter.1", b"bytes", {"steps": 3})
    store.set_status({"phase": "training", "totals": {"steps": {"main": 5000}}}, 7.0)
    store.add_event("lost", "a worker: “gone”", 8.0)
    store.add_refusal("refused", "main-0003 was refused", 9.0)
    store.acquire(Holder.here(), 0.001)
    return store


@pytest.fixture
def file(full, tmp_path):
    return backed_up(full, tmp_path / "league.tar")


def backed_up(store, path):
    with path.open("wb") as written:
        store.back_up(written)
    return path


def restored(url, name, path):
    with Store.open(url, name) as store:
        store.restore(path, check_backup(path))


def contents(raw, name):
    """Every key of a league with what is there, by the server's own reading."""
    read = {
        b"string": raw.get,
        b"hash": raw.hgetall,
        b"list": lambda key: raw.lrange(key, 0, -1),
        b"set": raw.smembers,
        b"stream": raw.xrange,
    }
    prefix = f"league:{{{name}}}:"
    keys = raw.scan_iter(match=f"{prefix}*", count=1000)
    return {key.decode().removeprefix(prefix): read[raw.type(key)](key) for key in keys}


def test_every_key_is_in_a_backup_or_follows_from_it():
    keys = {name for name in dir(Keys("x")) if not name.startswith("_")}
    assert keys == set(layout.OF_ONE_MOMENT) | DERIVED | ELSEWHERE | NOT_KEPT


def test_what_comes_back_is_what_was_there_to_the_last_bit(full, file, tcp, name, raw):
    restored(tcp[0], f"{name}-back", file)
    before, after = contents(raw, name), contents(raw, f"{name}-back")
    assert int(after.pop("fence")) == int(before.pop("fence")) + 1, "an older run may not write to it"
    assert after == before
    with Store.open(tcp[0], f"{name}-back") as store:
        assert store.verify() == full.verify()
        assert store.verify().problems == ()
        assert store.match("m2090").replays == full.match("m2090").replays != ()


def test_it_says_what_it_holds(full, tmp_path):
    path = tmp_path / "league.tar"
    with path.open("wb") as written:
        said = full.back_up(written)
    assert said == check_backup(path)
    assert (said.matches, said.snapshots, said.promotions, said.checkpoints) == (2_100, 5, 2, 2)
    assert said.bytes == path.stat().st_size
    assert said.damaged == ()


def test_any_tar_reads_it(file):
    import tarfile

    with tarfile.open(file) as tar:
        names = tar.getnames()
    assert names[0] == "backup.json"
    assert names[-1] == LIST
    assert {"state/snapshots.json", "checkpoints/main/state", "matches/000003.jsonl"} < set(names)


def test_of_a_league_at_work_it_is_of_one_moment(full, tcp, name, tmp_path, python):
    writer = python(WRITER, tcp[0], name)
    for _ in range(5):
        writer.stdout.readline()
    before = full.match_count()
    path = backed_up(full, tmp_path / "live.tar")
    for _ in range(5):
        writer.stdout.readline()
    assert full.match_count() > before
    restored(tcp[0], f"{name}-back", path)
    with Store.open(tcp[0], f"{name}-back") as store:
        assert store.verify().problems == ()
        assert store.match_count() >= before
        _, progress = store.checkpoint("main")
        newest = store.snapshots()[-1]
        assert progress["steps"] <= newest.steps, "the pool is as old as the checkpoints or newer"


def test_what_is_pruned_while_it_is_read_is_pruned_in_it(full, tcp, name, tmp_path):
    def watch(line):
        if line.startswith("state/snapshots.json"):
            full.prune(["main-0003", "main-0005"], by="anna", now_s=6.0)

    path = tmp_path / "league.tar"
    with path.open("wb") as written:
        assert full.back_up(written, watch).damaged == ()
    restored(tcp[0], f"{name}-back", path)
    with Store.open(tcp[0], f"{name}-back") as store:
        assert store.verify().problems == ()
        assert store.pruned() == full.pruned()


def test_a_league_that_is_replaced_meanwhile_gives_no_backup(full, tmp_path, raw):
    with pytest.raises(WrongLeagueError, match="was replaced meanwhile"), (tmp_path / "x").open("wb") as written:
        full.back_up(written, lambda line: raw.hset(full._keys.meta, "created_s", "1"))


def test_what_is_damaged_is_named_and_left_out(full, tmp_path, raw, tcp, name, a_snapshot):
    keys = full._keys
    lost, corrupt = (a_snapshot(number)[0] for number in (3, 2))
    raw.delete(keys.weights(lost.digest))
    raw.set(keys.weights(corrupt.digest), b"other")
    raw.hset(keys.checkpoint("main"), "state", b"other")
    raw.xadd(keys.matches, {"match": "{}"}, id="5000-0")
    path = tmp_path / "league.tar"
    with path.open("wb") as written:
        said = full.back_up(written)
    assert len(said.damaged) == 4
    for words in (
        "the weights of main-0003",
        "the weights of main-0002",
        "learner 'main'",
        "entry 5000-0 of the match",
    ):
        assert any(words in line for line in said.damaged), words
    assert check_backup(path).damaged == said.damaged
    restored(tcp[0], f"{name}-back", path)
    with Store.open(tcp[0], f"{name}-back") as store:
        assert store.match_count() == 2_100
        assert all("main-000" in problem for problem in store.verify().problems)


@pytest.fixture
def small(store, tmp_path):
    """A backup of some kilobytes."""
    store.add_event("lost", "something", 1.0)
    return backed_up(store, tmp_path / "small.tar")


def test_one_byte_that_changed_anywhere_is_found(small, tmp_path):
    data, damaged = small.read_bytes(), tmp_path / "damaged.tar"
    for place in itertools.chain(range(0, len(data), 7), range(len(data) - 40, len(data))):
        damaged.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
        with pytest.raises(BackupError, match=r"damaged\.tar: "):
            check_backup(damaged)


def test_one_that_was_cut_short_anywhere_is_found(small, tmp_path):
    data, cut = small.read_bytes(), tmp_path / "cut.tar"
    for length in (*range(0, len(data), 97), len(data) - 1):
        cut.write_bytes(data[:length])
        with pytest.raises(BackupError, match=r"cut\.tar: it(s end| was cut short)"):
            check_backup(cut)


def test_more_after_its_end_is_found(small):
    with small.open("ab") as file:
        file.write(b"\0")
    with pytest.raises(BackupError, match="its end is not what was written"):
        check_backup(small)


def rewritten(path, **changes):
    """The same parts with true hashes, some of them others."""
    with path.open("rb") as file:
        parts = dict(read_parts(file))
    parts |= {name.replace("__", "/").replace("_json", ".json"): data for name, data in changes.items()}
    with path.open("wb") as file:
        writer = PartsWriter(file)
        for name, data in parts.items():
            writer.add(name, data)
        writer.end()
    return path


@pytest.mark.parametrize(
    ("header", "error", "said"),
    [
        (
            b'{"format":2,"schema":1,"league":"x","game":"y","made_s":1}',
            BackupError,
            "format 2 .* reads up to 1: install",
        ),
        (
            b'{"format":1,"schema":9,"league":"x","game":"y","made_s":1}',
            StoreSchemaError,
            "schema 9 .* up to 2: install",
        ),
        (b'{"format":1}', BackupError, "does not hold what it should"),
        (b"[]", BackupError, "does not hold what it should"),
        (b"\xff", BackupError, "not JSON"),
    ],
)
def test_a_newer_or_a_strange_one_is_refused(small, header, error, said):
    with pytest.raises(error, match=said):
        check_backup(rewritten(small, backup_json=header))


@pytest.mark.parametrize("data", [b"", b"hello\n" * 200, bytes(10_240)])
def test_what_is_no_backup_is_refused(tmp_path, data):
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(BackupError, match=r"file: (it was cut short|a header in it is damaged, or it is no backup)"):
        check_backup(path)


def test_a_file_that_is_not_there_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(BackupError, match=rf"cannot read {path}: "):
            check_backup(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"weights__" + "0" * 64: b"not of this hash"},
        {"secrets": b""},
        {"state__lease_json": b'"x"'},
        {"state__snapshots_json": b"[1]"},
        {"matches__000001.jsonl": b'[1,{"row":"a"}]\n'},
        {"matches__000001.jsonl": b"[1]\n"},
        {"state__meta_json": b'{"config":"{}","schema":[]}'},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_part_that_no_backup_has_leaves_nothing(small, changes, tcp, raw, name):
    rewritten(small, **changes)
    with pytest.raises(BackupError, match="it "):
        restored(tcp[0], f"{name}-back", small)
    assert contents(raw, f"{name}-back") == {}


def test_a_store_that_is_not_empty_is_refused(full, file, tcp, name, raw):
    before = contents(raw, name)
    with pytest.raises(WrongLeagueError, match="already, of connect_four; the backup is of connect_four: give another"):
        restored(tcp[0], name, file)
    assert contents(raw, name) == before
    raw.set(f"league:{{{name}-odd}}:events", "x")
    with pytest.raises(WrongLeagueError, match=r"is not empty: it holds league:.*:events: give another --store"):
        restored(tcp[0], f"{name}-odd", file)


def test_a_living_league_is_refused_also_one_that_begins_meanwhile(full, file, tcp, name):
    with Store.open(tcp[0], f"{name}-back") as other, Store.open(tcp[0], f"{name}-back") as store:
        holder = Holder.here()
        other.fence = other.acquire(holder)
        with pytest.raises(WrongLeagueError, match=rf"is being trained, by pid {os.getpid()} on .*: give another"):
            store.restore(file, check_backup(file))
        other.release(holder)

        def begin(line):
            if line.startswith("writing weights"):
                other.create(LeagueConfig(seed=4))

        with pytest.raises(WrongLeagueError, match=r"has begun at .* meanwhile"):
            store.restore(file, check_backup(file), begin)
        assert store.config() == LeagueConfig(seed=4)
        assert store.snapshots() == []


def test_a_run_that_still_trains_the_league_that_was_lost_may_not_write(full, tcp, name, tmp_path, raw):
    full.fence = full.acquire(Holder.here())
    path = backed_up(full, tmp_path / "league.tar")
    for key in raw.scan_iter(match=f"league:{{{name}}}:*", count=1000):
        raw.delete(key)
    restored(tcp[0], name, path)
    with pytest.raises(Exception, match="was taken over by another run"):
        full.set_status({})


def test_a_killed_restore_leaves_no_league_and_the_next_one_removes_what_it_left(full, file, tcp, name, raw, python):
    restorer = python(RESTORER, tcp[0], f"{name}-back", file)
    for line in restorer.stdout:
        if line.startswith("writing matches/000001"):
            os.kill(restorer.pid, signal.SIGKILL)
            break
    restorer.wait()
    left = contents(raw, f"{name}-back")
    assert left
    assert all(key.startswith("restoring-") for key in left)
    with Store.open(tcp[0], f"{name}-back") as store:
        assert store.config() is None
    restored(tcp[0], f"{name}-back", file)
    assert contents(raw, f"{name}-back").keys() == contents(raw, name).keys()


def test_lost_connections_write_nothing_twice(full, file, tcp, name, raw):
    over = threading.Event()

    def cut():
        while not over.wait(0.2):
            raw.client_kill_filter(_type="normal", skipme=True)

    cutter = threading.Thread(target=cut)
    cutter.start()
    try:
        restored(tcp[0], f"{name}-back", file)
    finally:
        over.set()
        cutter.join()
    before, after = contents(raw, name), contents(raw, f"{name}-back")
    assert {key: value for key, value in after.items() if key != "fence"} == {
        key: value for key, value in before.items() if key != "fence"
    }


def test_a_server_that_fills_leaves_nothing(full, file, serve):
    port, client, _ = serve()
    client.config_set("maxmemory", int(client.info("memory")["used_memory"]) + 2_500_000)
    with pytest.raises(StoreFullError, match="is full, nothing was written"):
        restored(f"redis://127.0.0.1:{port}", "league", file)
    assert client.keys() == []


def test_a_user_who_may_only_read_is_enough(full, tcp, name, raw, tmp_path, monkeypatch):
    rules = [f"%R~league:{{{name}}}:*", "resetchannels", "-@all", "+@read", "+@transaction", "+time"]
    raw.execute_command("ACL", "SETUSER", "backup", "reset", "on", ">s3cret", *rules)
    monkeypatch.setenv("LEAGUE_REDIS_USERNAME", "backup")
    monkeypatch.setenv("LEAGUE_REDIS_PASSWORD", "s3cret")
    with Store.open(tcp[0], name) as store:
        path = backed_up(store, tmp_path / "league.tar")
        with pytest.raises(Exception, match="refuses us"):
            store.add_event("lost", "no right to write", 1.0)
    assert check_backup(path).matches == 2_100


def test_of_a_folder_into_a_folder(store, a_snapshot, tmp_path):
    with Store.open(str(tmp_path / "one")) as one:
        one.create(LeagueConfig(seed=9))
        one.add_snapshot(*a_snapshot(1))
        path = backed_up(one, tmp_path / "one.tar")
    restored(str(tmp_path / "two"), "other", path)
    with Store.open(str(tmp_path / "two"), "other") as two:
        assert two.config() == LeagueConfig(seed=9)
        assert two.verify().problems == ()


def test_only_one_part_is_in_memory(tmp_path, python):
    """A file of 400 MB is checked in little more than its largest part."""
    path = tmp_path / "large.tar"
    with path.open("wb") as file:
        writer = PartsWriter(file)
        data = bytes(20_000_000)
        for number in range(20):
            writer.add(f"weights/{number}", data)
        writer.end()
    reader = python(
        """
import resource, sys
from league.pool.parts import read_parts
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open(sys.argv[1], "rb") as file:
    assert sum(len(data) for _, data in read_parts(file)) == 400_000_000
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
""",
        path,
    )
    assert int(reader.stdout.readline()) * 1024 < 80_000_000


def test_the_rights_that_a_restore_needs(file, tcp, name, raw, monkeypatch):
    """As the documentation has them."""
    rules = [
        f"~league:{{{name}-back}}:*",
        "resetchannels",
        "-@all",
        "+@read",
        "+@write",
        "+@keyspace",
        "+@transaction",
        "+time",
    ]
    raw.execute_command("ACL", "SETUSER", "restore", "reset", "on", ">s3cret", *rules)
    monkeypatch.setenv("LEAGUE_REDIS_USERNAME", "restore")
    monkeypatch.setenv("LEAGUE_REDIS_PASSWORD", "s3cret")
    restored(tcp[0], f"{name}-back", file)
    assert contents(raw, f"{name}-back").keys() == contents(raw, name).keys()
