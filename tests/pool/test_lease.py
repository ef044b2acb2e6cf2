"""The lease and its fencing token, on a real server."""

import os
import signal
import socket
import threading

import pytest

from league.config import LeagueConfig
from league.errors import LeaseError
from league.ladder.records import Promotion
from league.pool.lease import Holder
from league.pool.store import Store


@pytest.fixture
def other(tcp, name, store):
    """A second connection to the league of `store`."""
    with Store.open(tcp[0], name, timeout_s=2.0) as opened:
        yield opened


def test_one_run_holds_the_lease_and_the_next_is_told_who(store, other):
    first = Holder.here()
    assert store.acquire(first) == 1
    with pytest.raises(LeaseError, match=rf"already, by pid {os.getpid()} on {socket.gethostname()} since 2"):
        other.acquire(Holder.here())
    lease = other.lease()
    assert (lease.holder, lease.token) == (first, 1)
    assert 14 < lease.expires_in_s <= 15
    store.release(first)
    assert other.lease() is None
    assert other.acquire(Holder.here()) == 2


def test_a_lease_expires_by_the_servers_clock_and_no_token_comes_twice(store, other, eventually):
    first, second = Holder.here(), Holder.here()
    tokens = [store.acquire(first, 0.05)]
    eventually(lambda: other.lease() is None)
    tokens.append(other.acquire(second))
    assert store.acquire(first, force=True) == 3, "whoever knows that the holder is dead need not wait"
    other.release(second)
    assert store.lease().holder == first, "only the holder gives it back"
    store.release(first)
    assert tokens == [1, 2]
    assert store.acquire(first) == 4


def test_a_run_takes_its_own_lease_over_at_once_with_a_new_token(store, other):
    run = Holder.here()
    store.fence = store.acquire(run)
    other.fence = other.acquire(run)
    other.renew(run)
    with pytest.raises(LeaseError, match="taken over"):
        store.renew(run)


def test_a_lease_is_renewed_also_after_it_expired_unless_another_took_it(store, other, eventually):
    run = Holder.here()
    store.fence = store.acquire(run, 0.05)
    eventually(lambda: store.lease() is None)
    store.renew(run, 0.05)
    assert store.lease().holder == run
    eventually(lambda: store.lease() is None)
    successor = Holder.here()
    other.acquire(successor)
    with pytest.raises(LeaseError, match="taken over"):
        store.renew(run)
    assert store.lease().holder == successor


def every_write(store, a_snapshot, a_match, number):
    """All that a run writes; another `number` writes something else."""
    snapshot, weights = a_snapshot(10 + number)
    first = a_snapshot(1)[0]
    promotion = Promotion(policy=first.name, digest=first.digest, by="coordinator", reason="best", promoted_s=number)
    return [
        lambda: store.add_snapshot(snapshot, weights),
        lambda: store.record(a_match(f"m{number}")),
        lambda: store.promote(promotion),
        lambda: store.save_checkpoint("main", b"state", {"number": number}),
        lambda: store.set_status({"number": number}),
        lambda: store.add_event("lost", f"number {number}", 1.0),
        lambda: store.update_config(LeagueConfig(seed=number)),
    ]


def test_who_was_taken_over_writes_nothing_more(store, other, raw, a_snapshot, a_match):
    run, successor = Holder.here(), Holder.here()
    store.add_snapshot(*a_snapshot(1))
    store.fence = store.acquire(run)
    for write in every_write(store, a_snapshot, a_match, 1):
        write()
    other.fence = other.acquire(successor, force=True)
    keys = sorted(raw.scan_iter(f"league:{{{store.league}}}:*"))
    before = [raw.dump(key) for key in keys if not key.endswith(b":lease")]
    for write in every_write(store, a_snapshot, a_match, 2):
        with pytest.raises(LeaseError, match="taken over"):
            write()
    assert sorted(raw.scan_iter(f"league:{{{store.league}}}:*")) == keys
    assert [raw.dump(key) for key in keys if not key.endswith(b":lease")] == before
    assert other.record(a_match("of the successor"))
    store.fence = None
    assert store.record(a_match("of a person")), "commands of people have no fence"
    assert store.verify().problems == ()


def test_a_takeover_between_reading_and_writing_is_noticed(store, other):
    store.fence = store.acquire(Holder.here())
    attempts = []

    def attempt(pipe):
        attempts.append(pipe.execute_command("GET", store._keys.status))
        if len(attempts) == 1:
            other.acquire(Holder.here(), force=True)
        pipe.multi()
        pipe.execute_command("SET", store._keys.status, "{}")

    with pytest.raises(LeaseError, match="taken over"):
        store._transact([], attempt)
    assert (attempts, store.status()) == ([None], None)


def test_of_many_who_want_a_free_lease_one_gets_it(tcp, name, store):
    won, lost = [], []
    start = threading.Barrier(8)

    def want():
        with Store.open(tcp[0], name, timeout_s=5.0) as mine:
            start.wait()
            try:
                won.append(mine.acquire(Holder.here()))
            except LeaseError:
                lost.append(1)

    threads = [threading.Thread(target=want) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (won, len(lost)) == ([1], 7)


PAUSED = """
import sys
from league.errors import LeaseError
from league.pool.lease import Holder
from league.pool.store import Store

with Store.open(sys.argv[1], sys.argv[2]) as store:
    store.fence = store.acquire(Holder.here(), 0.2)
    print("holds", flush=True)
    number = 0
    while True:
        try:
            number += 1
            store.set_status({"phase": "of the paused one", "number": number})
        except LeaseError as error:
            print(error, flush=True)
            break
"""


def test_a_process_that_slept_longer_than_its_lease_cannot_write_when_it_wakes(tcp, store, python, eventually):
    process = python(PAUSED, tcp[0], store.league)
    assert process.stdout.readline() == "holds\n"
    eventually(store.status)
    process.send_signal(signal.SIGSTOP)
    eventually(lambda: store.lease() is None)
    store.fence = store.acquire(Holder.here())
    store.set_status({"phase": "of the successor"})
    process.send_signal(signal.SIGCONT)
    assert "was taken over by another run: this one ends" in process.stdout.readline()
    assert store.status()["phase"] == "of the successor"
