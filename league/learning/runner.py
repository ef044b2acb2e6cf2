"""Our rollouts as RLlib's EnvRunner: one call to `sample` returns moves with advantages already in them."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import ray
import torch
from ray.rllib.algorithms.algorithm_config import AlgorithmConfig
from ray.rllib.core import COMPONENT_RL_MODULE
from ray.rllib.core.columns import Columns
from ray.rllib.env.env_runner import EnvRunner
from ray.rllib.evaluation.postprocessing import Postprocessing
from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED, NUM_ENV_STEPS_SAMPLED_LIFETIME
from ray.rllib.utils.torch_utils import convert_to_torch_tensor

from league.config import LeagueConfig
from league.games import make_game
from league.games.base import GameSpec
from league.games.bubble import Dice
from league.iteration import Rollout
from league.learning.memory import fitted
from league.learning.module import ACTION_MASK, IMPROVED, OBSERVATION, PolicyModule, spaces
from league.log import keep_log
from league.policies.device import choose_device
from league.policies.network import PolicyNetwork, acting
from league.rollout.collect import Collector, Experience

LEARNER_MODULE = "learner"
"""The one module that RLlib knows; opponents live in the runner and never become modules."""


class Brought(NamedTuple):
    """What a runner brings from a fragment of games."""

    batch: MultiAgentBatch
    """Moves for PPO."""
    rollout: Rollout
    """What was played."""
    metrics: Any
    """RLlib's own counters."""


class LeagueRunner(EnvRunner):
    """Plays many games at once; keeps them across calls."""

    def __init__(self, *, config: AlgorithmConfig, **kwargs: Any) -> None:
        super().__init__(config=config, **kwargs)
        self.spec: GameSpec = config.env_config["spec"]
        self.league = LeagueConfig.from_dict(config.env_config["league"])
        rollout = self.league.rollout
        if self.num_workers:  # A process of its own.
            keep_log()
            torch.set_num_threads(1)
        gpu = config.env_config["hardware"].holds_gpu(self.worker_index, self.league.learning.num_learners)
        asked = rollout.device or ("cuda" if gpu and self.num_workers else None)  # Else the learner says it.
        self.device, self.missing = choose_device(asked, gpu=gpu)
        self.boards = rollout.games or 1
        """Games that are played at once: half as many each time that the device's memory was too small."""
        self._seed = runner_seed(int(config.env_config["seed"]), self.worker_index)
        self._dice = Dice() if self.spec.batched else Dice.of(self._seed)
        self._opponents: Any = None
        # Where the learner is in this process, on the same GPU, its moves do not leave it.
        self.stays = self.device != "cpu" and not self.num_workers and not self.league.learning.num_learners
        self.module: PolicyModule = fitted(self.make_module, lambda: False)
        fitted(lambda: self.collector, self._fewer)

    @cached_property
    def collector(self) -> Collector:
        """The boards, and who plays there."""
        learning, rollout = self.league.learning, self.league.rollout
        game = make_game(self.spec.name, self.boards, device=self.device, seed=self._seed)
        weight = learning.lookahead_weight if learning.lookahead else None
        made = Collector(game, self.acting(), rollout, self._seed, weight)
        if self._opponents is not None:
            made.set_opponents(_fetched(self._opponents))
        return made

    def _fewer(self) -> bool:
        """Begin anew, with half as many games at once; False: it is one already."""
        self.__dict__.pop("collector", None)
        fewer = self.boards > 1
        self.boards //= 1 + fewer
        return fewer

    @property
    def memory(self) -> tuple[str, ...]:
        """What the GPU's memory does not hold, and what is done about it, in words."""
        asked = self.league.rollout.games or 1
        text = f"the GPU's memory does not hold {asked} games; {self.boards} are played at once from now on"
        return (text,) * (self.boards < asked)

    def make_module(self) -> PolicyModule:
        """A copy of the learner's module, on the device of the boards."""
        multi = self.config.get_multi_rl_module_spec(env=None, spaces=self.get_spaces(), inference_only=False)
        module: PolicyModule = multi.build()[LEARNER_MODULE]
        module.to(self.device)
        module.requires_grad_(False)
        return module

    def acting(self) -> PolicyNetwork:
        """The module's network as it plays."""
        return acting(self.module.network, self.module.network.precision)

    def get_spaces(self) -> dict[str, Any]:
        """What RLlib asks before it builds modules."""
        return {LEARNER_MODULE: spaces(self.spec), "__env__": spaces(self.spec), "__env_single__": spaces(self.spec)}

    def sample(self, **kwargs: Any) -> Brought:
        """Play a fragment on all boards, by what was last taken: moves, counts, and RLlib's own counters."""
        batch, rollout = fitted(self._fragment, self._fewer)
        steps = len(batch)
        self.metrics.log_value(NUM_ENV_STEPS_SAMPLED, steps, reduce="sum")
        self.metrics.log_value(NUM_ENV_STEPS_SAMPLED_LIFETIME, steps, reduce="lifetime_sum")
        rollout = replace(rollout, gpu_bytes=torch.cuda.memory_reserved(), memory=self.memory)
        return Brought(MultiAgentBatch({LEARNER_MODULE: batch}, steps), rollout, self.get_metrics())

    def _fragment(self) -> tuple[SampleBatch, Rollout]:
        learning = self.league.learning
        plies, gamma, lambda_ = self.league.rollout.plies or 0, learning.gamma or 0.0, learning.lambda_ or 0.0
        experience = self._dice.step(lambda: self.collector.collect(plies, gamma, lambda_))
        columns = _columns(experience, 1.0 if learning.policy_loss_coeff is None else learning.policy_loss_coeff)
        return SampleBatch(columns if self.stays else _numpy(columns)), experience.rollout()

    def take(self, weights: Any, opponents: Any) -> None:
        """Play by these weights from the next fragment on, and new games against these `Opponents`.

        Both may be references to what is in Ray's store. Opponents that are the same as before cost nothing.
        """
        fitted(lambda: self._meet(weights, opponents), self._fewer)

    def _meet(self, weights: Any, opponents: Any) -> None:
        self.module.load_state_dict(convert_to_torch_tensor(_fetched(weights), device=self.device))
        self.collector.player.network = self.acting()
        if opponents is not None and opponents != self._opponents:
            self.collector.set_opponents(_fetched(opponents))
            self._opponents = opponents

    def forget(self) -> None:
        """Drop the moves that wait for their outcome; games go on."""
        self.collector.forget()

    def get_metrics(self) -> Any:
        """RLlib's own counters since the last call."""
        return self.metrics.reduce()

    def get_state(self, components: Any = None, *, not_components: Any = None, **kwargs: Any) -> dict[str, Any]:
        """The module's weights; games in progress are not state worth keeping."""
        return {COMPONENT_RL_MODULE: {LEARNER_MODULE: self.module.get_state()}}

    def set_state(self, state: dict[str, Any]) -> None:
        """RLlib's way to hand out the first weights, given whole or as a reference."""
        if COMPONENT_RL_MODULE in state:
            self.take(_fetched(state[COMPONENT_RL_MODULE])[LEARNER_MODULE], None)

    def stop(self) -> None:
        """Nothing to let go of."""

    def get_ctor_args_and_kwargs(self) -> tuple[tuple[()], dict[str, Any]]:
        """How RLlib builds another one after a crash."""
        return (), {"config": self.config}

    def assert_healthy(self) -> None:
        """Nothing to ask: a runner whose process answers can play."""


def runner_seed(learner: int, runner: int) -> int:
    """Of one runner; hashed, for a sum of both numbers would be that of another learner's runner as well."""
    return int(np.random.SeedSequence([learner, runner]).generate_state(1)[0])


def _fetched(value: Any) -> Any:
    """What may be in Ray's store."""
    return ray.get(value) if isinstance(value, ray.ObjectRef) else value


def _columns(experience: Experience, policy_loss_coeff: float) -> dict[str, Any]:
    """PPO's columns; advantages normalised over the fragment (Andrychowicz et al. 2021).

    The clipped loss is linear in the advantages, so its weight, which RLlib's does not have, is one of theirs.
    """
    moves, advantage = experience.moves, experience.advantage
    if len(advantage) > 1:
        advantage = policy_loss_coeff * (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    played = moves.improved.log() if moves.improved.shape[1] else torch.log_softmax(moves.logits, dim=1)
    log_probability = played.gather(1, moves.action[:, None]).squeeze(1)
    columns = {
        Columns.OBS: {OBSERVATION: moves.observation, ACTION_MASK: moves.legal},
        Columns.ACTIONS: moves.action,
        Columns.ACTION_DIST_INPUTS: moves.logits,
        Columns.ACTION_LOGP: log_probability,
        Postprocessing.ADVANTAGES: advantage,
        Postprocessing.VALUE_TARGETS: experience.value_target,
    }
    if moves.improved.shape[1]:
        columns[IMPROVED] = moves.improved
    return columns


def _numpy(column: Any) -> Any:
    if isinstance(column, dict):
        return {name: _numpy(value) for name, value in column.items()}
    return column.cpu().numpy()
