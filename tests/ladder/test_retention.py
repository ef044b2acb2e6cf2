"""Which snapshots keep their weights."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from league.config import LeagueConfig, RetentionConfig
from league.errors import ConfigError
from league.ladder.ratings import Rating
from league.ladder.records import Snapshot
from league.ladder.retention import Pruned, epoch_length, retention

# Names in these tests start at 20: none but where it says so is a landmark.
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
    snapshots = [a_snapshot(name, 5) for name in ("main-20", "spy-20", "main-21", "main-22", "spy-21")]
    rule = RetentionConfig(newest=2, epoch_steps=10**9)
    kept = reasons(snapshots, rule=rule)
    assert [name for name, why in kept.items() if "newest" in why] == ["spy-20", "main-21", "main-22", "spy-21"]
    assert kept["main-20"] == ()


def test_the_best_of_each_epoch_by_its_lower_bound():
    snapshots = [a_snapshot(f"main-{20 + n}", steps) for n, steps in enumerate([0, 50, 99, 100, 150, 350])]
    ratings = {"main-20": rated(20), "main-21": Rating(mu=40, sigma=20.0, games=2), "main-23": rated(30)}
    ratings |= {"main-24": rated(99, games=0)}
    kept = reasons(snapshots, ratings)
    assert kept == {
        "main-20": ("best of epoch 0",),
        "main-21": (),
        "main-22": (),
        "main-23": ("best of epoch 1",),
        "main-24": (),
        "main-25": ("newest", "best of epoch 3"),
    }


def test_imported_policies_stay():
    imported = [a_snapshot("anna.main-20", 5), a_snapshot("anna.main-21", 6)]
    kept = reasons([*imported, *(a_snapshot(f"main-{20 + n}", n) for n in range(3))])
    assert kept["anna.main-20"] == ("imported",)
    assert kept["main-20"] == kept["main-21"] == ()


def test_a_long_history_is_thinned_evenly_and_never_twice_at_random():
    """A learner of weeks: epochs double, so the kept are bounded, evenly spread, and were kept before."""
    rule = RetentionConfig(newest=3, epoch_steps=10, epochs=20, nash_weight=1.0)
    kept = []
    for number in range(1, 3000):
        kept.append(a_snapshot(f"main-{number}", 7 * number))
        kept = [one.snapshot for one in retention(kept, {}, [], {}, rule) if one.keep]
        assert len(kept) <= 20 + 3 + number.bit_length()
    steps = [snapshot.steps for snapshot in kept if not snapshot.landmark]
    length = epoch_length(steps[-1], rule)
    assert steps[-1] / length < 20
    assert {at // length for at in steps} == set(range(steps[-1] // length + 1)), "each stretch has its own"


def test_the_landmarks_that_ratings_are_tied_to():
    kept = reasons(
        [a_snapshot(f"main-{n:04d}", n) for n in range(70)], rule=RetentionConfig(newest=1, epoch_steps=1000)
    )
    assert [name for name, why in kept.items() if "anchor" in why] == [
        f"main-{n:04d}" for n in (0, 1, 3, 7, 15, 31, 63)
    ]


def test_an_epoch_without_ratings_keeps_its_newest():
    kept = reasons([a_snapshot(f"main-{20 + n}", n) for n in range(3)] + [a_snapshot("main-29", 500)])
    assert [name for name, why in kept.items() if why] == ["main-22", "main-29"]


def test_each_learner_has_epochs_of_its_own():
    kept = reasons(
        [a_snapshot("main-20", 5), a_snapshot("spy-20", 6), a_snapshot("main-21", 7), a_snapshot("spy-21", 8)]
    )
    assert [name for name, why in kept.items() if why] == ["main-21", "spy-21"]


def test_every_champion_and_whoever_has_weight_in_the_mixture():
    snapshots = [a_snapshot(f"main-{20 + n}", n) for n in range(5)]
    mixture = {"main-21": 0.1, "main-22": 0.0999, "uniform": 0.8}
    kept = reasons(snapshots, {"main-24": rated(9)}, ["main-20", "main-23", "gone"], mixture)
    assert kept["main-20"] == kept["main-23"] == ("champion",)
    assert kept["main-21"] == ("Nash 10.0%",)
    assert kept["main-22"] == ()


def test_whoever_is_in_play():
    snapshots = [a_snapshot(f"main-{20 + n}", n) for n in range(3)]
    assert reasons(snapshots, in_play=["main-20"])["main-20"] == ("in play",)


def test_equal_weights_cost_nothing():
    snapshots = [a_snapshot("main-20", 0, "same"), a_snapshot("main-21", 1), a_snapshot("main-22", 2, "same")]
    assert reasons(snapshots) == {
        "main-20": ("same weights as main-22",),
        "main-21": (),
        "main-22": ("newest", "best of epoch 0"),
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
