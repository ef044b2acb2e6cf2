"""The peer of `benchmarks.throughput`: RLlib's own PPO, sampler and mask module on PettingZoo's Connect Four."""

from __future__ import annotations

import copy
import logging
import math
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from pettingzoo.classic import connect_four_v3
from ray.rllib.algorithms.ppo import PPO, PPOConfig
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.multi_rl_module import MultiRLModuleSpec
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.env.wrappers.pettingzoo_env import PettingZooEnv
from ray.rllib.examples.rl_modules.classes.action_masking_rlm import ActionMaskingTorchRLModule
from ray.tune.registry import register_env
from torch import Tensor

from league.config import LeagueConfig
from league.games.base import Player, Turn
from league.policies.player import greedy

ENVIRONMENT = "benchmarks-connect-four"
POLICY = "main"


class MaskedConnectFour(PettingZooEnv):
    """PettingZoo's environment under the names that RLlib's mask module expects."""

    def __init__(self) -> None:
        super().__init__(connect_four_v3.env())
        seen = gym.spaces.Dict(
            {
                "observations": gym.spaces.Box(0, 1, (6 * 7 * 2,), np.float32),
                "action_mask": gym.spaces.Box(0, 1, (7,), np.float32),
            }
        )
        self.observation_spaces = dict.fromkeys(self.possible_agents, seen)
        self.observation_space = gym.spaces.Dict(self.observation_spaces)

    def reset(self, **options: Any) -> tuple[Any, Any]:
        views, infos = super().reset(**options)
        return _renamed(views), infos

    def step(self, action: Any) -> tuple[Any, ...]:
        views, *rest = super().step(action)
        return _renamed(views), *rest


def _renamed(views: dict[str, Any]) -> dict[str, Any]:
    return {
        agent: {
            "observations": view["observation"].reshape(-1).astype(np.float32),
            "action_mask": view["action_mask"].astype(np.float32),
        }
        for agent, view in views.items()
    }


def stock_ppo(config: LeagueConfig, *, runners: int, envs: int) -> PPO:
    """RLlib's PPO with the network, the loss and the minibatch of `config`; one policy holds both seats.

    The batch of an iteration is one minibatch or RLlib's default of 4000 moves, whichever is larger.
    """
    learning = config.learning
    register_env(ENVIRONMENT, lambda _: MaskedConnectFour())
    logging.getLogger("ray").setLevel(logging.ERROR)
    # The network of league.policies: rectified linear units, a body shared with the value.
    model = {"fcnet_hiddens": list(config.network.hidden), "fcnet_activation": "relu", "vf_share_layers": True}
    module = RLModuleSpec(module_class=ActionMaskingTorchRLModule, model_config=model)
    settings = (
        PPOConfig()
        .environment(ENVIRONMENT)
        .env_runners(num_env_runners=runners, num_envs_per_env_runner=envs, rollout_fragment_length="auto")
        .multi_agent(policies={POLICY}, policy_mapping_fn=lambda *args, **kwargs: POLICY)
        .rl_module(rl_module_spec=MultiRLModuleSpec(rl_module_specs={POLICY: module}))
        .training(
            train_batch_size_per_learner=max(4000, learning.minibatch_size),
            minibatch_size=learning.minibatch_size,
            num_epochs=learning.num_epochs,
            lr=learning.lr,
            gamma=learning.gamma,
            lambda_=learning.lambda_,
            clip_param=learning.clip_param,
            vf_clip_param=math.inf if learning.vf_clip_param is None else learning.vf_clip_param,
            vf_loss_coeff=learning.vf_loss_coeff,
            entropy_coeff=learning.entropy_coeff,
            grad_clip=learning.grad_clip,
            use_kl_loss=False,
        )
        .debugging(seed=config.seed, log_level="ERROR")
    )
    return settings.build_algo()


def moves_sampled(result: dict[str, Any]) -> int:
    """Moves of one iteration, all of which are learned from: one step of the environment is one move of one seat."""
    return int(result["env_runners"]["num_env_steps_sampled"])


class StockPlayer(Player):
    """The policy of stock PPO at the table, its most probable move; it outlives the algorithm."""

    deterministic = True

    def __init__(self, algorithm: PPO) -> None:
        self._module = copy.deepcopy(algorithm.get_module(POLICY))

    @torch.inference_mode()
    def choose(self, turn: Turn) -> Tensor:
        """Return int64 `[n]`: the most probable legal column."""
        seen = {"observations": turn.observation.flatten(1), "action_mask": turn.legal.float()}
        logits = self._module.forward_inference({Columns.OBS: seen})[Columns.ACTION_DIST_INPUTS]
        return greedy(logits, turn.legal)
