"""A learner's next iteration is queued before it asks; what was queued on one that is lost is forgotten."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.fake_league import fake_league
from benchmarks.soak import CONFIG
from league.actors.futures import LostError
from league.actors.league import League
from league.pool.store import Store


def ticked(league: League, until: Callable[[], bool], limit_s: float = 30.0) -> None:
    phase, ends = league.tick("starting"), time.monotonic() + limit_s
    while not until():
        phase = league.tick(phase)
        assert time.monotonic() < ends, "waited in vain"


def test_the_next_iteration_waits_at_the_learner_and_is_forgotten_with_it(tmp_path: Path) -> None:
    address = str(tmp_path / "store")
    with Store.open(address) as store:
        store.create(CONFIG)
        with fake_league(address, "league", iteration_s=0.1, match_s=0.1) as (league, futures):
            (learner,) = league.training.learners
            ticked(league, lambda: learner.asked == 2)
            queued = [future for future, entry in futures._pending.items() if entry[2] is learner.actor]
            assert len(queued) == 2
            assert set(learner.opponents) <= set(league.roster.in_play["main"])
            steps = learner.steps
            _, failed, _ = futures._pending.pop(queued[0])
            failed(LostError("the actor died"))
            assert (learner.asked, learner.ready) == (0, False)
            assert queued[1] not in futures._pending, "it is not answered any more, and not counted twice"
            assert league.roster.totals["restarts"]["learner"] == 1
            ticked(league, lambda: learner.steps > steps and learner.asked == 2)
            assert league.roster.totals["restarts"]["learner"] == 1
            learner.moves_to = learner.hardware  # What is due comes after the iterations that are under way.
            ticked(league, lambda: learner.moves_to is None)
            league.close(closing_s=0.0)
            assert not learner.busy
        assert store.verify().problems == ()
