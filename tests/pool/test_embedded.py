"""The embedded server: shared, gone with its last client, and losing nothing when it is killed."""

import fcntl
import os
import shutil
import signal
import socket
import stat
import subprocess
import time
from pathlib import Path

import pytest

from league.config import LeagueConfig
from league.errors import StoreError, StorePermissionError, StoreUnavailableError, WrongLeagueError
from league.pool import embedded, server, supervisor
from league.pool.embedded import EmbeddedServer, socket_path
from league.pool.store import Store

CLIENT = """
import sys
from league.pool.store import Store
with Store.open(sys.argv[1]) as store:
    print(store._call("INFO")["process_id"], flush=True)
    sys.stdin.readline()
"""

REPORTER = """
import sys
from league.config import LeagueConfig
from league.ladder.records import Match, Tally
from league.pool.store import Store
with Store.open(sys.argv[1]) as store:
    store.create(LeagueConfig())
    for number in range(int(sys.argv[2])):
        results = {"01": Tally(2, 1, number % 3)}
        store.record(Match(match_id=f"m{number}", row="a", column="b", results=results, played_s=0.0))
        print(f"m{number}", flush=True)
"""


def server_pid(store):
    return store._call("INFO")["process_id"]


def parent(pid):
    return int(subprocess.run(["ps", "-o", "ppid=", "-p", str(pid)], capture_output=True, text=True, check=True).stdout)


def alive(pid):
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")


@pytest.fixture
def folder(tmp_path, eventually):
    path = tmp_path / "league"
    yield path
    if path.is_dir():
        eventually(lambda: server.sign_of_life(socket_path(path.resolve())) == "dead")


def test_the_folder_and_the_socket_are_private(folder):
    with Store.open(str(folder)) as store:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "server.sock").stat().st_mode) == 0o700
        assert store.address == str(folder)
        assert store.server_warnings() == []
        info = store._call("INFO")
        assert info["tcp_port"] == 0
        assert (info["aof_enabled"], info["maxmemory_policy"]) == (1, "noeviction")


def test_two_processes_share_a_server_that_ends_with_the_last(folder, python, eventually):
    first, second = python(CLIENT, folder), python(CLIENT, folder)
    pids = {int(first.stdout.readline()), int(second.stdout.readline())}
    assert len(pids) == 1
    (pid,) = pids
    first.stdin.write("\n")
    first.stdin.close()
    first.wait()
    with Store.open(str(folder)) as store:
        assert server_pid(store) == pid, "the second still holds it"
    second.kill()
    eventually(lambda: not alive(pid))


def test_killing_every_client_ends_the_server(folder, python, eventually):
    clients = [python(CLIENT, folder), python(CLIENT, folder)]
    pid = int(clients[0].stdout.readline())
    clients[1].stdout.readline()
    keeper = parent(pid)
    for client in clients:
        client.kill()
    eventually(lambda: not alive(pid) and not alive(keeper), timeout_s=30.0)


def test_what_was_reported_survives_a_killed_server(folder, python):
    reporter = python(REPORTER, folder, 40)
    reported = [reporter.stdout.readline().strip() for _ in range(10)]
    with Store.open(str(folder)) as store:
        killed = server_pid(store)
        os.kill(killed, signal.SIGKILL)
        # The reporter goes on by itself: whoever notices first starts the server again.
        reported += [line.strip() for line in reporter.stdout]
        assert reporter.wait() == 0
        assert [match.match_id for match in store.matches()] == reported == [f"m{n}" for n in range(40)]
        assert store.verify().problems == ()
        assert server_pid(store) != killed


def test_a_killed_supervisor_takes_its_server_with_it_and_is_replaced(folder, eventually):
    with Store.open(str(folder)) as store:
        store.create(LeagueConfig(seed=3))
        pid = server_pid(store)
        os.kill(parent(pid), signal.SIGKILL)
        if os.uname().sysname == "Linux":
            eventually(lambda: not alive(pid))
        assert store.config() == LeagueConfig(seed=3)
        pid = server_pid(store)
    eventually(lambda: not alive(pid))


def test_everything_killed_at_once_leaves_a_league_that_opens(folder, python, eventually):
    reporter = python(REPORTER, folder, 10_000)
    reported = [reporter.stdout.readline().strip() for _ in range(20)]
    with Store.open(str(folder)) as store:
        pid = server_pid(store)
        keeper = parent(pid)
    for victim in (keeper, pid, reporter.pid):
        os.kill(victim, signal.SIGKILL)
    reported += [line.strip() for line in reporter.stdout if line.endswith("\n")]
    eventually(lambda: not alive(pid) and not alive(keeper))
    assert (folder / "server.sock").exists(), "a stale socket is left"
    with Store.open(str(folder)) as store:
        ids = [match.match_id for match in store.matches()]
        assert ids[: len(reported)] == reported
        assert len(ids) <= len(reported) + 1, "at most the one whose reply was lost"
        assert store.verify().problems == ()


def test_a_torn_last_write_is_dropped_whole(folder, a_match, eventually):
    with Store.open(str(folder)) as store:
        store.create(LeagueConfig())
        for number in range(3):
            store.record(a_match(f"m{number}"))
        pid = server_pid(store)
    eventually(lambda: not alive(pid))
    (log,) = (folder / "appendonlydir").glob("*.incr.aof")
    os.truncate(log, log.stat().st_size - 20)
    with Store.open(str(folder)) as store:
        assert [match.match_id for match in store.matches()] == ["m0", "m1"]
        assert store.verify().problems == ()
        assert store.record(a_match("m2"))


def test_opening_again_and_again_meets_every_moment_of_the_end(folder):
    for number in range(6):
        with Store.open(str(folder)) as store:
            store.create(LeagueConfig())
            store.add_event("lost", str(number), 0.0)
            assert len(store.events()) == number + 1


def test_many_at_once_start_one_server(folder, python):
    clients = [python(CLIENT, folder) for _ in range(4)]
    assert len({client.stdout.readline() for client in clients}) == 1


def test_a_long_folder_has_its_socket_elsewhere(tmp_path, eventually):
    folder = tmp_path / ("long" * 30)
    with Store.open(str(folder)) as store:
        store.create(LeagueConfig())
        path = socket_path(folder.resolve())
        assert path.parent == embedded.SOCKETS / f"league-{os.getuid()}"
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        pid = server_pid(store)
    eventually(lambda: not alive(pid))
    with Store.open(str(folder)) as store:
        assert store.config() == LeagueConfig()


def test_processes_with_other_temporary_folders_share_a_server(tmp_path, python, monkeypatch, eventually):
    folder = tmp_path / ("long" * 30)
    pids = set()
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv("TMPDIR", str(tmp_path / name))
        pids.add(int(python(CLIENT, folder).stdout.readline()))
    assert len(pids) == 1


@pytest.mark.parametrize("deep", [False, True])
def test_a_socket_that_was_removed_is_there_again(tmp_path, deep, eventually, python):
    """As by a cleaner of temporary folders: no client is refused or told a guess, and nothing is lost."""
    folder = tmp_path / ("long" * 30 if deep else "store")
    reporter = python(REPORTER, folder, 150)
    reported = [reporter.stdout.readline().strip() for _ in range(10)]
    path = socket_path(folder.resolve())
    path.unlink()
    started = time.monotonic()
    with Store.open(str(folder)) as store:
        assert time.monotonic() - started < 20
        reported += [line.strip() for line in reporter.stdout]
        assert reporter.wait() == 0
        assert [match.match_id for match in store.matches()] == reported == [f"m{n}" for n in range(150)]
        assert store.verify().problems == ()
        assert "is gone: the server is started again" in (folder / "server.log").read_text()
        assert server.last_ends(folder) == []
        pid = server_pid(store)
    eventually(lambda: not alive(pid))


def test_a_folder_that_was_removed_is_not_made_again(tmp_path, python, eventually):
    folder = tmp_path / "store"
    client = python(CLIENT, folder)
    pid = int(client.stdout.readline())
    shutil.rmtree(folder)
    with Store.open(str(folder)) as store:
        assert server_pid(store) != pid, "a new league, of which the old server knows nothing"
    eventually(lambda: not alive(pid))
    client.kill()


def test_whoever_uses_a_folder_that_is_removed_is_told(folder, eventually):
    """Without, a league would train for days into files that nobody can read."""
    with Store.open(str(folder)) as store:
        store.create(LeagueConfig())
        pid = server_pid(store)
        shutil.rmtree(folder)
        eventually(lambda: not alive(pid))
        with pytest.raises(StoreError, match=f"{folder} was removed while it was in use: restore a backup") as told:
            store.config()
        assert not isinstance(told.value, StoreUnavailableError), "nobody waits for it"
        assert not folder.exists()
    with pytest.raises(WrongLeagueError):
        Store.open(str(folder), create=False)


def test_a_folder_that_is_moved_is_used_on(folder, eventually):
    with Store.open(str(folder)) as store:
        store.create(LeagueConfig())
        pid = server_pid(store)
        moved = folder.rename(folder.with_name("moved"))
        with pytest.raises(AssertionError):
            eventually(lambda: not alive(pid), 3 * supervisor.LOOK_S)
        assert store.config() == LeagueConfig()
    eventually(lambda: not alive(pid))
    with Store.open(str(moved)) as store:
        assert store.config() == LeagueConfig()


def test_a_socket_folder_that_others_can_use_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "SOCKETS", tmp_path)
    shared = tmp_path / f"league-{os.getuid()}"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(StorePermissionError, match="only this user"):
        socket_path(tmp_path / ("long" * 30))


def test_a_closed_store_starts_no_server(folder, eventually):
    with Store.open(str(folder)) as store:
        pid = server_pid(store)
    eventually(lambda: not alive(pid))
    with pytest.raises(StoreError, match="was closed"):
        store.config()


def test_weights_of_many_megabytes(folder, a_snapshot):
    snapshot, weights = a_snapshot(1, weights=os.urandom(1 << 20) * 24)
    with Store.open(str(folder)) as store:
        store.create(LeagueConfig())
        store.add_snapshot(snapshot, weights)
        assert store.weights(snapshot.digest) == weights


def test_a_relative_folder_is_the_same_league(folder, monkeypatch):
    with Store.open(str(folder)) as store:
        store.create(LeagueConfig())
        monkeypatch.chdir(folder.parent)
        with Store.open("league") as same:
            assert same.config() == LeagueConfig()
            assert server_pid(same) == server_pid(store)


def test_a_path_that_is_no_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StoreError, match="not a folder"):
            Store.open(str(path))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that not even root can write: /proc")
def test_a_folder_that_cannot_be_written_is_refused():
    for path in ("/proc/league", "/proc/self"):
        with pytest.raises(StorePermissionError, match="cannot be made or written"):
            Store.open(path)


def test_looking_does_not_make_a_folder(tmp_path):
    with pytest.raises(WrongLeagueError, match="league train --store"):
        Store.open(str(tmp_path / "typo"), create=False)
    assert not (tmp_path / "typo").exists()


def test_a_server_that_does_not_start_says_why(folder):
    folder.mkdir()
    (folder / "appendonlydir").write_text("not a folder")
    with pytest.raises(StoreError, match=r"the server did not start: .*(append|AOF|director)"):
        Store.open(str(folder))


def test_a_missing_binary_says_so(folder, monkeypatch):
    monkeypatch.setattr(embedded, "server_binary", lambda: str(folder / "nothing"))
    with pytest.raises(StoreError, match=r"cannot start .*nothing: No such file"):
        Store.open(str(folder))


def test_a_failed_start_leaves_no_share_behind(folder, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(embedded, "server_binary", lambda: "/nothing")
        with pytest.raises(StoreError):
            EmbeddedServer(folder)
    with Store.open(str(folder)) as store:
        assert store.config() is None


def test_someone_else_holding_the_folder_is_not_fought_over(folder, monkeypatch):
    """As from another machine over a shared file system: the lock is held, but no socket answers."""
    folder.mkdir()
    hasty = embedded._SUPERVISE.replace("sys.exit", "supervisor.START_TIMEOUT_S = 0.2; sys.exit")
    monkeypatch.setattr(embedded, "_SUPERVISE", hasty)
    held = server.locked(folder / "server.lock", fcntl.LOCK_EX, 0.0)
    try:
        with pytest.raises(StoreError, match="another server, perhaps on another machine"):
            Store.open(str(folder))
    finally:
        os.close(held)


def test_a_server_that_accepts_but_is_silent_is_busy_not_dead(tmp_path):
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        assert server.sign_of_life(tmp_path / "s") == "busy"
    assert server.sign_of_life(tmp_path / "s") == "dead"
    assert server.sign_of_life(tmp_path / "nothing") == "dead"
