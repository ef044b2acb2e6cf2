"""Each match counts exactly once, whoever reports it and however often."""

import threading
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from league.config import LeagueConfig, RatingConfig
from league.errors import StoreError
from league.ladder.payoff import Payoff
from league.ladder.ratings import Rating, recompute
from league.ladder.records import Match, Tally
from league.ladder.standings import of_counts
from league.pool.keys import Keys
from league.pool.lease import Holder
from league.pool.matches import RULES, kinds_of
from league.pool.mirror import Mirror
from league.pool.store import Store
from league.view.overview import Overview

WRITER = """
import sys
from league.ladder.records import Match, Tally
from league.pool.store import Store
address, league, who = sys.argv[1:]
with Store.open(address, league) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    counted = 0
    for number in range(30):
        for match_id, row in ((f"shared-{number}", "a"), (f"{who}-{number}", who)):
            results = {"01": Tally(number % 4, 1, 2), "10": Tally(1, 0, number % 3)}
            counted += store.record(Match(match_id=match_id, row=row, column="b", results=results, played_s=0.5))
print(counted, flush=True)
"""


def assert_consistent(store):
    log = list(store.matches())
    assert store.ratings() == recompute(log, store.config().ratings)
    payoff = Payoff()
    for match in log:
        payoff.add(match)
    assert store.payoff() == payoff
    assert store.standings() == of_counts(payoff.to_counts(), kinds_of(store.snapshots()))
    assert store.verify().problems == ()


def test_a_match_counts_once(store, a_match):
    assert store.record(a_match("m1"))
    assert not store.record(a_match("m1"))
    assert not store.record(a_match("m1", wins=9)), "the id decides, the first report stands"
    assert store.match_count() == 1
    assert list(store.matches()) == [a_match("m1")]
    assert store.payoff().tally("main-0001", "uniform") == Tally(5, 2, 5)
    assert_consistent(store)


def test_floats_come_back_to_the_last_bit(store, a_match):
    for number in range(7):
        store.record(a_match(f"m{number}", wins=number, losses=1))
    assert_consistent(store)
    assert store.ratings()["uniform"].mu != round(store.ratings()["uniform"].mu, 12), "or it would prove little"


def test_the_log_is_read_in_chunks_from_either_end(store, a_match, monkeypatch):
    monkeypatch.setattr("league.pool.log.CHUNK", 3)
    for number in range(8):
        store.record(a_match(f"m{number}"))
    ids = [f"m{number}" for number in range(8)]
    assert [m.match_id for m in store.matches()] == ids
    assert [m.match_id for m in store.matches(newest_first=True)] == ids[::-1]
    assert [m.match_id for m in store.matches(4)] == ids[:4]
    assert [m.match_id for m in store.matches(4, newest_first=True)] == ids[:3:-1]
    assert list(store.matches(0)) == []


def test_processes_report_the_same_and_different_matches(store, tcp, python):
    writers = [python(WRITER, tcp[0], store.league, who) for who in ("w1", "w2", "w3")]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    counted = [int(writer.stdout.readline()) for writer in writers]
    assert sum(counted) == store.match_count() == 30 + 3 * 30, "each of the shared ones counted for one of them"
    assert_consistent(store)


def test_threads_share_a_store(store, a_match):
    with ThreadPoolExecutor(8) as pool:
        counted = list(pool.map(lambda number: store.record(a_match(f"m{number % 25}")), range(100)))
    assert sum(counted) == store.match_count() == 25
    assert_consistent(store)


def test_lost_connections_cost_nothing(store, raw, a_match):
    done, recorded, killed = threading.Event(), 0, 0
    cuts: Counter[int] = Counter()

    def cut():
        nonlocal killed
        while not done.wait(0.01):
            if cuts[recorded] < 2:  # On a busy machine a match would lose every connection that it is given.
                cuts[recorded] += 1
                killed += raw.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    cutter = threading.Thread(target=cut)
    cutter.start()
    try:
        while recorded < 40 or killed < 4:
            store.record(a_match(f"m{recorded}"))
            recorded += 1
    finally:
        done.set()
        cutter.join()
    assert store.match_count() == recorded
    assert_consistent(store)


def test_connections_that_are_lost_before_their_first_command_cost_nothing(store, raw, a_match, monkeypatch):
    """At the look that redis-py takes at a connection from its pool, whose losses it does not repeat itself."""
    look, left = redis.Connection.can_read, 10

    def cut(connection, timeout=0):
        nonlocal left
        if left:
            left -= 1
            killer.client_kill_filter(_type="normal", skipme=True)
        return look(connection, timeout)

    with raw.client() as killer:
        killer.ping()
        monkeypatch.setattr("redis.Connection.can_read", cut)
        for use in (store.match_count, lambda: store.record(a_match("m1")), store.verify):
            left = 10
            use()
            assert left < 10
    assert store.match_count() == 1


def test_a_match_of_which_all_games_were_dropped_is_logged(store):
    match = Match(match_id="m", row="a", column="b", results={}, played_s=0.0, dropped=4)
    assert store.record(match)
    assert list(store.matches()) == [match]
    assert_consistent(store)


def test_a_name_that_would_break_the_payoff_is_refused(store, a_match):
    with pytest.raises(StoreError, match=r"policy name 'a\|b'"):
        store.record(a_match("m", row="a|b"))
    assert store.match_count() == 0


def test_a_changed_rating_scale_rates_the_log_anew(store, a_match):
    for number in range(5):
        store.record(a_match(f"m{number}"))
    before = store.ratings()
    store.update_config(LeagueConfig(ratings=RatingConfig(mu=0.0)))
    assert store.ratings() != before
    assert abs(store.ratings()["uniform"].mu) < 5
    assert_consistent(store)
    assert store.record(a_match("m5"))
    assert_consistent(store)


def test_what_is_no_match_is_reported(store, raw, a_match):
    store.record(a_match("m1"))
    raw.xadd(Keys(store.league).matches, {"match": "{}"}, id="2-0")
    with pytest.raises(StoreError, match="entry 2-0"):
        list(store.matches())
    assert any("entry 2-0" in problem for problem in store.verify().problems)


def test_verify_counts_what_it_saw(store, a_match, a_snapshot):
    store.add_snapshot(*a_snapshot(1))
    store.save_checkpoint("main", b"state", {})
    store.record(a_match("m1"))
    found = store.verify()
    assert (found.matches, found.snapshots, found.promotions, found.checkpoints) == (1, 1, 0, 1)
    assert found.problems == ()


@pytest.mark.parametrize(
    ("tamper", "problem"),
    [
        (lambda raw, keys: raw.hset(keys.ratings, "uniform", "[25.000000000000004, 1.0, 2]"), "rating of uniform"),
        (lambda raw, keys: raw.hset(keys.ratings, "ghost", "[25.0, 1.0, 2]"), "rating of ghost"),
        (lambda raw, keys: raw.hdel(keys.ratings, "main-0001"), "rating of main-0001"),
        (lambda raw, keys: raw.hset(keys.ratings, "uniform", "nonsense"), "rating that is none"),
        (lambda raw, keys: raw.hincrby(keys.payoff, "main-0001|uniform|01|w", 1), "payoff"),
        (lambda raw, keys: raw.hset(keys.payoff, "nonsense", 1), "payoff"),
        (lambda raw, keys: raw.hset(keys.standings, "uniform", '[{"bot":[1,2,3]},{}]'), "standing of uniform"),
        (lambda raw, keys: raw.hset(keys.standings, "ghost", "[{},{}]"), "standing of ghost"),
        (lambda raw, keys: raw.hset(keys.standings, "uniform", "[7]"), "standing that is none"),
        (lambda raw, keys: raw.hdel(keys.standings, "main-0001"), "standing of main-0001"),
        (lambda raw, keys: raw.hdel(keys.match_index, "m1"), "match m1"),
        (lambda raw, keys: raw.hset(keys.match_index, "m9", "9-0"), "match m9"),
        (lambda raw, keys: raw.xdel(keys.matches, "1-0"), "match m1"),
        (lambda raw, keys: raw.xadd(keys.matches, raw.xrange(keys.matches)[0][1], id="3-0"), "counts twice"),
    ],
)
def test_verify_notices_tampering_and_rebuild_repairs_what_is_derived(store, raw, a_match, tamper, problem):
    store.record(a_match("m1"))
    store.record(a_match("m2"))
    tamper(raw, Keys(store.league))
    assert any(problem in line for line in store.verify().problems)
    store.rebuild()
    left = store.verify().problems
    assert left == () or problem == "counts twice", left


@pytest.mark.parametrize("part", ["description", "place", "twice"])
def test_verify_notices_lost_snapshots(store, raw, a_snapshot, part):
    store.add_snapshot(*a_snapshot(1))
    keys = Keys(store.league)
    {
        "description": lambda: raw.hdel(keys.snapshots, "main-0001"),
        "place": lambda: raw.lrem(keys.snapshot_order, 0, "main-0001"),
        "twice": lambda: raw.rpush(keys.snapshot_order, "main-0001"),
    }[part]()
    assert any(part in line for line in store.verify().problems)


def test_verify_notices_lost_champions_and_checkpoints(store, raw, a_snapshot):
    snapshot, weights = a_snapshot(1)
    store.add_snapshot(snapshot, weights)
    keys = Keys(store.league)
    raw.rpush(keys.promotions, '{"policy":"ghost","digest":"00","by":"me","reason":"","promoted_s":1.0}')
    raw.sadd(keys.learners, "main")
    problems = store.verify().problems
    assert any("champion ghost" in line for line in problems)
    assert any("checkpoint of learner 'main' is missing" in line for line in problems)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.permutations(["a", "b", "c"]), st.builds(Tally, *[st.integers(0, 5)] * 3)),
        max_size=12,
    ),
)
def test_any_reports_give_what_their_log_gives(tcp, reports):
    with Store.open(tcp[0], uuid.uuid4().hex) as store:
        store.create(LeagueConfig())
        seen = set()
        for number, (row, column, _), tally in reports:
            match = Match(match_id=str(number), row=row, column=column, results={"01": tally}, played_s=0.0)
            assert store.record(match) == (number not in seen)
            seen.add(number)
        assert all(isinstance(rating, Rating) for rating in store.ratings().values())
        assert_consistent(store)


def test_games_of_a_race_are_in_the_log_alone(store, a_match):
    store.create(LeagueConfig())
    for kind in ("gate", "check"):
        assert store.record(replace(a_match(kind), **{kind: True}))
    assert store.match_count() == 2
    assert (store.ratings(), store.standings()) == ({}, {})
    assert store.verify().problems == ()


def test_what_an_older_version_derived_is_derived_anew_and_the_history_stays(store, a_match):
    store.create(LeagueConfig())
    store.record(a_match("one"))
    rated = store.ratings(), store.payoff()
    store.record(replace(a_match("two"), gate=True))
    keys = store._keys
    old = {"a": Rating(mu=40.0, sigma=1.0, games=20)}
    store._queue_ratings(store._redis.execute_command, old)
    store._redis.hincrby(keys.payoff, "a|b|01|w", 5)
    store._redis.hdel(keys.meta, "rules")
    assert store.verify().problems
    store.follow_rules()
    assert (store.ratings(), store.payoff()) == rated
    assert store.match_count() == 2
    assert store.verify().problems == ()


def test_a_store_from_before_standings_reads_the_same_and_is_counted_once(store, a_match, a_snapshot):
    store.create(LeagueConfig())
    store.add_snapshot(*a_snapshot(1))
    store.record_all([a_match("one"), a_match("two"), replace(a_match("three"), gate=True)])
    counted, keys = store.standings(), store._keys
    assert counted["main-0001"].against("uniform") == Tally(10, 4, 10)
    assert counted["uniform"].roles == {"main": [10, 4, 10]}
    store._redis.delete(keys.standings)
    store._redis.hset(keys.meta, "rules", 2)
    assert store.verify().problems == (), "what an older version did not count is not wrong"
    assert (store.standings(), store.standing("uniform")) == (counted, counted["uniform"])
    assert Overview.read(Mirror(store)).standings == counted
    store.record(a_match("four"))  # By whoever does not wait for the log to be counted.
    counted = store.standings()
    assert counted["main-0001"].total == Tally(15, 6, 15)
    assert store.verify().problems == ()
    lines = []
    store.follow_rules(lines.append)
    assert lines
    assert store._redis.hget(keys.meta, "rules") == str(RULES).encode()
    assert (store.standings(), store.standing("uniform")) == (counted, counted["uniform"])
    assert store.rebuild().repaired == ()
    assert_consistent(store)
    lines.clear()
    store.follow_rules(lines.append)
    assert not lines, "only once"


def test_recompute_counts_standings_for_a_store_that_had_none_and_calls_nothing_wrong(store, a_match):
    store.record(a_match("one"))
    counted, keys = store.standings(), store._keys
    store._redis.delete(keys.standings)
    store._redis.hdel(keys.meta, "rules")
    assert store.rebuild().repaired == ()
    assert (store.standings(), store._redis.hlen(keys.standings)) == (counted, 2)


def test_a_snapshot_that_comes_after_its_matches_is_no_bot(store, a_match, a_snapshot):
    """As nobody does but by hand: whoever met it is counted anew by whoever opens the store next."""
    store.record(a_match("one"))
    assert store.standings()["uniform"].roles == {"bot": [5, 2, 5]}
    store.add_snapshot(*a_snapshot(1))
    assert store.standings()["uniform"].roles == {"main": [5, 2, 5]}
    assert store.verify().problems == ()
    store.follow_rules()
    assert store._redis.hget(store._keys.standings, "uniform") == b'[{"main":[5,2,5]},{"main-0001":[5,2,5]}]'
    assert_consistent(store)


def test_nobody_counts_anew_what_an_older_version_is_still_counting(tcp, a_match):
    name, holder = uuid.uuid4().hex, Holder.here()
    with Store.open(tcp[0], name) as store:
        store.create(LeagueConfig())
        store.record(a_match("one"))
        counted, keys = store.standings(), store._keys
        store._redis.delete(keys.standings)
        store._redis.hset(keys.meta, "rules", 2)
        store.acquire(holder)
        with Store.open(tcp[0], name) as reader:
            assert reader.standings() == counted
        assert store._redis.hget(keys.meta, "rules") == b"2"
        store.release(holder)
        with Store.open(tcp[0], name) as reader:
            assert reader.standings() == counted
        assert int(store._redis.hget(keys.meta, "rules")) == RULES
