"""The league, its snapshots, champion, learners and journal on a real server."""

import json
import threading

import pytest

from league.config import LeagueConfig
from league.errors import (
    CorruptSnapshotError,
    StoreError,
    StoreSchemaError,
    UnknownPolicyError,
    WrongLeagueError,
)
from league.ladder.records import Promotion
from league.pool.keys import Keys
from league.pool.snapshots import Named
from league.pool.store import Store


def a_promotion(snapshot, at_s, **fields):
    return Promotion(
        policy=snapshot.name, digest=snapshot.digest, by="coordinator", reason="best", promoted_s=at_s, **fields
    )


@pytest.fixture
def three(store, a_snapshot):
    made = [a_snapshot(number) for number in (1, 2, 3)]
    for snapshot, weights in made:
        store.add_snapshot(snapshot, weights)
    return [snapshot for snapshot, _ in made]


def test_a_league_is_created_once_and_keeps_its_configuration(store):
    store.create(LeagueConfig(seed=7))
    assert store.config() == LeagueConfig()
    store.update_config(LeagueConfig(seed=7))
    assert store.require_config() == LeagueConfig(seed=7)


def test_another_game_is_refused_by_name(store):
    for change in (store.create, store.update_config):
        with pytest.raises(WrongLeagueError, match=r"plays connect_four, not tictactoe"):
            change(LeagueConfig(game="tictactoe"))


def test_without_a_league_nothing_can_be_written(tcp, name, a_match, a_snapshot):
    with Store.open(tcp[0], name) as empty:
        assert empty.config() is None
        for attempt in (
            empty.require_config,
            empty.verify,
            empty.rebuild,
            lambda: empty.record(a_match("m")),
            lambda: empty.add_snapshot(*a_snapshot(1)),
            lambda: empty.update_config(LeagueConfig()),
            lambda: empty.promote(a_promotion(a_snapshot(1)[0], 1.0)),
            lambda: empty.rollback("me", 1.0),
        ):
            with pytest.raises(WrongLeagueError, match="league train --store"):
                attempt()


def test_a_newer_schema_is_refused_at_the_door(store, tcp, raw):
    raw.hset(Keys(store.league).meta, "schema", 3)
    with pytest.raises(StoreSchemaError, match="has schema 3 and this version reads up to 2"):
        Store.open(tcp[0], store.league)


def test_leagues_on_one_server_do_not_meet(store, tcp, name, a_snapshot, a_match, raw):
    with Store.open(tcp[0], f"{name}-2") as other:
        other.create(LeagueConfig(game="tictactoe"))
        store.add_snapshot(*a_snapshot(1))
        store.record(a_match("m"))
        store.save_checkpoint("main", b"state", {})
        store.set_status({})
        store.add_event("lost", "text", 1.0)
        assert (other.snapshots(), other.match_count(), other.learners(), other.events()) == ([], 0, [], [])
        assert other.record(a_match("m")), "ids are the league's own"
    assert all(key.startswith(b"league:{") for key in raw.scan_iter())


@pytest.mark.parametrize("bad", ["", "a:b", "a{b", "a b", "x" * 65])
def test_a_league_name_that_would_break_the_keys_is_refused(tcp, bad):
    with pytest.raises(StoreError, match="league name"):
        Store.open(tcp[0], bad)


def test_snapshots_come_back_in_order_with_their_weights(store, three, a_snapshot):
    assert store.snapshots() == three
    assert store.snapshot("main-0002") == three[1]
    assert store.weights(three[1].digest) == a_snapshot(2)[1]


def test_a_snapshot_never_changes(store, three, a_snapshot):
    store.add_snapshot(*a_snapshot(1))
    assert store.snapshots() == three, "the same one again changes nothing"
    with pytest.raises(StoreError, match="main-0001 exists"):
        store.add_snapshot(*a_snapshot(1, weights=b"others"))


@pytest.mark.parametrize(
    ("taken", "message"), [("champion", "stands for the champion"), ("a|b", "policy name"), ("", "policy name")]
)
def test_a_name_with_another_meaning_is_refused(store, a_snapshot, taken, message):
    snapshot, weights = a_snapshot(1)
    with pytest.raises(StoreError, match=message):
        store.add_snapshot(type(snapshot)(**{**snapshot.to_json(), "name": taken}), weights)


def test_weights_must_be_what_was_announced(store, a_snapshot):
    with pytest.raises(StoreError, match="announced"):
        store.add_snapshot(a_snapshot(1)[0], b"something else")
    assert store.snapshots() == []


@pytest.mark.parametrize("tamper", ["change", "truncate", "delete"])
def test_weights_that_changed_are_noticed_by_name(store, three, raw, tamper):
    key = Keys(store.league).weights(three[0].digest)
    {
        "change": lambda: raw.setrange(key, 3, b"X"),
        "truncate": lambda: raw.set(key, raw.get(key)[:-1]),
        "delete": lambda: raw.delete(key),
    }[tamper]()
    with pytest.raises(CorruptSnapshotError, match=f"main-0001, hash {three[0].digest}"):
        store.weights(three[0].digest)
    assert any("main-0001" in problem for problem in store.verify().problems)


def test_words_for_policies(store, three):
    bots = ["uniform", "negamax-4"]
    assert store.resolve("main-0002", bots) == Named("snapshot", "main-0002", three[1].digest)
    assert store.resolve("uniform", bots) == Named("bot", "uniform", None)
    assert store.resolve(three[2].digest[:8], bots) == Named("snapshot", "main-0003", three[2].digest)
    with pytest.raises(UnknownPolicyError, match="no champion yet"):
        store.resolve("champion", bots)
    store.promote(a_promotion(three[1], 1.0))
    assert store.resolve("champion", bots) == Named("snapshot", "main-0002", three[1].digest)


def test_words_for_nobody(store, three):
    for word, hint in (("main-0004", "did you mean 'main-000"), ("Uniform", "did you mean 'uniform'"), ("", "no pol")):
        with pytest.raises(UnknownPolicyError, match=hint):
            store.resolve(word, ["uniform"])
    with pytest.raises(UnknownPolicyError):
        store.resolve(three[0].digest[:3], [])
    with pytest.raises(UnknownPolicyError, match="did you mean"):
        store.snapshot("main-00002")


def test_an_ambiguous_hash_lists_what_it_fits(store, three, raw):
    # Two hashes that begin alike cannot be found in a test, so the descriptions are written directly.
    for number, snapshot in enumerate(three[:2]):
        changed = {**snapshot.to_json(), "digest": f"abcdef{number}".ljust(64, "0")}
        raw.hset(Keys(store.league).snapshots, snapshot.name, json.dumps(changed))
    with pytest.raises(UnknownPolicyError, match=r"main-0001 .*main-0002"):
        store.resolve("abcd", [])
    assert store.resolve("abcdef1", []).name == "main-0002"


def test_the_champion_has_a_history(store, three):
    assert store.champion() is None
    promotions = [a_promotion(three[0], 1.0), a_promotion(three[1], 2.25, evidence={"score": 0.625})]
    for promotion in promotions:
        assert store.promote(promotion)
        assert store.promote(promotion), "repeated after a lost reply"
    assert store.promotions() == promotions
    assert store.champion() == promotions[1]


def test_a_promotion_is_published(store, three, raw, eventually):
    with raw.pubsub(ignore_subscribe_messages=True) as listener:
        listener.subscribe(Keys(store.league).promoted)
        eventually(lambda: raw.pubsub_numsub(Keys(store.league).promoted)[0][1])
        store.promote(a_promotion(three[0], 1.0))
        message = eventually(listener.get_message)
    assert Promotion.from_json(json.loads(message["data"])).policy == "main-0001"


def test_only_snapshots_become_champion(store, three, a_snapshot):
    with pytest.raises(UnknownPolicyError, match="main-0009"):
        store.promote(a_promotion(a_snapshot(9)[0], 1.0))
    with pytest.raises(UnknownPolicyError, match="has hash"):
        store.promote(a_promotion(a_snapshot(1, weights=b"others")[0], 1.0))
    assert store.champion() is None


def test_a_promotion_over_another_champion_than_the_present_changes_nothing(store, three):
    first, second, third = (a_promotion(snapshot, float(at)) for at, snapshot in enumerate(three))
    assert not store.promote(first, over=second)
    assert store.champion() is None
    assert store.promote(first, over=None)
    assert not store.promote(third, over=None)
    assert store.promote(second, over=first)
    assert not store.promote(third, over=first)
    assert store.promote(second, over=first), "repeated after a lost reply"
    assert store.champion() == second
    assert store.promote(third)


def test_rollback_goes_back_and_further_back(store, three):
    with pytest.raises(StoreError, match="no champion before"):
        store.rollback("me", 0.5)
    for at_s, snapshot in enumerate([three[0], three[1], three[1], three[2]], start=1):
        store.promote(a_promotion(snapshot, float(at_s)))
    back = store.rollback("me", 5.0, "it loses to beginners")
    assert (back.policy, back.pinned, back.by) == ("main-0002", True, "me")
    assert store.champion() == back
    assert store.rollback("me", 6.0).policy == "main-0001"
    with pytest.raises(StoreError, match="no champion before"):
        store.rollback("me", 7.0)
    assert len(store.promotions()) == 6, "nothing is ever taken out of the history"
    store.promote(a_promotion(three[2], 8.0))
    assert store.rollback("me", 9.0).policy == "main-0001"


def test_two_rollbacks_at_once_are_two_steps(store, three):
    for at_s, snapshot in enumerate(three, start=1):
        store.promote(a_promotion(snapshot, float(at_s)))
    threads = [threading.Thread(target=store.rollback, args=(user, 5.0)) for user in ("me", "you")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [p.policy for p in store.promotions()[-2:]] == ["main-0002", "main-0001"]


def test_checkpoints_are_replaced_whole(store):
    assert store.checkpoint("main") is None
    for state in (b"\x00\xff" * 1000, b"newer"):
        store.save_checkpoint("main", state, {"steps": len(state), "rate": 0.1 + 0.2})
    store.save_checkpoint("exploiter", b"", {})
    assert store.checkpoint("main") == (b"newer", {"steps": 5, "rate": 0.1 + 0.2})
    assert store.checkpoint("exploiter") == (b"", {})
    assert store.learners() == ["exploiter", "main"]


def test_a_checkpoint_that_changed_is_noticed(store, raw):
    store.save_checkpoint("main", b"state", {})
    raw.hset(Keys(store.league).checkpoint("main"), "state", b"stat")
    with pytest.raises(CorruptSnapshotError, match="learner 'main'"):
        store.checkpoint("main")


def test_status_has_a_heartbeat(store):
    assert store.status() is None
    store.set_status({"phase": "training"}, now_s=12.5)
    assert store.status() == {"phase": "training", "heartbeat_s": 12.5}
    store.set_status({"phase": "training"})
    assert store.status()["heartbeat_s"] > 1e9


def test_an_event_of_an_unknown_kind_is_our_own_mistake(store):
    with pytest.raises(ValueError, match=r"of the kinds lost, .* not 'surprise'"):
        store.add_event("surprise", "text", 1.0)
    assert store.events() == []


def test_only_the_last_events_are_kept(store):
    for number in range(1005):
        store.add_event("lost", str(number), float(number))
    assert [event["text"] for event in store.events(3)] == ["1004", "1003", "1002"]
    assert store.events(1)[0] == {"kind": "lost", "text": "1004", "at_s": 1004.0}
    assert len(store.events(5000)) == 1000
    assert store.events(0) == []


def test_nothing_expires(store, three, a_match, raw):
    store.record(a_match("m"))
    store.save_checkpoint("main", b"state", {})
    store.set_status({})
    keys = raw.keys(f"league:{{{store.league}}}:*")
    assert len(keys) == 14
    assert all(raw.ttl(key) == -1 for key in keys)
