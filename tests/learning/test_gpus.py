"""Who gets a GPU, in a Ray that believes it has some: what Ray says to each process."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import ray
import torch
from ray.rllib.core.learner import learner_group

from league.cluster.nodes import Room
from league.cluster.plan import plan_hardware
from league.config import LeagueConfig
from league.games import game_spec
from league.learning import trainer as trainers
from league.learning.trainer import Trainer
from league.rollout.opponents import Opponents

SPEC = game_spec("tic_tac_toe")
pytestmark = pytest.mark.long


def config(**sections: dict[str, object]) -> LeagueConfig:
    return LeagueConfig.from_dict({"game": "tic_tac_toe", "network": {"kind": "mlp", "hidden": [8]}, **sections})


@contextmanager
def believed(gpus: int, cpus: int, **how: Any) -> Iterator[Room]:
    """A Ray with so many GPUs."""
    ray.init(num_cpus=cpus, num_gpus=gpus, include_dashboard=False, log_to_driver=False, configure_logging=False, **how)
    try:
        yield Room(cpus=cpus, gpus=(float(gpus),))
    finally:
        ray.shutdown()


@contextmanager
def training(settings: LeagueConfig, room: Room) -> Iterator[Trainer]:
    """A learner with what it is planned to have there."""
    plan = plan_hardware(settings, room)
    assert plan.missing is None
    trainer = Trainer(SPEC, settings, seed=0, hardware=plan.hardware)
    try:
        trainer.set_opponents(Opponents())
        yield trainer
    finally:
        trainer.stop()


def given() -> str:
    """The GPUs that Ray gives this process, by number."""
    return ",".join(ray.get_runtime_context().get_accelerator_ids()["GPU"])


def held(trainer: Trainer) -> list[tuple[str, str]]:
    """Of each runner process: the GPUs that Ray gives it, and where it plays."""
    group = trainer.algorithm.env_runner_group
    return group.foreach_env_runner(lambda runner: (given(), runner.device), local_env_runner=False)


@pytest.mark.parametrize(("share", "gpus"), [(0.0, [""] * 4), (0.5, ["0", "0", "1", "1"])])
def test_each_runner_has_its_share_and_no_runner_is_beside_them(share: float, gpus: list[str]) -> None:
    settings = config(rollout={"runners": 4, "gpus": share, "games": 8, "plies": 8}, learning={"gpus": 0})
    with believed(2, cpus=8) as room, training(settings, room) as trainer:
        assert trainer.algorithm.env_runner_group.local_env_runner is None
        found = held(trainer)
        assert sorted(seen for seen, _ in found) == gpus
        # No GPU is really there, so all of them play on the CPU; who has a share would take it.
        assert {device for _, device in found} == {"cpu"}
        assert trainer.iterate().usage.runners == 4


def compute_on_the_cpu() -> None:
    """Have learner processes learn where they can: no GPU that Ray gives them is really there."""
    from ray.rllib.core.learner.torch import torch_learner

    torch_learner.get_device = lambda *about: torch.device("cpu")


def test_four_learner_processes_have_a_gpu_each_and_sixteen_runners_none(monkeypatch: pytest.MonkeyPatch) -> None:
    found = learner_group._get_backend_config

    def without_nccl(learner_class: Any) -> Any:
        """RLlib's, where processes that have no GPU after all can speak to one another."""
        backend = found(learner_class)
        backend.backend = "gloo"
        return backend

    monkeypatch.setattr(learner_group, "_get_backend_config", without_nccl)
    monkeypatch.setattr(trainers, "why_not", lambda learning, hardware: None)
    settings = config(rollout={"runners": 16, "games": 8, "plies": 8}, learning={"num_learners": 4})
    hook = {"worker_process_setup_hook": compute_on_the_cpu}
    with believed(4, cpus=17, runtime_env=hook) as room, training(settings, room) as trainer:
        group = trainer.algorithm.learner_group
        learners = [
            result.get()
            for result in group.foreach_learner(lambda learner: (given(), os.environ["CUDA_VISIBLE_DEVICES"]))
        ]
        assert sorted(learners) == [(str(number), str(number)) for number in range(4)]
        assert held(trainer) == [("", "cpu")] * 16
        assert trainer.algorithm.env_runner_group.local_env_runner is None
        iteration = trainer.iterate()
        assert iteration.usage.runners == 16
        assert iteration.steps


def test_learner_processes_whose_gpus_torch_cannot_use_learn_on_the_cpu() -> None:
    settings = config(rollout={"games": 8, "plies": 8}, learning={"num_learners": 2})
    with believed(2, cpus=1) as room, training(settings, room) as trainer:
        assert trainer.no_gpu is not None
        assert trainer.no_gpu.startswith("cuda is not there: ")
        assert trainer.iterate().steps


def show_a_gpu() -> None:
    """Have torch say that there is one, as Ray shows a machine's to all who asked for none."""
    torch.cuda.is_available = lambda: True


def test_a_learner_that_is_to_have_no_gpu_takes_none_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    settings = config(rollout={"runners": 2, "games": 8, "plies": 8}, learning={"gpus": 0})
    with (
        believed(1, cpus=4, runtime_env={"worker_process_setup_hook": show_a_gpu}) as room,
        training(settings, room) as trainer,
    ):
        assert held(trainer) == [("", "cpu")] * 2
        (device,) = trainer.algorithm.learner_group.foreach_learner(lambda learner: learner._device)
        assert device.get() == torch.device("cpu")
        assert trainer.iterate().steps
