"""A learner and a runner as RLlib has them, in this process and without Ray."""

from __future__ import annotations

from typing import Any, NamedTuple

from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME

from league.cluster.plan import Hardware
from league.config import LeagueConfig
from league.games import game_spec
from league.learning.learner import LeagueLearner
from league.learning.runner import LeagueRunner
from league.learning.trainer import _ppo_config
from league.rollout.choices import settled


class Alone(NamedTuple):
    """Who plays and who learns from it."""

    runner: LeagueRunner
    learner: LeagueLearner

    def played(self) -> Any:
        """A fragment of games, as the learner takes it."""
        return self.runner.sample().batch

    def update(self, batch: Any, **how: Any) -> None:
        """Learn from it, one pass by default, as the training step has it."""
        self.learner.update(
            batch=batch,
            timesteps={NUM_ENV_STEPS_SAMPLED_LIFETIME: 0},
            **{"num_epochs": 1, "minibatch_size": len(batch), **how},
        )


def alone(config: LeagueConfig, hardware: Hardware | None = None) -> Alone:
    """Build both, by one configuration and with equal weights."""
    spec = game_spec(config.game)
    algorithm = _ppo_config(spec, settled(config, spec), 0, hardware or Hardware())
    return Alone(LeagueRunner(config=algorithm, worker_index=0), algorithm.build_learner(env=None))
