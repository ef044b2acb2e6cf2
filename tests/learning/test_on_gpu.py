"""What only a GPU can show: everything of a learner is on it, and learns."""

import math

import pytest
import torch

from league.cluster.plan import Hardware
from league.cluster.session import ray_session
from league.config import LeagueConfig
from league.games import game_spec
from league.learning.trainer import Trainer
from league.policies.weights import fresh, pack
from league.rollout.opponents import Opponents

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU here"),
]
SPEC = game_spec("connect_four")


@pytest.mark.parametrize("kind", ["mlp", "conv", "tables"])
def test_a_learner_lives_on_its_gpu(kind: str) -> None:
    config = LeagueConfig.from_dict(
        {"game": SPEC.name, "network": {"kind": kind}, "rollout": {"games": 256, "plies": 16}}
    )
    weights = {f"main-{number:04d}": pack(fresh(SPEC, config.network, number)) for number in range(8)}
    with ray_session():
        trainer = Trainer(SPEC, config, seed=0, hardware=Hardware(gpus=1.0))
        try:
            trainer.set_opponents(Opponents(shares=dict.fromkeys(weights, 1.0), weights=weights))
            runner = trainer.algorithm.env_runner_group.local_env_runner
            assert (runner.device, runner.stays) == ("cuda", True)
            iterations = [trainer.iterate() for _ in range(3)]
            assert all(math.isfinite(loss) for one in iterations for loss in one.losses.values())
            assert iterations[-1].usage.gpu_bytes > 0
            assert runner.sample().batch.policy_batches["learner"]["actions"].is_cuda
        finally:
            trainer.stop()
