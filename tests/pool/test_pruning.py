"""Weights that are deleted on purpose: what remains, what is refused, what comes back."""

import threading

import pytest

from league.actors.keeper import Keeper
from league.actors.place import Place
from league.config import LeagueConfig, RetentionConfig
from league.errors import PrunedPolicyError, StoreError, UnknownPolicyError, WrongLeagueError
from league.ladder.records import Promotion
from league.ladder.retention import Pruned
from league.pool.keeping import decisions, prune, who_matters
from league.pool.keys import Keys
from league.pool.lease import Holder
from league.pool.snapshots import Named
from league.pool.store import Store
from league.view.holdings import holdings

RULE = RetentionConfig(automatic=True, newest=1)


def a_promotion(snapshot, at_s=1.0):
    return Promotion(policy=snapshot.name, digest=snapshot.digest, by="me", reason="best", promoted_s=at_s)


@pytest.fixture
def three(store, a_snapshot):
    made = [a_snapshot(number) for number in (1, 2, 3)]
    store.add_snapshots(made)
    return [snapshot for snapshot, _ in made]


def names(snapshots):
    return [snapshot.name for snapshot in snapshots]


def test_the_weights_go_and_everything_else_stays(store, three, raw, a_match):
    store.record(a_match("m", row="main-0001"))
    ratings, payoff = store.ratings(), store.payoff()
    assert store.prune(["main-0001"], by="anna", now_s=5.5) == three[:1]
    assert not raw.exists(Keys(store.league).weights(three[0].digest))
    assert store.pruned() == {three[0].digest: Pruned(by="anna", pruned_s=5.5)}
    assert store.snapshots() == three
    assert (store.ratings(), store.payoff(), store.match_count()) == (ratings, payoff, 1)
    assert store.verify().problems == ()


def test_who_was_pruned_is_told_in_one_line(store, three):
    store.prune(["main-0001"], by="anna", now_s=86400.0 * 365)
    for attempt in (
        lambda: store.weights(three[0].digest),
        lambda: store.resolve("main-0001", []),
        lambda: store.resolve(three[0].digest[:8], []),
        lambda: store.promote(a_promotion(three[0])),
    ):
        with pytest.raises(
            PrunedPolicyError, match=r"^main-0001 was pruned on 19\d\d-.* by anna: .*metadata, rating and matches"
        ) as caught:
            attempt()
        assert "\n" not in str(caught.value)
    assert store.champion() is None
    assert store.resolve("main-0001", [], pruned_too=True) == Named("snapshot", "main-0001", three[0].digest)
    assert store.resolve("main-0002", []).name == "main-0002"


def test_no_champion_is_pruned(store, three):
    store.promote(a_promotion(three[0], 1.0))
    store.promote(a_promotion(three[1], 2.0))
    assert names(store.prune(names(three), by="me", now_s=3.0)) == ["main-0003"]
    assert store.rollback("me", 4.0).policy == "main-0001"
    assert store.weights(three[0].digest)


def test_a_promotion_in_the_midst_of_pruning_is_seen(store, three, tcp, monkeypatch):
    """The champion is looked up inside the transaction: one that is made meanwhile makes it start over."""
    read = Store.pruned
    calls = []

    def promoted_meanwhile(self, command=None):
        if not calls:
            calls.append(1)
            with Store.open(tcp[0], store.league) as other:
                calls.append(other.promote(a_promotion(three[0])))
        return read(self, command)

    monkeypatch.setattr(Store, "pruned", promoted_meanwhile)
    assert names(store.prune(["main-0001", "main-0002"], by="me", now_s=3.0)) == ["main-0002"]
    assert calls == [1, True]
    assert store.verify().problems == ()


def test_weights_that_another_snapshot_has_stay(store, three, a_snapshot):
    twin, weights = a_snapshot(4, weights=a_snapshot(1)[1])
    store.add_snapshot(twin, weights)
    assert store.prune(["main-0001"], by="me", now_s=3.0) == []
    assert store.resolve("main-0001", []).digest == twin.digest
    assert names(store.prune(["main-0001", "main-0004"], by="me", now_s=4.0)) == ["main-0001", "main-0004"]
    with pytest.raises(PrunedPolicyError, match="main-0001 and main-0004"):
        store.weights(twin.digest)


def test_pruning_again_changes_nothing(store, three):
    store.prune(["main-0001"], by="me", now_s=3.0)
    assert store.prune(["main-0001"], by="you", now_s=4.0) == []
    assert store.pruned()[three[0].digest] == Pruned(by="me", pruned_s=3.0)


def test_a_lost_reply_does_not_hide_that_it_is_done(store, three):
    assert store.prune(["main-0001"], by="me", now_s=3.0) == store.prune(["main-0001"], by="me", now_s=3.0)


def test_nobody_is_pruned_where_a_name_is_wrong(store, three):
    with pytest.raises(UnknownPolicyError, match="main-0009"):
        store.prune(["main-0001", "main-0009"], by="me", now_s=3.0)
    assert store.pruned() == {}


def test_without_a_league_nothing_is_pruned(tcp, name):
    with Store.open(tcp[0], name) as empty, pytest.raises(WrongLeagueError):
        empty.prune([], by="me", now_s=1.0)


def test_the_same_weights_bring_it_back(store, three, a_snapshot):
    store.prune(["main-0001", "main-0002"], by="me", now_s=3.0)
    store.add_snapshot(*a_snapshot(1))
    twin, weights = a_snapshot(9, weights=a_snapshot(2)[1])
    store.add_snapshot(twin, weights)
    assert store.pruned() == {}
    assert store.weights(three[0].digest) == a_snapshot(1)[1]
    assert store.weights(three[1].digest) == a_snapshot(2)[1]
    assert store.snapshots() == [*three, twin]
    assert store.verify().problems == ()


def test_several_snapshots_are_added_together_or_not_at_all(store, three, a_snapshot):
    clash = a_snapshot(1, weights=b"others")
    with pytest.raises(StoreError, match="main-0001 exists"):
        store.add_snapshots([a_snapshot(4), clash])
    assert store.snapshots() == three
    store.add_snapshots([])
    assert store.snapshots() == three


def test_weights_that_are_missing_without_having_been_pruned_are_a_problem(store, three, raw):
    store.prune(["main-0001"], by="me", now_s=3.0)
    raw.delete(Keys(store.league).weights(three[1].digest))
    problems = store.verify().problems
    assert len(problems) == 1
    assert "main-0002" in problems[0]


def test_a_pruned_champion_is_a_problem(store, three, raw):
    store.promote(a_promotion(three[0]))
    raw.hset(Keys(store.league).pruned, three[0].digest, '{"by":"nobody","pruned_s":1.0}')
    assert any("champion main-0001" in problem and "pruned" in problem for problem in store.verify().problems)


def test_pruning_beside_freezing(store, three, a_snapshot, tcp):
    """Many of both at once: each snapshot has its weights or was pruned."""

    def freeze():
        with Store.open(tcp[0], store.league) as own:
            for number in range(4, 24):
                own.add_snapshot(*a_snapshot(number))

    thread = threading.Thread(target=freeze)
    thread.start()
    gone = set()
    while thread.is_alive() or not gone:
        older = names(store.snapshots())[:-1]
        gone |= set(names(store.prune(older, by="me", now_s=3.0)))
    thread.join()
    assert len(store.snapshots()) == 23
    assert store.verify().problems == ()
    assert len(gone) == len(store.pruned())


def test_decisions_are_about_those_that_have_weights(store, three, a_match):
    store.promote(a_promotion(three[0]))
    store.record(a_match("m", row="main-0002", wins=9))
    decided = decisions(store, RULE, who_matters(store))
    assert {one.snapshot.name: one.reasons for one in decided} == {
        "main-0001": ("champion", "anchor"),
        "main-0002": ("best of epoch 0", "Nash 100.0%"),
        "main-0003": ("anchor", "newest"),
    }
    store.prune(["main-0002"], by="me", now_s=3.0)
    assert [one.snapshot.name for one in decisions(store, RULE, who_matters(store))] == ["main-0001", "main-0003"]


def test_automatic_retention_prunes_what_no_rule_keeps_and_says_so(store, three):
    def retained(in_play, now_s):
        going = [
            one.snapshot.name for one in decisions(store, RULE, who_matters(store), in_play=in_play) if not one.keep
        ]
        return names(prune(store, going, now_s=now_s))

    assert retained(["main-0002"], 2.0) == []
    assert retained([], 3.0) == ["main-0002"]
    event = store.events()[0]
    assert (event["kind"], event["at_s"]) == ("pruned", 3.0)
    assert event["text"].startswith("main-0002: ")
    assert retained([], 4.0) == [], "the others are anchors, one of them the newest"
    assert len(store.events()) == 1


def test_a_configuration_of_before_has_the_rule_too():
    old = LeagueConfig().to_dict()
    del old["retention"]
    assert LeagueConfig.from_dict(old) == LeagueConfig()


def test_who_matters_is_noted_for_those_who_only_show_it(store, three, a_match, raw, monkeypatch):
    """By the keeper, each time that it decides; a note that cannot be read is none."""
    store.record(a_match("m", row="main-0002", wins=9))
    assert store.mixture() is None
    monkeypatch.setattr("league.actors.keeper.os.nice", lambda by: 0)
    keeper = Keeper(Place(store=store.address, league=store.league, log_dir="", holder=Holder.here()))
    try:
        assert keeper.leaving(RULE, []) == []
    finally:
        keeper.store.close()
    assert store.mixture() == {"main-0002": 1.0}
    config = LeagueConfig(retention=RULE)
    assert "Nash 100.0%" in holdings(store, config, store.mixture())["main-0002"].reasons
    assert "Nash 50.0%" in holdings(store, config, {"main-0001": 0.5})["main-0001"].reasons
    assert holdings(store, config, None) == holdings(store, config, store.mixture())
    raw.set(Keys(store.league).mixture, b"[")
    assert store.mixture() is None
    assert store.verify().problems == ()
