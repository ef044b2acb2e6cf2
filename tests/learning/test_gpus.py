"""Who gets a GPU, in a Ray that believes it has four: what Ray says to each process."""

import pytest
import ray

from league.cluster.nodes import Room
from league.cluster.plan import plan_hardware
from league.config import LeagueConfig
from league.games import game_spec
from league.learning.trainer import Trainer
from league.rollout.opponents import Opponents

SPEC = game_spec("tic_tac_toe")


def config(**sections: dict[str, object]) -> LeagueConfig:
    return LeagueConfig.from_dict({"game": "tic_tac_toe", "network": {"kind": "mlp", "hidden": [8]}, **sections})


def held(trainer: Trainer) -> list[tuple[str, str]]:
    """Of each runner process: the GPUs that Ray shows it, and where it plays."""
    group = trainer.algorithm.env_runner_group
    return group.foreach_env_runner(
        lambda runner: (",".join(ray.get_runtime_context().get_accelerator_ids()["GPU"]), runner.device),
        local_env_runner=False,
    )


@pytest.mark.long
@pytest.mark.parametrize(("share", "gpus"), [(0.0, [""] * 4), (0.5, ["0", "0", "1", "1"])])
def test_each_runner_has_its_share_and_no_runner_is_beside_them(share: float, gpus: list[str]) -> None:
    rollout = {"runners": 4, "gpus": share, "games": 8, "plies": 8}
    plan = plan_hardware(config(rollout=rollout, learning={"gpus": 0}), Room(cpus=8, gpus=(2.0,)))
    assert (plan.hardware.runners, plan.hardware.runner_gpus) == (4, share)
    ray.init(num_cpus=8, num_gpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        trainer = Trainer(SPEC, config(rollout=rollout), seed=0, hardware=plan.hardware)
        try:
            assert trainer.algorithm.env_runner_group.local_env_runner is None
            found = held(trainer)
            assert sorted(seen for seen, _ in found) == gpus
            # No GPU is really there, so all of them play on the CPU; who has a share would take it.
            assert {device for _, device in found} == {"cpu"}
            trainer.set_opponents(Opponents())
            assert trainer.iterate().usage.runners == 4
        finally:
            trainer.stop()
    finally:
        ray.shutdown()
