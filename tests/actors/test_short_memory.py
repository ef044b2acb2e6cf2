"""A GPU's memory that does not suffice is an event of the league, once for each thing that was done about it."""

from typing import Any

import pytest
import torch

from league.actors.learner import Learner
from league.actors.place import Place
from league.cluster.plan import Hardware
from league.ladder.matchmaking import SELF
from league.learning.learner import LeagueLearner
from league.learning.runner import LEARNER_MODULE
from league.pool.lease import Holder
from league.pool.store import Store
from league.rollout.collect import Collector
from tests.actors.small_runs import small


@pytest.mark.usefixtures("ray_for_all")
def test_what_memory_does_not_hold_is_said_once_and_the_learner_goes_on(
    store: Store, folder: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create(small("learning.lookahead=false"))
    place = Place(store=folder, league=store.league, log_dir=str(tmp_path), holder=Holder.here())
    learner = Learner(place, "main", number=0, hardware=Hardware())
    compute, collect = LeagueLearner.compute_losses, Collector.collect

    def narrow(learner: Any, *, fwd_out: Any, batch: Any) -> Any:
        if len(batch[LEARNER_MODULE]) > 200:
            raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")
        return compute(learner, fwd_out=fwd_out, batch=batch)

    def crowded(collector: Collector, *how: Any) -> Any:
        if collector.table.game.num_games > 32:
            raise torch.OutOfMemoryError
        return collect(collector, *how)

    monkeypatch.setattr(LeagueLearner, "compute_losses", narrow)
    monkeypatch.setattr(Collector, "collect", crowded)
    reports = [learner.train({SELF: 1.0}) for _ in range(3)]
    learner.stop()
    assert all(report.iteration is not None and report.iteration.steps > 0 for report in reports)
    parts = reports[-1].iteration.usage.parts
    assert parts > 1
    assert sorted(event["text"] for event in store.events(100) if event["kind"] == "memory") == [
        "main: the GPU's memory does not hold 64 games; 32 are played at once from now on",
        f"main: the GPU's memory holds no whole minibatch; it is taken in {parts} parts from now on",
    ]
