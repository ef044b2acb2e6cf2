"""Our network as an RLModule."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import torch
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.apis import ValueFunctionAPI
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.core.rl_module.torch import TorchRLModule
from torch import Tensor

from league.config import LeagueConfig
from league.games.base import GameSpec
from league.policies.network import PolicyNetwork
from league.policies.weights import fresh

OBSERVATION, ACTION_MASK = "observation", "action_mask"
IMPROVED = "improved_policy"
"""Column of a batch with lookahead: the policy to learn, float32 `[n, A]`."""


class PolicyModule(TorchRLModule, ValueFunctionAPI):
    """RLlib's view of a `PolicyNetwork`: PPO asks it for logits, entropy and values."""

    network: PolicyNetwork

    def setup(self) -> None:
        """Build the network, the same on every process: RLlib sends the learner's weights around, not its seed."""
        config = LeagueConfig.from_dict(self.model_config["league"])
        self.network = fresh(self.model_config["spec"], config.network, self.model_config["seed"])
        self.network.precision = config.learning.precision
        # On a GPU: products of float32 on its tensor cores, unless float32 was asked for. A CPU does not ask.
        rounds = self.network.precision != "float32"
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = rounds

    def _forward(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        observation: dict[str, Tensor] = batch[Columns.OBS]
        features = self.network.features(observation[OBSERVATION])
        logits = self.network.logits(features, observation[ACTION_MASK].bool())
        return {Columns.ACTION_DIST_INPUTS: logits, Columns.EMBEDDINGS: features}

    def compute_values(self, batch: dict[str, Any], embeddings: Tensor | None = None) -> Tensor:
        """Values `[n]` in the unit in which they are learned; reuses the features of the forward pass."""
        if embeddings is None:
            embeddings = self.network.features(batch[Columns.OBS][OBSERVATION])
        return self.network.scaled_values(embeddings)


def spaces(spec: GameSpec) -> tuple[gym.spaces.Dict, gym.spaces.Discrete[Any]]:
    """Observation and action space of one seat."""
    observation = gym.spaces.Box(-np.inf, np.inf, spec.shape, np.float32)
    mask = gym.spaces.Box(0, 1, (spec.actions,), np.float32)
    return gym.spaces.Dict({OBSERVATION: observation, ACTION_MASK: mask}), gym.spaces.Discrete(spec.actions)


def module_spec(spec: GameSpec, config: LeagueConfig, seed: int) -> RLModuleSpec:
    """What RLlib builds the module from."""
    observation, action = spaces(spec)
    return RLModuleSpec(
        module_class=PolicyModule,
        observation_space=observation,
        action_space=action,
        model_config={"spec": spec, "league": config.to_dict(), "seed": seed},
    )
