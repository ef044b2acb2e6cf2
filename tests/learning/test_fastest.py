"""Of several ways the fastest is taken, and a batch goes to a GPU by it."""

import time
from typing import Any

import pytest
import torch
from ray.rllib.core.learner.torch import torch_learner

from league.config import LeagueConfig
from league.learning.fastest import TRIES, Fastest
from tests.learning.alone import alone


def test_each_way_is_tried_and_the_fastest_stays() -> None:
    taken: list[str] = []
    finished: list[None] = []

    def act(way: str) -> str:
        taken.append(way)
        if way != "quick":
            time.sleep(0.01)
        return way

    fastest = Fastest(("slow", "quick", "slower"))
    for _ in range(3 * TRIES + 5):
        assert fastest.take(act, 1, lambda: finished.append(None)) == taken[-1]
    assert sorted(taken[: 3 * TRIES]) == sorted(["slow", "quick", "slower"] * TRIES)
    assert taken[3 * TRIES :] == ["quick"] * 5
    assert len(finished) == 3 * TRIES, "nobody waits once it is chosen"


def test_the_only_way_is_not_measured() -> None:
    def never() -> None:
        raise AssertionError

    assert Fastest((1,)).take(lambda way: way + 1, 1, never) == 2


@pytest.mark.parametrize("wins", [False, True])
def test_a_batch_goes_to_a_gpu_through_pinned_memory_where_that_is_faster(
    wins: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"game": "tic_tac_toe", "network": {"kind": "mlp", "hidden": [8]}, "rollout": {"games": 4, "plies": 4}}
    one = alone(LeagueConfig.from_dict(settings))
    found, pinned = torch_learner.convert_to_torch_tensor, []

    def convert(batch: Any, device: Any, pin_memory: bool, use_stream: bool) -> Any:
        """As to a GPU: nothing here can pin memory."""
        pinned.append(pin_memory)
        if pin_memory != wins:
            time.sleep(0.01)
        return found(batch)

    monkeypatch.setattr(torch_learner, "convert_to_torch_tensor", convert)
    batch = one.played()
    one.learner._convert_batch_type(batch)
    assert pinned == [False], "nothing to try on a CPU"

    del one.learner._pinned
    monkeypatch.setattr(one.learner, "_device", torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    pinned.clear()
    for _ in range(2 * TRIES + 3):
        one.learner._convert_batch_type(batch)
    assert set(pinned[: 2 * TRIES]) == {False, True}
    assert pinned[2 * TRIES :] == [wins] * 3
