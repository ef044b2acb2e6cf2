"""What runners bring home becomes one batch."""

import tracemalloc

import numpy as np
import torch
import tree
from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch

from league.learning.algorithm import _even
from league.learning.runner import LEARNER_MODULE, runner_seed


def brought(first, count):
    """A runner's moves, each with its number in every column."""
    rows = np.arange(first, first + count)
    columns = SampleBatch({"obs": {"observation": rows[:, None] * 1.0, "action_mask": rows[:, None]}, "actions": rows})
    return MultiAgentBatch({LEARNER_MODULE: columns}, count)


def test_moves_of_several_runners_are_shuffled_together_and_stay_whole():
    whole = _even([brought(0, 100), brought(100, 101)], 2, np.random.default_rng(0)).policy_batches[LEARNER_MODULE]
    actions = whole["actions"]
    assert len(actions) == 200
    assert len(set(actions.tolist())) == 200
    assert 35 <= (actions[:100] < 100).sum() <= 65, "each minibatch is of both runners"
    np.testing.assert_array_equal(whole["obs"]["observation"][:, 0], actions)
    np.testing.assert_array_equal(whole["obs"]["action_mask"][:, 0], actions)


def test_moves_of_one_runner_stay_as_it_shuffled_them():
    whole = _even([brought(0, 10)], 1, np.random.default_rng(0)).policy_batches[LEARNER_MODULE]
    assert whole["actions"].tolist() == list(range(10))


def test_what_one_runner_brought_is_not_copied():
    one = brought(0, 10)
    whole = _even([one], 1, np.random.default_rng(0)).policy_batches[LEARNER_MODULE]
    assert np.shares_memory(whole["obs"]["observation"], one.policy_batches[LEARNER_MODULE]["obs"]["observation"])
    assert np.shares_memory(whole["actions"], one.policy_batches[LEARNER_MODULE]["actions"])


def test_what_several_brought_is_copied_once():
    parts = [brought(0, 100_000), brought(100_000, 100_000)]
    tracemalloc.start()
    try:
        whole = _even(parts, 1, np.random.default_rng(0)).policy_batches[LEARNER_MODULE]
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    order = 8 * len(whole)
    assert most < sum(column.nbytes for column in tree.flatten(dict(whole))) + 1.5 * order


def test_moves_that_are_on_a_device_stay_there():
    parts = [
        MultiAgentBatch({LEARNER_MODULE: SampleBatch({"actions": torch.arange(first, first + 10)})}, 10)
        for first in (0, 10)
    ]
    actions = _even(parts, 1, np.random.default_rng(0)).policy_batches[LEARNER_MODULE]["actions"]
    assert isinstance(actions, torch.Tensor)
    assert actions.tolist() != list(range(20))
    assert sorted(actions.tolist()) == list(range(20))


def test_no_two_runners_of_a_league_play_the_same_games():
    seeds = [runner_seed(1000 * learner, runner) for learner in range(40) for runner in range(40)]
    assert len(set(seeds)) == len(seeds)
