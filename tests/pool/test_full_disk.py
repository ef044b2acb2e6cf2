"""A store on a full disk says so at once, lives on, and goes on once there is room."""

import os
import re
import time
from pathlib import Path

import pytest

from league.config import LeagueConfig
from league.disk import RESERVE
from league.errors import StoreFullError, StoreUnreachableError
from league.pool import connection, server
from league.pool.backup_file import check_backup
from league.pool.store import Store
from tests.full_disk import fill, small_disk


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk") as folder:
        yield folder


@pytest.fixture
def at_work(disk, a_match):
    with Store.open(str(disk / "store")) as store:
        store.create(LeagueConfig())
        store.record(a_match("m0"))
        yield store


def pid(store):
    return store._call("INFO")["process_id"]


def starts(store):
    return (Path(store.address) / "server.log").read_text().count("is starting")


def test_what_has_no_room_is_refused_at_once_and_the_server_lives_on(at_work, disk, a_match):
    server, filler = pid(at_work), fill(disk)
    started = time.monotonic()
    for write in (
        lambda: at_work.save_checkpoint("main", os.urandom(2**20), {}),
        lambda: at_work.record(a_match("m1")),
        lambda: at_work.set_status({}),
    ):
        said = rf"no room on the disk of {disk}/store: 0\.\d MB are free and \d\.\d MB are needed"
        with pytest.raises(StoreFullError, match=said):
            write()
    assert time.monotonic() - started < 20.0
    assert at_work.match_count() == 1, "what is there can be read"
    filler.unlink()
    assert at_work.record(a_match("m1"))
    assert (pid(at_work), starts(at_work)) == (server, 1)
    assert at_work.verify().problems == ()


def test_small_things_are_written_where_a_large_one_has_no_room(at_work, disk, a_match):
    fill(disk, leave=2 * RESERVE)
    with pytest.raises(StoreFullError, match="nothing was written"):
        at_work.save_checkpoint("main", os.urandom(2 * RESERVE), {})
    assert at_work.record(a_match("m1"))


def test_a_disk_that_fills_in_the_middle_ends_the_server_a_few_times_and_loses_nothing(disk, a_match, monkeypatch):
    """As when another program takes the room between the look and the write."""
    with Store.open(str(disk / "store")) as store:
        store.create(LeagueConfig())
        store.record(a_match("m0"))
        with monkeypatch.context() as patch:
            patch.setattr(connection, "has_room", lambda *given: True)
            filler = fill(disk)
            started = time.monotonic()
            for _ in range(2):
                with pytest.raises(StoreFullError, match="ended by itself 3 times within 60 s: no room on the disk"):
                    store.save_checkpoint("main", os.urandom(2**20), {})
            assert time.monotonic() - started < 15.0
            assert len(server.last_ends(disk / "store")) == 3
        filler.unlink()
        assert store.record(a_match("m1")), "it is started again as soon as there is room"
        assert [match.match_id for match in store.matches()] == ["m0", "m1"]
        assert store.verify().problems == ()


def test_a_new_store_on_a_full_disk_says_so(disk):
    filler = fill(disk)
    with pytest.raises(StoreFullError, match=rf"its server cannot start: no room on the disk of {disk}/store: 0"):
        Store.open(str(disk / "store"))
    filler.unlink()
    with Store.open(str(disk / "store")) as store:
        store.create(LeagueConfig())


def test_what_a_rewrite_left_is_removed(tmp_path, eventually):
    with Store.open(str(tmp_path / "store")) as store:
        store.create(LeagueConfig())
    eventually(lambda: server.sign_of_life(tmp_path / "store" / "server.sock") == "dead")
    left = tmp_path / "store" / "appendonlydir" / "temp-rewriteaof-1.aof"
    left.write_bytes(bytes(1000))
    with Store.open(str(tmp_path / "store")) as store:
        assert store.config() == LeagueConfig()
    assert not left.exists()


def test_a_connection_that_is_always_lost_is_given_up(serve, monkeypatch, name):
    """A server that ends each connection in the middle of a transaction, as one does that dies and comes back."""
    port, client, _ = serve("--appendonly", "yes")
    with Store.open(f"redis://127.0.0.1:{port}", name, timeout_s=1.0) as store:
        store.create(LeagueConfig())
        started = time.monotonic()

        def attempt(pipe):
            client.client_kill_filter(_type="normal", skipme=True)
            pipe.multi()
            pipe.execute_command("SET", "x", 1)

        with pytest.raises(StoreUnreachableError, match="loses each connection while it is written to"):
            store._transact([], attempt)
        assert 1.0 < time.monotonic() - started < 20.0
        assert client.get("x") is None


def test_a_disk_that_fills_in_the_middle_of_a_restore_leaves_no_league(at_work, disk, tmp_path, eventually):
    at_work.save_checkpoint("main", os.urandom(2_000_000), {"steps": 1})
    file = tmp_path / "league.tar"
    with file.open("wb") as written:
        backup = at_work.back_up(written)

    def watch(line):
        if line.startswith("writing backup.json"):
            fill(disk)

    with Store.open(str(disk / "back")) as back:
        server = pid(back)
        with pytest.raises(StoreFullError, match="nothing was written"):
            back.restore(file, check_backup(file), watch)
        assert back.config() is None
        assert pid(back) == server
        (disk / "filler").unlink()
        back.restore(file, backup)
        assert back.verify().problems == ()
        assert not [key for key in back._call("KEYS", "*") if b"restoring" in key]


LIMITED = """
import os, resource, sys, time
from league.config import LeagueConfig
from league.errors import StoreUnavailableError
from league.ladder.records import Match, Tally
from league.pool.store import Store
resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
with Store.open(sys.argv[1]) as store:
    store.create(LeagueConfig())
    store.record(Match(match_id="m0", row="a", column="b", results={"01": Tally(1, 0, 0)}, played_s=0.0))
    started = time.monotonic()
    try:
        store.save_checkpoint("main", os.urandom(2**21), {})
    except StoreUnavailableError as error:
        print(round(time.monotonic() - started), error, flush=True)
"""


def test_a_limit_that_no_look_at_the_disk_shows(tmp_path, python, eventually):
    """As a quota; needs no root."""
    seconds, _, said = python(LIMITED, tmp_path / "store").stdout.readline().partition(" ")
    assert re.search(r"its server ended by itself 3 times within 60 s: .*; it is started again in \d+ s", said)
    assert int(seconds) < 30
    eventually(lambda: server.sign_of_life(tmp_path / "store" / "server.sock") == "dead")
    for lock in tmp_path.glob("store/server.lock"):
        lock.write_text("")  # As if the minute were over.
    with Store.open(str(tmp_path / "store")) as store:
        assert store.match_count() == 1
        assert store.verify().problems == ()
