"""Runners on nodes with another type of processor than the learner has: they compute, and round, otherwise."""

import pytest
import ray

from league.cluster.plan import Hardware
from league.config import LeagueConfig
from league.games import game_spec
from league.learning.trainer import Trainer
from league.rollout.opponents import Opponents

SPEC = game_spec("connect_four")


def _capability(runner: object = None) -> str:
    from torch.backends import cpu  # As a global, torch would have to be pickled.

    return cpu.get_cpu_capability()


@pytest.mark.long
@pytest.mark.parametrize("kind", ["mlp", "tables"])
def test_what_a_runner_with_another_processor_plays_is_learned_from(kind: str) -> None:
    settings = LeagueConfig.from_dict(
        {
            "game": SPEC.name,
            "network": {"kind": kind, "hidden": [16]},
            "rollout": {"runners": 1, "games": 16, "plies": 16},
            "learning": {"minibatch_size": 128},
        }
    )
    # torch in the processes of runners takes none of the instructions that this processor has and an older one has not.
    plain = {"env_vars": {"ATEN_CPU_CAPABILITY": "default"}}
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False, runtime_env=plain)
    try:
        trainer = Trainer(SPEC, settings, seed=0, hardware=Hardware(runners=1))
        try:
            (there,) = trainer.algorithm.env_runner_group.foreach_env_runner(_capability, local_env_runner=False)
            assert there == "DEFAULT" != _capability()
            trainer.set_opponents(Opponents())
            iterations = [trainer.iterate() for _ in range(3)]
            assert all(iteration.steps for iteration in iterations)
            # RLlib's own, between what played and what was learned from it: of the same weights it is rounding.
            assert abs(iterations[0].losses["mean_kl_loss"]) < 0.1
        finally:
            trainer.stop()
    finally:
        ray.shutdown()
