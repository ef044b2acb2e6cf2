"""The champion for whoever serves it: no moment without one, and every change at once."""

import queue
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import league
from league.config import LeagueConfig
from league.ladder.records import Promotion
from league.pool.store import Store

ROOT = Path(league.__file__).parents[1]

CRASH = """
import os, signal, sys
from redis.connection import AbstractConnection
from league.ladder.records import Promotion
from league.pool.store import Store

url, name, crash_at, policy, digest, moment = sys.argv[1:]
store = Store.open(url, name)
send, steps = AbstractConnection.send_packed_command, 0

def send_and_die(self, command, *args, **options):
    global steps
    if moment == "before" and steps == int(crash_at):
        os.kill(os.getpid(), signal.SIGKILL)
    send(self, command, *args, **options)
    if moment == "after" and steps == int(crash_at):
        os.kill(os.getpid(), signal.SIGKILL)
    steps += 1

AbstractConnection.send_packed_command = send_and_die
store.promote(Promotion(policy=policy, digest=digest, by="me", reason="better", promoted_s=2.0), over=store.champion())
print("done")
"""


@pytest.fixture
def two(store, a_snapshot):
    """Two snapshots, the first of them champion."""
    for number in (1, 2):
        store.add_snapshot(*a_snapshot(number))
    snapshots = store.snapshots()
    store.promote(a_promotion(snapshots[0], 1.0))
    return snapshots


def a_promotion(snapshot, at_s):
    return Promotion(policy=snapshot.name, digest=snapshot.digest, by="me", reason="better", promoted_s=at_s)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_between_any_two_steps_leaves_the_old_or_the_new_champion(tcp, store, two, moment):
    old, new = two
    seen = []
    for step in range(50):
        command = [sys.executable, "-c", CRASH, tcp[0], store.league, str(step), new.name, new.digest, moment]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        champion = store.champion()
        assert champion is not None
        assert len(store.promotions()) == 1 + (champion.policy == new.name)
        seen.append(champion.policy)
        if done.stdout == "done\n":
            break
        assert done.returncode == -9, done.stderr
    assert len(seen) > 4, "there were steps to crash between"
    assert seen[0] == old.name
    assert seen[-1] == new.name
    assert seen == sorted(seen), "once it is the new one it stays"


class Watcher:
    """Watches in a thread, as a serving process would."""

    def __init__(self, store, poll_s):
        self.heard: queue.Queue[str] = queue.Queue()
        self.stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(store, poll_s))
        self._thread.start()

    def _watch(self, store, poll_s):
        for promotion in store.watch_champion(poll_s=poll_s, stop=self.stop):
            self.heard.put(promotion.policy)

    def next(self):
        return self.heard.get(timeout=20)

    def end(self):
        self.stop.set()
        self._thread.join()


@pytest.fixture
def watch():
    watchers = []

    def start(store, poll_s):
        watchers.append(Watcher(store, poll_s))
        return watchers[-1]

    yield start
    for watcher in watchers:
        watcher.end()


def subscribers(raw, store):
    return raw.pubsub_numsub(store._keys.promoted)[0][1]


def test_the_present_champion_comes_first_then_every_change_in_order(store, two, watch, raw, eventually):
    watcher = watch(store, poll_s=3600.0)
    try:
        assert watcher.next() == "main-0001"
        eventually(lambda: subscribers(raw, store))
        for at_s in range(2, 12):
            store.promote(a_promotion(two[at_s % 2], float(at_s)))
        assert [watcher.next() for _ in range(10)] == ["main-0001", "main-0002"] * 5
        assert watcher.heard.empty()
    finally:
        watcher.stop.set()
        raw.publish(store._keys.promoted, b"wake up, and see that it is over")


def test_before_the_first_champion_it_waits(store, a_snapshot, watch, raw, eventually):
    watcher = watch(store, poll_s=0.5)
    eventually(lambda: subscribers(raw, store))
    store.add_snapshot(*a_snapshot(1))
    store.promote(a_promotion(store.snapshots()[0], 1.0))
    assert watcher.next() == "main-0001"


def test_a_broken_subscription_is_made_again(store, two, watch, raw, eventually):
    watcher = watch(store, poll_s=0.2)
    assert watcher.next() == "main-0001"
    for at_s in range(2, 6):
        eventually(lambda: subscribers(raw, store))
        assert raw.execute_command("CLIENT", "KILL", "TYPE", "pubsub") >= 1
        store.promote(a_promotion(two[(at_s + 1) % 2], float(at_s)))
        assert watcher.next() == two[(at_s + 1) % 2].name
    assert watcher.heard.empty()


def test_where_the_channel_is_forbidden_it_polls(store, tcp, two, watch, raw):
    rules = ["on", ">p0ll", "resetchannels", f"~league:{{{store.league}}}:*", "+@all"]
    raw.execute_command("ACL", "SETUSER", store.league, *rules)
    url = tcp[0].replace("redis://", f"redis://{store.league}:p0ll@")
    with Store.open(url, store.league) as polling:
        watcher = watch(polling, poll_s=0.05)
        assert watcher.next() == "main-0001"
        store.promote(a_promotion(two[1], 2.0))
        assert watcher.next() == "main-0002"
        assert not subscribers(raw, store)
        watcher.end()
    raw.execute_command("ACL", "DELUSER", store.league)


def test_a_server_that_goes_away_is_waited_for(serve, watch, a_snapshot, eventually):
    port, client, folder = serve("--appendonly", "yes")
    url = f"redis://127.0.0.1:{port}"
    with Store.open(url, timeout_s=0.2) as store:
        store.create(LeagueConfig())
        for number in (1, 2):
            store.add_snapshot(*a_snapshot(number))
        one, other = store.snapshots()
        store.promote(a_promotion(one, 1.0))
        watcher = watch(store, poll_s=0.05)
        assert watcher.next() == "main-0001"
        client.shutdown(nosave=True)
        serve("--appendonly", "yes", "--dir", str(folder), port=port)
        eventually(lambda: store.promote(a_promotion(other, 2.0)))
        assert watcher.next() == "main-0002"
        watcher.end()


@pytest.mark.parametrize("since", [[], [3.0], [3.0, 4.0, 5.0]])
def test_a_server_that_came_back_without_its_last_write_hides_no_promotion(store, two, watch, raw, eventually, since):
    """`since`: promotions after the loss and before the next look."""
    store.promote(a_promotion(two[1], 2.0))
    looks = 0

    def heard(error):
        nonlocal looks
        looks += 1

    stop = threading.Event()
    watching = store.watch_champion(poll_s=0.05, stop=stop, heard=heard)
    assert next(watching).promoted_s == 2.0
    raw.rpop(store._keys.promotions)
    for at_s in since:
        store.promote(a_promotion(two[0], at_s))
    assert next(watching).promoted_s == (since[-1] if since else 1.0), "the champion that there is"
    store.promote(a_promotion(two[1], 6.0))
    assert next(watching).promoted_s == 6.0
    assert looks >= 3


def test_watching_leaves_no_connection_behind(store, two, raw, eventually):
    stop = threading.Event()
    for promotion in store.watch_champion(poll_s=0.05, stop=stop):
        assert promotion.policy == "main-0001"
        stop.set()
    eventually(lambda: not subscribers(raw, store))
