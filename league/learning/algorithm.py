"""RLlib's PPO, fed by our rollouts.

RLlib owns the loss, the optimiser, the learner group (several GPUs) and the fault-tolerant runner group; we own how
games are played. The seam is `training_step`: sample from our runners, hand the batch to the learner group.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ray.rllib.algorithms.ppo import PPO
from ray.rllib.core.columns import Columns
from ray.rllib.core.learner.training_data import TrainingData
from ray.rllib.env.env_runner_group import EnvRunnerGroup
from ray.rllib.evaluation.postprocessing import Postprocessing
from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch, concat_samples
from ray.rllib.utils.metrics import ENV_RUNNER_RESULTS, LEARNER_RESULTS, NUM_ENV_STEPS_SAMPLED_LIFETIME

from league.errors import LeagueError
from league.iteration import Rollout
from league.learning.module import OBSERVATION
from league.learning.runner import LEARNER_MODULE, LeagueRunner
from league.policies.scaling import Seen, summary

PROGRESS_UNIT = 1_000_000
"""The schedules' end: RLlib's go by whole numbers."""
RESTART_S = 60.0
"""How long an iteration waits for a first runner, where none is left."""
PROBE_EVERY_S = 0.2


class LeaguePPO(PPO):
    """PPO whose experience comes from `LeagueRunner`."""

    played: list[Rollout]
    """What the runners reported of the latest iteration."""
    progress: float = 0.0
    """Where on their schedules learning rate and entropy are, in [0, 1]. Set by who begins the iteration."""
    learned_steps: int
    """Moves that the latest iteration learned from."""
    sample_s: float
    """Seconds for which the latest iteration played."""
    learn_s: float
    """Seconds that it took gradient steps."""
    seat: Callable[[LeagueRunner], None] | None = None
    """Tells a runner whom to play. Set by who chooses the opponents."""

    scales: bool = False
    """Whether the network scales what it sees. Set by who builds it."""

    @cached_property
    def _random(self) -> np.random.Generator:
        return np.random.default_rng(self.config.seed)

    def take(self, seen: Seen) -> None:
        """Have the networks of all learners scale by what was seen, too; runners hear of it with the next weights."""
        for result in self.learner_group.foreach_learner(lambda learner: learner.take(LEARNER_MODULE, seen)):
            result.get()

    def restore_env_runners(self, env_runner_group: EnvRunnerGroup) -> list[int]:
        """Give runners that Ray has restarted the present weights and opponents; wait if there is no other one.

        RLlib's own expects runners that hold all modules and know nothing of opponents.
        """
        group, deadline = env_runner_group, time.monotonic() + RESTART_S
        restored: list[int] = group.probe_unhealthy_env_runners()
        while group.num_remote_workers() and not group.num_healthy_remote_workers() and time.monotonic() < deadline:
            time.sleep(PROBE_EVERY_S)
            restored = group.probe_unhealthy_env_runners()
        if restored:
            group.sync_weights(
                from_worker_or_learner_group=self.learner_group,
                policies={LEARNER_MODULE},
                to_worker_indices=restored,
                timeout_seconds=None,
            )
            if self.seat is not None:
                group.foreach_env_runner(self.seat, remote_worker_ids=restored, local_env_runner=False)
        return restored

    def training_step(self) -> None:
        """Sample, update, send the new weights out."""
        group = self.env_runner_group
        is_local = group.num_remote_workers() == 0
        started = time.perf_counter()
        answers = group.foreach_env_runner(_fragment, local_env_runner=is_local)
        sampled = [answer for answer in answers if not isinstance(answer, LeagueError)]
        if len(sampled) < len(answers):
            raise next(answer for answer in answers if isinstance(answer, LeagueError))
        self.metrics.aggregate([metrics for _, _, metrics in sampled], key=ENV_RUNNER_RESULTS)
        self.played = [played for _, played, _ in sampled]
        self.sample_s, self.learn_s, self.learned_steps = time.perf_counter() - started, 0.0, 0
        learners = max(self.config.num_learners, 1)
        batch = _even([batch for batch, _, _ in sampled], learners, self._random)
        if batch is None:
            return
        self.learned_steps = len(batch)
        results = self.learner_group.update(
            training_data=TrainingData(batch=batch),
            timesteps={NUM_ENV_STEPS_SAMPLED_LIFETIME: int(PROGRESS_UNIT * self.progress)},
            num_epochs=self.config.num_epochs,
            minibatch_size=minibatch_size(len(batch) // learners, self.config.minibatch_size),
            shuffle_batch_per_epoch=True,
        )
        self.metrics.aggregate(results, key=LEARNER_RESULTS)
        if self.scales:
            # Afterwards: what was played is learned from by a network that sees as the one did that played.
            self.take(_seen(batch, max(played.largest_return for played in self.played)))
        group.sync_weights(from_worker_or_learner_group=self.learner_group, policies={LEARNER_MODULE})
        self.learn_s = time.perf_counter() - started - self.sample_s


def _fragment(runner: LeagueRunner) -> tuple[MultiAgentBatch, Rollout, Any] | LeagueError:
    """What a runner has played, or why it cannot: of one that raises RLlib ends the process, and tells nobody."""
    try:
        return (*runner.sample(), runner.get_metrics())
    except LeagueError as error:
        return error


def minibatch_size(rows: int, asked: int) -> int:
    """The size near `asked` that divides so many rows evenly: RLlib would fill up a last one with earlier rows."""
    return -(-rows // max(1, round(rows / asked)))


def _even(batches: list[MultiAgentBatch], learners: int, random: np.random.Generator) -> MultiAgentBatch | None:
    """All batches as one that divides evenly: learners that step together must have equally many minibatches.

    Each runner has shuffled its own. Those of several are shuffled together, which RLlib does not before a first epoch.
    """
    if not batches:
        return None
    whole = concat_samples(batches)
    rows = whole.policy_batches[LEARNER_MODULE]
    if len(batches) > 1:
        rows = _picked(rows, random.permutation(len(rows)))
    size = len(rows) - len(rows) % learners
    return MultiAgentBatch({LEARNER_MODULE: rows[:size]}, size) if size else None


def _picked(rows: SampleBatch, order: NDArray[np.int64]) -> SampleBatch:
    """The rows in another order."""

    def pick(column: Any) -> Any:
        return {name: pick(part) for name, part in column.items()} if isinstance(column, dict) else column[order]

    return SampleBatch({name: pick(column) for name, column in rows.items()})


def _seen(batch: MultiAgentBatch, largest: float) -> Seen:
    rows = batch.policy_batches[LEARNER_MODULE]
    return summary(rows[Columns.OBS][OBSERVATION], rows[Postprocessing.VALUE_TARGETS], largest)
