"""What a trial is judged by: each snapshot once, none before something was learned, all of the time alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_league import CONFIG, Recorded

from league.interfaces.tune.score import Judge, Progress
from league.pool.store import Store


def test_a_snapshot_is_measured_once_and_only_one_that_has_learned_is_waited_for(
    folder: Path, recorded: Recorded
) -> None:
    first, second, third = recorded.snapshots
    with Store.open(str(folder), "judged") as store:
        store.create(CONFIG)
        judge, progress = Judge(store, CONFIG, games=20), Progress()
        assert not judge.is_new(progress)
        assert judge.measure(progress) == (0.0, None)
        store.add_snapshot(*first)  # Its first weights: worth no early judgement, but all there is at the end.
        assert not judge.is_new(progress)
        assert judge.measure(progress)[1] == "main-0000"
        store.add_snapshot(*second)
        assert judge.is_new(progress)
        progress = progress.after(10, *judge.measure(progress))
        assert progress.snapshot == "main-0001"
        assert 0 < progress.score < 1
        assert not judge.is_new(progress)
        assert [judge.measure(progress) for _ in range(5)] == 5 * [(progress.score, "main-0001")]
        store.add_snapshot(*third)
        assert judge.is_new(progress)
        assert judge.measure(progress)[1] == "main-0002"


def test_the_score_counts_over_all_of_the_time() -> None:
    progress = Progress(number=3).after(10, 0.4, "a").after(20, 0.8, "b")
    assert progress.mean == pytest.approx((10 * 0.2 + 20 * 0.6) / 30)
    assert progress.after(30, progress.score, progress.snapshot).mean == pytest.approx((30 * progress.mean + 24) / 60)
    assert Progress(**progress.to_json()) == progress
    assert Progress().mean == 0
