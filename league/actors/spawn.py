"""The only place that names actors and says what they may use and how they restart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import ray

from league.actors.learner import LearnerActor
from league.actors.match_worker import MatchWorkerActor
from league.config import LeagueConfig
from league.errors import ClusterError
from league.learning.hardware import Hardware
from league.pool.lease import Holder

NAMESPACE = "league"
"""Ray namespace of all our actors."""

RUNNERS_FROM_CPUS = 8
"""From so many CPUs per learner on, games are played in processes of their own."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a league lives: what every actor is told."""

    store: str
    """Address of the store."""
    league: str
    """Name of the league in it."""
    log_dir: str
    """Folder of TensorBoard event files, one folder per learner."""
    holder: Holder
    """The run that the actors belong to."""
    fence: int | None = None
    """Token of the coordinator that started the actor; its writes are refused once there is a newer one."""


def plan_hardware(config: LeagueConfig, cpus: float, gpus: float) -> Hardware:
    """What each learner gets on a cluster with so many CPUs and GPUs; raises `ClusterError` where it cannot fit.

    Where there are fewer CPUs than learners, they take turns, as many at once as there are CPUs.
    """
    learning, learners = config.learning, len(config.learners())
    runners = config.rollout.runners
    if runners is None:
        runners = 2 if cpus / learners >= RUNNERS_FROM_CPUS else 0
    processes = max(learning.num_learners, 1)
    per_learner = learning.gpus
    if per_learner is None:
        # Whole GPUs where there are enough; else learners share one, but never processes that step together.
        share = gpus / (learners * processes)
        per_learner = 1.0 if share >= 1 else (share if processes == 1 else 0.0)
    beside = runners + learning.num_learners
    left = cpus - learners * beside
    need_gpus = learners * processes * per_learner
    if left < 1 or need_gpus > gpus:
        raise ClusterError(
            f"the league needs {learners * beside + 1:g} CPUs and {need_gpus:g} GPUs, Ray has {cpus:g} and {gpus:g}: "
            "lower roles, rollout.runners, learning.num_learners or learning.gpus, or add nodes"
        )
    at_once = min(learners, int(left))
    return Hardware(
        runners=runners,
        gpus=per_learner,
        cpus=min(1.0, math.floor(100 * left / learners) / 100),
        at_once=at_once,
        threads=max(1, int(cpus / at_once) - beside) if learning.num_learners == 0 else 1,
    )


def spawn_learner(place: Place, name: str, number: int, hardware: Hardware, config: LeagueConfig) -> Any:
    """Start a learner. It holds the GPU itself unless RLlib's learner processes do."""
    return LearnerActor.options(
        name=f"{place.league}/{name}",
        namespace=NAMESPACE,
        num_cpus=hardware.cpus,
        num_gpus=hardware.gpus if config.learning.num_learners == 0 else 0,
        max_restarts=-1,
    ).remote(
        place.store,
        place.league,
        name,
        number=number,
        hardware=hardware,
        log_dir=place.log_dir,
        fence=place.fence,
    )


def spawn_match_worker(place: Place, number: int) -> Any:
    """Start a match worker. It asks for no CPU of its own: `arena.share` bounds what it takes."""
    return MatchWorkerActor.options(
        name=f"{place.league}/match-{number}",
        namespace=NAMESPACE,
        num_cpus=0,
        max_restarts=-1,
        scheduling_strategy="SPREAD",
    ).remote(place.store, place.league)


def spawn_coordinator(place: Place) -> Any:
    """Start the coordinator, which starts everybody else and ends with the process that called this."""
    from league.actors.coordinator import CoordinatorActor

    return CoordinatorActor.options(
        name=f"{place.league}/coordinator", namespace=NAMESPACE, num_cpus=0, max_restarts=-1, max_concurrency=2
    ).remote(place)


def cluster_size() -> tuple[float, float]:
    """CPUs and GPUs of the whole cluster."""
    resources = ray.cluster_resources()
    return float(resources.get("CPU", 0)), float(resources.get("GPU", 0))
