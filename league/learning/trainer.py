"""One learner: an `Algorithm` of RLlib, and what the league wants of it."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import ray
import torch
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core import COMPONENT_LEARNER, COMPONENT_OPTIMIZER, COMPONENT_RL_MODULE
from ray.rllib.core.rl_module.multi_rl_module import MultiRLModuleSpec

from league.cluster.plan import Hardware
from league.config import LeagueConfig, LearningConfig
from league.errors import DivergedError, PolicyError
from league.games.base import GameSpec
from league.iteration import LOSSES, Iteration, Rollout, Usage
from league.learning.algorithm import PROGRESS_UNIT, LeaguePPO
from league.learning.checkpoint import pack_state, unpack_state
from league.learning.learner import LeagueLearner
from league.learning.module import module_spec, spaces
from league.learning.pace import fragments, staleness
from league.learning.runner import LEARNER_MODULE, LeagueRunner
from league.learning.usable import why_not
from league.policies.scaling import measure
from league.policies.weights import fresh, pack, unpack
from league.rollout.choices import settled
from league.rollout.opponents import Opponents

SCHEDULE_POINTS = 20
"""Straight pieces of which a schedule's curve is made."""

VF_LOSS_UNCLIPPED = "vf_loss_unclipped"
MOST_OF_IT = 0.8
"""Where less than this share of the value loss is left after it was clipped, that is said."""

Held = tuple[int, int, tuple[str, ...]]
"""Of a learner process: bytes of GPU memory, parts of a minibatch, and what its memory does not hold."""

_RESTARTS: Final = {
    "restart_failed_env_runners": True,
    "ignore_env_runner_failures": True,
    "delay_between_env_runner_restarts_s": 1.0,
    # One that does not answer by then is asked again at the next update, which does not wait for it.
    "env_runner_health_probe_timeout_s": 1.0,
}
"""What RLlib does about runner processes that are lost."""


class Trainer:
    """A learner from its first weights on. Needs a running Ray."""

    def __init__(self, spec: GameSpec, config: LeagueConfig, *, seed: int, hardware: Hardware) -> None:
        """`seed` tells learners of one league apart. Raises `LeagueError` where a game is not fit for what is asked."""
        logging.getLogger("ray.rllib").setLevel(logging.ERROR)
        self.spec = spec
        self.config = settled(config, spec)
        self.seed = config.seed + seed
        self.steps = 0
        """Moves learned from since the league began. Whoever resumes a learner sets it."""
        self.began_at = 0
        """The `steps` at which the learner last began anew, from where the schedules count. Set like `steps`."""
        self.progress: float | None = None
        """How far the training has come of what was asked for, in [0, 1], for the schedules; None: nobody said."""
        self.no_gpu = why_not(self.config.learning, hardware)
        """Why gradient steps are not taken on the GPUs that Ray gives for them; None: they are, or there is none."""
        algorithm = _ppo_config(spec, self.config, self.seed, hardware, usable=self.no_gpu is None)
        # Ours have no state of connectors; RLlib would ask all of them after each update, and wait for the slowest.
        algorithm._dont_auto_sync_env_runner_states = True
        self.algorithm: LeaguePPO = algorithm.build_algo()
        self.algorithm.hand_out()
        self.algorithm.scales = bool(self.config.network.normalize)
        self._measured = not self.algorithm.scales
        """Whether the network is known to have seen the game; one with its first weights has not."""
        self.broken: str | None = None
        """What was wrong with one of the games that it was shown, before any that it learns from."""
        self._runner_restarts = 0

    def missing_devices(self) -> list[str]:
        """Why runners play on another device than was asked for, each reason once."""
        group = self.algorithm.env_runner_group
        reasons = group.foreach_env_runner(
            lambda runner: runner.missing, local_env_runner=not group.num_remote_workers()
        )
        return sorted({reason for reason in reasons if reason})

    def set_opponents(self, opponents: Opponents) -> None:
        """Whom games that begin from the next fragment on are played against."""
        remote = self.algorithm.env_runner_group.num_remote_workers()
        self.algorithm.opponents = ray.put(opponents) if remote else opponents

    def iterate(self) -> Iteration:
        """Play, learn, hand the weights out. Raises `DivergedError` on a loss or weight that is not finite."""
        self._measure()
        self.algorithm.progress = self._schedule()
        result = self.algorithm.train()
        self.steps += self.algorithm.learned_steps
        # Of an iteration without a gradient step RLlib reports NaN.
        learned = result.get("learners", {}).get(LEARNER_MODULE, {}) if self.algorithm.learned_steps else {}
        losses = {name: float(learned[name]) for name in LOSSES if name in learned}
        if math.isnan(losses.get("vf_explained_var", 0.0)):
            del losses["vf_explained_var"]  # Minibatches of one move have none; what diverged shows in the others.
        self._check_finite(losses)
        rollout = Rollout.together(self.algorithm.played)
        nobody = None if self.algorithm.played else "no runner answered; they are being restarted"
        held = [result.get() for result in self.algorithm.learner_group.foreach_learner(_held) if result.ok]
        memory = dict.fromkeys((*rollout.memory, *(text for _, _, memory in held for text in memory)))
        return Iteration(
            **vars(replace(rollout, error=rollout.error or nobody, memory=tuple(memory))),
            steps=self.algorithm.learned_steps,
            losses=losses,
            remark=self._remark(learned),
            sample_s=self.algorithm.sample_s,
            learn_s=self.algorithm.learn_s,
            staleness=self.algorithm.staleness,
            stale=self.algorithm.stale,
            usage=self._usage(rollout, held),
        )

    def _measure(self) -> None:
        """Let a network that has seen nothing yet know, from random games, what there is to see and to win."""
        if self._measured:
            return
        if float(torch.as_tensor(self._module_state()["network.scaling.seen"])) == 0:
            seen = measure(self.spec, self.seed)
            self.broken = seen.error
            self.algorithm.take(seen)
            self.algorithm.hand_out()
        self._measured = True

    def _remark(self, learned: Mapping[str, Any]) -> str | None:
        clip, unclipped = self.config.learning.vf_clip_param, float(learned.get(VF_LOSS_UNCLIPPED, 0.0))
        if clip is None or float(learned.get("vf_loss", 0.0)) >= MOST_OF_IT * unclipped:
            return None
        return (
            f"learning.vf_clip_param = {clip:g} cuts off errors of the value, whose mean square is {unclipped:.3g}, so "
            f"those are not learned from: raise it, or leave it open with --set learning.vf_clip_param=auto"
        )

    def _schedule(self) -> float:
        if self.progress is not None:
            return self.progress
        return min(1.0, (self.steps - self.began_at) / (self.config.learning.anneal_steps or 1))

    def _usage(self, rollout: Rollout, held: list[Held]) -> Usage:
        group = self.algorithm.env_runner_group
        runners, healthy = group.num_remote_workers(), group.num_healthy_remote_workers()
        before, self._runner_restarts = self._runner_restarts, group.num_remote_worker_restarts()
        return Usage(
            # A runner that is no process of its own holds what its learner holds.
            gpu_bytes=sum(reserved for reserved, _, _ in held) + (rollout.gpu_bytes if runners else 0),
            parts=max((parts for _, parts, _ in held), default=1),
            runners=healthy,
            runners_lost=runners - healthy,
            runner_restarts=self._runner_restarts - before,
        )

    def _check_finite(self, losses: Mapping[str, float]) -> None:
        bad = next((name for name, value in losses.items() if not math.isfinite(value)), None)
        if bad is not None:
            raise DivergedError(f"{bad} is {losses[bad]}")
        for names in self.algorithm.learner_group.foreach_learner(LeagueLearner.not_finite):
            for name in names.get():
                raise DivergedError(f"weights {name} are not finite")

    def weights(self) -> bytes:
        """The policy as it is now, packed."""
        self._measure()
        network = fresh(self.spec, self.config.network, self.seed)
        state = {name.removeprefix("network."): torch.as_tensor(t) for name, t in self._module_state().items()}
        network.load_state_dict(state)
        return pack(network)

    def _module_state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.algorithm.learner_group.get_weights()[LEARNER_MODULE]
        return state

    def save(self) -> bytes:
        """Weights and optimiser state, without pickle."""
        state = self.algorithm.learner_group.get_state()[COMPONENT_LEARNER]
        return pack_state({part: state[part] for part in (COMPONENT_RL_MODULE, COMPONENT_OPTIMIZER)})

    def restore(self, data: bytes) -> None:
        """Go on from what `save` wrote; raises `PolicyError` where it does not fit this learner."""
        state = unpack_state(data)
        try:
            state = {part: state[part] for part in (COMPONENT_RL_MODULE, COMPONENT_OPTIMIZER)}
        except (KeyError, TypeError) as error:
            raise PolicyError(f"not a checkpoint of a learner: {error}") from error
        self._set_learner_state(state)

    def reset_to(self, weights: bytes) -> None:
        """Go on from a snapshot, with a fresh optimiser."""
        network = unpack(weights, self.spec)
        module = {f"network.{name}": tensor.numpy() for name, tensor in network.state_dict().items()}
        optimiser = _without_moments(self.algorithm.learner_group.get_state()[COMPONENT_LEARNER][COMPONENT_OPTIMIZER])
        self._set_learner_state({COMPONENT_RL_MODULE: {LEARNER_MODULE: module}, COMPONENT_OPTIMIZER: optimiser})
        # Not measured here: a learner comes here in its constructor, where a game that ends its process does so for
        # ever, as Ray tries that again and tells nobody.
        self._measured = not self.algorithm.scales

    def _set_learner_state(self, state: dict[str, Any]) -> None:
        # Without a sequence number, which makes RLlib take the weights even if they are older than its own.
        try:
            self.algorithm.learner_group.set_state({COMPONENT_LEARNER: state})
        except (RuntimeError, ValueError, KeyError) as error:
            raise PolicyError(f"the checkpoint does not fit this learner: {str(error).splitlines()[0]}") from error
        self.algorithm.hand_out()
        # What the weights before these have played may hold NaN, and is no experience of the new ones.
        self.algorithm.forget()

    def stop(self) -> None:
        """End the runners and the learner processes."""
        self.algorithm.stop()


def _held(learner: LeagueLearner) -> Held:
    return torch.cuda.memory_reserved(), learner.parts, learner.memory


def _without_moments(optimisers: dict[str, Any]) -> dict[str, Any]:
    return {name: {**entry, "state": {**entry["state"], "state": {}}} for name, entry in optimisers.items()}


def _annealed(value: float | None, learning: LearningConfig) -> list[list[float]]:
    """Half a cosine from `value` to `anneal_to` of it, in RLlib's form of a schedule: points of (progress, value)."""
    start, end = value or 0.0, (value or 0.0) * (learning.anneal_to or 1.0)
    shares = [point / SCHEDULE_POINTS for point in range(SCHEDULE_POINTS + 1)]
    return [[share * PROGRESS_UNIT, end + (start - end) * (1 + math.cos(math.pi * share)) / 2] for share in shares]


def _for_runners(spec: GameSpec, config: LeagueConfig, seed: int, hardware: Hardware) -> dict[str, Any]:
    """What `LeagueRunner` reads."""
    return {
        "spec": spec,
        "league": config.to_dict(),
        "seed": seed,
        "hardware": hardware,
        "staleness": staleness(config, hardware),
        "fragments": fragments(config, hardware),
    }


def _of_learners(hardware: Hardware, usable: bool) -> dict[str, Any]:
    """What RLlib gives each learner process; one whose GPU is of no use has its place, planned without a CPU."""
    return {"num_gpus_per_learner": hardware.gpus} if usable else {"num_gpus_per_learner": 0, "num_cpus_per_learner": 0}


def _ppo_config(
    spec: GameSpec, config: LeagueConfig, seed: int, hardware: Hardware, *, usable: bool = True
) -> PPOConfig:
    """RLlib's configuration; not `usable`: its learners leave alone the GPUs that they are given."""
    learning = config.learning
    observation, action = spaces(spec)
    return (
        PPOConfig(algo_class=LeaguePPO)
        .environment(
            env=None,
            env_config=_for_runners(spec, config, seed, hardware),
            observation_space=observation,
            action_space=action,
        )
        .env_runners(
            env_runner_cls=LeagueRunner,
            num_env_runners=hardware.runners,
            num_gpus_per_env_runner=hardware.runner_gpus,
            create_local_env_runner=not hardware.runners,
            # Without a runner here RLlib would build them here, for spaces of another form than ours.
            add_default_connectors_to_env_to_module_pipeline=False,
            add_default_connectors_to_module_to_env_pipeline=False,
        )
        .multi_agent(policies={LEARNER_MODULE}, policy_mapping_fn=lambda *args, **kwargs: LEARNER_MODULE)
        .rl_module(rl_module_spec=MultiRLModuleSpec(rl_module_specs={LEARNER_MODULE: module_spec(spec, config, seed)}))
        .learners(num_learners=learning.num_learners, **_of_learners(hardware, usable))
        # Processes that step together are told alike what the network has seen.
        .framework(torch_ddp_kwargs={"broadcast_buffers": False})
        .training(
            lr=_annealed(learning.lr, learning),
            gamma=learning.gamma,
            lambda_=learning.lambda_,
            clip_param=learning.clip_param,
            vf_clip_param=math.inf if learning.vf_clip_param is None else learning.vf_clip_param,
            vf_loss_coeff=learning.vf_loss_coeff,
            entropy_coeff=_annealed(learning.entropy_coeff, learning),
            grad_clip=learning.grad_clip,
            grad_clip_by="global_norm",
            num_epochs=learning.num_epochs,
            minibatch_size=learning.minibatch_size,
            # What RLlib's own sampler would collect: unused, but checked against the minibatch.
            train_batch_size_per_learner=learning.minibatch_size,
            use_kl_loss=False,
            learner_class=LeagueLearner,
        )
        .fault_tolerance(**_RESTARTS)
        .debugging(seed=seed, log_level="ERROR")
    )
