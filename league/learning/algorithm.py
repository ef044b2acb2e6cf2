"""RLlib's PPO, fed by our rollouts.

RLlib owns the loss, the optimiser, the learner group (several GPUs) and the fault-tolerant runner group; we own how
games are played. The seam is `training_step`: sample from our runners, hand the batch to the learner group.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Future
from functools import cached_property, partial
from typing import Any

import numpy as np
import ray
import torch
from numpy.typing import NDArray
from ray.exceptions import RayError
from ray.rllib.algorithms.ppo import PPO
from ray.rllib.core.columns import Columns
from ray.rllib.core.learner.training_data import TrainingData
from ray.rllib.env.env_runner_group import EnvRunnerGroup
from ray.rllib.evaluation.postprocessing import Postprocessing
from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch
from ray.rllib.utils.metrics import ENV_RUNNER_RESULTS, LEARNER_RESULTS, NUM_ENV_STEPS_SAMPLED_LIFETIME

from league.cluster.deaths import refusal
from league.errors import LeagueError
from league.iteration import Rollout
from league.learning.ahead import Ahead, Begin
from league.learning.module import OBSERVATION
from league.learning.runner import LEARNER_MODULE, Brought, LeagueRunner
from league.policies.scaling import Seen, summary

Answer = Brought | LeagueError
"""What a runner says of a fragment: what it brought, or why it could not; of one that raises RLlib ends the process."""

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
    staleness: float
    """Updates that had been made since they were begun, mean of the fragments of the latest iteration."""
    stale: int
    """Moves that were too old to be learned from."""
    sample_s: float
    """Seconds for which the latest iteration waited for moves."""
    learn_s: float
    """Seconds that it took gradient steps."""
    opponents: Any = None
    """Whom new games are played against, an `Opponents` or a reference to one. Set by who chooses them."""

    scales: bool = False
    """Whether the network scales what it sees. Set by who builds it."""

    @cached_property
    def _random(self) -> np.random.Generator:
        return np.random.default_rng(self.config.seed)

    def setup(self, config: Any) -> None:
        """As RLlib does, which goes on without runners that could not start, or breaks where the first is one."""
        try:
            super().setup(config)
        except IndexError:
            self.check_runners()
            raise
        self.check_runners()

    def take(self, seen: Seen) -> None:
        """Have the networks of all learners scale by what was seen, too; runners hear of it with the next weights."""
        for result in self.learner_group.foreach_learner(lambda learner: learner.take(LEARNER_MODULE, seen)):
            result.get()

    @cached_property
    def _ahead(self) -> Ahead[Answer]:
        return Ahead(self.config.env_config["staleness"])

    def hand_out(self) -> None:
        """Have fragments that begin from now on be played by the present weights.

        Where all is in this process these are the learner's own tensors, which do not leave their device.
        """
        group, remote = self.learner_group, self.env_runner_group.num_remote_workers()
        if group.is_local and not remote:
            self._weights = group._learner.weights()
            return
        weights = group.get_weights()[LEARNER_MODULE]
        self._weights = ray.put(weights) if remote else weights

    def forget(self) -> None:
        """Learn from nothing that was played by the weights before these."""
        self._ahead.forget()
        group = self.env_runner_group
        if group.num_remote_workers():
            group.foreach_env_runner(LeagueRunner.forget, local_env_runner=False, timeout_seconds=0)
        else:
            group.local_env_runner.forget()

    def restore_env_runners(self, env_runner_group: EnvRunnerGroup) -> list[int]:
        """Find runners that Ray has restarted; wait if there is no other one.

        RLlib's own expects runners that hold all modules. Ours are told with each fragment what to play by.
        """
        group, deadline = env_runner_group, time.monotonic() + RESTART_S
        restored: list[int] = group.probe_unhealthy_env_runners()
        while group.num_remote_workers() and not group.num_healthy_remote_workers() and time.monotonic() < deadline:
            time.sleep(PROBE_EVERY_S)
            restored = group.probe_unhealthy_env_runners()
        if group.num_remote_workers() and not group.num_healthy_remote_workers():
            self.check_runners(PROBE_EVERY_S)
        return restored

    def check_runners(self, timeout_s: float | None = None) -> None:
        """Raise `LeagueError` where one could not start, as for its game: nobody else says so, or starts it again.

        Without `timeout_s`, in seconds, all are waited for; else some may be starting still.
        """
        pings = [actor.ping.remote() for actor in self.env_runner_group._worker_manager.actors().values()]
        answered, _ = ray.wait(pings, num_returns=len(pings), timeout=timeout_s) if pings else ([], [])
        for ping in answered:
            try:
                ray.get(ping)
            except RayError as error:
                if (refused := refusal(error)) is not None:
                    raise refused from error

    def _players(self) -> Mapping[int, Begin[Answer]]:
        """Of each runner that is there, how it begins a fragment."""
        group = self.env_runner_group
        if not group.num_remote_workers():
            return {0: self._play_here}
        actors = group._worker_manager.actors()
        return {number: partial(self._play_there, actors[number]) for number in group.healthy_env_runner_ids()}

    def _play_here(self) -> Future[Answer]:
        runner = self.env_runner_group.local_env_runner
        runner.take(self._weights, self.opponents)
        played: Future[Answer] = Future()
        played.set_result(runner.sample())
        return played

    def _play_there(self, actor: Any) -> Future[Answer]:
        weights, opponents = self._weights, self.opponents

        def play(runner: LeagueRunner) -> Answer:
            try:
                runner.take(weights, opponents)
                return runner.sample()
            except LeagueError as error:
                return error

        future: Future[Answer] = actor.apply.remote(play).future()
        return future

    def _lost(self, number: int, error: BaseException) -> None:
        """Runners of their own are restarted by Ray; what breaks in this process is raised here."""
        if not self.env_runner_group.num_remote_workers() or not isinstance(error, RayError):
            raise error
        self.env_runner_group._worker_manager.set_actor_state(number, healthy=False)

    def cleanup(self) -> None:
        """End the runners, and the learner processes."""
        if self.env_runner_group is not None:
            # RLlib would ask runners to end, and wait for the slowest.
            self.env_runner_group._worker_manager.clear()
        super().cleanup()

    def training_step(self) -> None:
        """Take what was played, update, hand the new weights out."""
        started = time.perf_counter()
        taken = self._ahead.take(self._players(), self.config.env_config["fragments"], self._lost)
        fresh, stale = [_brought(one) for one in taken.fresh], [_brought(one) for one in taken.stale]
        brought = fresh + stale
        self.metrics.aggregate([one.metrics for one in brought], key=ENV_RUNNER_RESULTS)
        self.played = [one.rollout for one in brought]
        self.staleness = sum(taken.ages) / max(1, len(taken.ages))
        self.stale = sum(len(one.batch) for one in stale)
        self.sample_s, self.learn_s, self.learned_steps = time.perf_counter() - started, 0.0, 0
        learners = max(self.config.num_learners, 1)
        batch = _even([one.batch for one in fresh], learners, self._random)
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
        self.hand_out()
        self.learn_s = time.perf_counter() - started - self.sample_s


def _brought(answer: Answer) -> Brought:
    """What a runner brought; raises why it could not."""
    if isinstance(answer, LeagueError):
        raise answer
    return answer


def minibatch_size(rows: int, asked: int) -> int:
    """The size near `asked` that divides so many rows evenly: RLlib would fill up a last one with earlier rows."""
    return -(-rows // max(1, round(rows / asked)))


def _even(batches: list[MultiAgentBatch], learners: int, random: np.random.Generator) -> MultiAgentBatch | None:
    """All batches as one that divides evenly: learners that step together must have equally many minibatches.

    Each runner has shuffled its own. Those of several are shuffled together, which RLlib does not before a first epoch.
    """
    fragments = [batch.policy_batches[LEARNER_MODULE] for batch in batches if len(batch)]
    if not fragments:
        return None
    rows = fragments[0] if len(fragments) == 1 else SampleBatch(_joined(fragments, _places(fragments, random)))
    size = len(rows) - len(rows) % learners
    return MultiAgentBatch({LEARNER_MODULE: rows[:size]}, size) if size else None


def _places(fragments: list[SampleBatch], random: np.random.Generator) -> list[NDArray[np.int64]]:
    """Where each row of each fragment comes to lie in one that has them all in a random order."""
    ends = np.cumsum([len(rows) for rows in fragments])
    return np.split(random.permutation(ends[-1]), ends[:-1])


def _joined(columns: list[Any], places: list[NDArray[np.int64]]) -> Any:
    """The rows of all, each copied once, to its place."""
    first = columns[0]
    if isinstance(first, dict):
        return {name: _joined([column[name] for column in columns], places) for name in first}
    shape = (sum(map(len, places)), *first.shape[1:])
    joined = first.new_empty(shape) if isinstance(first, torch.Tensor) else np.empty(shape, first.dtype)
    for column, place in zip(columns, places, strict=True):
        joined[place] = column
    return joined


def _seen(batch: MultiAgentBatch, largest: float) -> Seen:
    rows = batch.policy_batches[LEARNER_MODULE]
    return summary(rows[Columns.OBS][OBSERVATION], rows[Postprocessing.VALUE_TARGETS], largest)
