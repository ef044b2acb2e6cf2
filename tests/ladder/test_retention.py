"""Which snapshots keep their weights."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from league.config import LeagueConfig, RetentionConfig
from league.errors import ConfigError
from league.ladder.ratings import Rating
from league.ladder.records import Snapshot
from league.ladder.retention import Pruned, epoch_length, retention

RULE = RetentionConfig(newest=1, epoch_steps=100, nash_weight=0.1)


def a_snapshot(name, steps, digest=None):
    learner = name.rpartition("-")[0]
    return Snapshot(name=name, digest=digest or f"of {name}", learner=learner, steps=steps, created_s=1.0, bytes=1)


def rated(mu, games=10):
    return Rating(mu=mu, sigma=1.0, games=games)


def reasons(snapshots, ratings=None, champions=(), mixture=None, rule=RULE, **options):
    decided = retention(snapshots, ratings or {}, champions, mixture or {}, rule, **options)
    assert [one.snapshot for one in decided] == list(snapshots)
    assert all(one.keep == bool(one.reasons) for one in decided)
    return {one.snapshot.name: one.reasons for one in decided}


def test_without_snapshots_there_is_nothing_to_decide():
    assert retention([], {}, [], {}, RULE) == []


def test_the_newest_of_each_learner():
    snapshots = [a_snapshot(name, 5) for name in ("main-0", "spy-0", "main-1", "main-2", "spy-1")]
    rule = RetentionConfig(newest=2, epoch_steps=10**9)
    kept = reasons(snapshots, rule=rule)
    assert [name for name, why in kept.items() if "newest" in why] == ["spy-0", "main-1", "main-2", "spy-1"]
    assert kept["main-0"] == ()


def test_the_best_of_each_epoch_by_its_lower_bound():
    snapshots = [a_snapshot(f"main-{n}", steps) for n, steps in enumerate([0, 50, 99, 100, 150, 350])]
    ratings = {"main-0": rated(20), "main-1": Rating(mu=40, sigma=20.0, games=2), "main-3": rated(30)}
    ratings |= {"main-4": rated(99, games=0)}
    kept = reasons(snapshots, ratings)
    assert kept == {
        "main-0": ("best of epoch 0",),
        "main-1": (),
        "main-2": (),
        "main-3": ("best of epoch 1",),
        "main-4": (),
        "main-5": ("newest", "best of epoch 3"),
    }


def test_imported_policies_stay():
    imported = [a_snapshot("anna.main-0", 5), a_snapshot("anna.main-1", 6)]
    kept = reasons([*imported, *(a_snapshot(f"main-{n}", n) for n in range(3))])
    assert kept["anna.main-0"] == ("imported",)
    assert kept["main-0"] == kept["main-1"] == ()


def test_a_long_history_is_thinned_evenly_and_never_twice_at_random():
    """A learner of weeks: epochs double, so the kept are bounded, evenly spread, and were kept before."""
    rule = RetentionConfig(newest=3, epoch_steps=10, epochs=20, nash_weight=1.0)
    kept = []
    for number in range(1, 3000):
        kept.append(a_snapshot(f"main-{number}", 7 * number))
        kept = [one.snapshot for one in retention(kept, {}, [], {}, rule) if one.keep]
        assert len(kept) <= 20 + 3
    steps = [snapshot.steps for snapshot in kept]
    length = epoch_length(steps[-1], rule)
    assert steps[-1] / length < 20
    assert {at // length for at in steps} == set(range(steps[-1] // length + 1)), "each stretch has its own"


def test_an_epoch_without_ratings_keeps_its_newest():
    kept = reasons([a_snapshot(f"main-{n}", n) for n in range(3)] + [a_snapshot("main-9", 500)])
    assert [name for name, why in kept.items() if why] == ["main-2", "main-9"]


def test_each_learner_has_epochs_of_its_own():
    kept = reasons([a_snapshot("main-0", 5), a_snapshot("spy-0", 6), a_snapshot("main-1", 7), a_snapshot("spy-1", 8)])
    assert [name for name, why in kept.items() if why] == ["main-1", "spy-1"]


def test_every_champion_and_whoever_has_weight_in_the_mixture():
    snapshots = [a_snapshot(f"main-{n}", n) for n in range(5)]
    mixture = {"main-1": 0.1, "main-2": 0.0999, "uniform": 0.8}
    kept = reasons(snapshots, {"main-4": rated(9)}, ["main-0", "main-3", "gone"], mixture)
    assert kept["main-0"] == kept["main-3"] == ("champion",)
    assert kept["main-1"] == ("Nash 0.100",)
    assert kept["main-2"] == ()


def test_whoever_is_in_play():
    snapshots = [a_snapshot(f"main-{n}", n) for n in range(3)]
    assert reasons(snapshots, in_play=["main-0"])["main-0"] == ("in play",)


def test_equal_weights_cost_nothing():
    snapshots = [a_snapshot("main-0", 0, "same"), a_snapshot("main-1", 1), a_snapshot("main-2", 2, "same")]
    assert reasons(snapshots) == {
        "main-0": ("same weights as main-2",),
        "main-1": (),
        "main-2": ("newest", "best of epoch 0"),
    }


@given(
    steps=st.lists(st.integers(0, 1000), min_size=1, max_size=20),
    mus=st.lists(st.floats(-50, 50), min_size=20, max_size=20),
    newest=st.integers(1, 5),
    epoch_steps=st.integers(1, 500),
    weights=st.lists(st.floats(0, 1), min_size=20, max_size=20),
)
def test_what_was_kept_is_kept_again(steps, mus, newest, epoch_steps, weights):
    snapshots = [
        a_snapshot(f"{'main' if n % 2 else 'spy'}-{n}", at, f"of {n % 7}") for n, at in enumerate(sorted(steps))
    ]
    ratings = {s.name: rated(mu) for s, mu in zip(snapshots, mus, strict=False)}
    mixture = {s.name: weight for s, weight in zip(snapshots, weights, strict=False)}
    rule = RetentionConfig(newest=newest, epoch_steps=epoch_steps, nash_weight=0.9)
    kept = [one.snapshot for one in retention(snapshots, ratings, [], mixture, rule) if one.keep]
    assert kept[-1] == snapshots[-1]
    assert all(one.keep for one in retention(kept, ratings, [], mixture, rule))


def test_a_record_of_pruning_comes_back():
    record = Pruned(by="anna", pruned_s=0.1)
    assert Pruned.from_json(record.to_json()) == record


def test_the_rule_has_ranges():
    assert LeagueConfig().retention.automatic, "a league of weeks keeps what matters, without being told"
    for wrong in ({"newest": 0}, {"epoch_steps": 0}, {"nash_weight": 0}, {"nash_weight": 1.1}, {"automatic": 1}):
        with pytest.raises(ConfigError, match=f"retention.{next(iter(wrong))}"):
            LeagueConfig.from_dict({"retention": wrong})
