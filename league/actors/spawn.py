"""The only place that names actors and says what they may use and how they restart."""

from __future__ import annotations

from typing import Any

from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from league.actors.keeper import KeeperActor
from league.actors.learner import LearnerActor
from league.actors.match_worker import MatchWorkerActor
from league.actors.place import Place
from league.cluster.nodes import HEAD, Node
from league.cluster.plan import Hardware
from league.config import LeagueConfig

NAMESPACE = "league"
"""Ray namespace of all our actors."""


def spawn_learner(place: Place, name: str, number: int, hardware: Hardware, config: LeagueConfig) -> Any:
    """Start a learner. It holds the GPU itself unless RLlib's learner processes do.

    With a GPU it lands where one is. Whoever needs none, as its runners, Ray keeps off nodes with GPUs while it can.
    """
    return LearnerActor.options(
        name=f"{place.league}/{name}",
        namespace=NAMESPACE,
        num_cpus=hardware.cpus,
        num_gpus=hardware.gpus if config.learning.num_learners == 0 else 0,
        max_restarts=-1,
    ).remote(place, name, number=number, hardware=hardware)


def spawn_match_worker(place: Place, number: int, node: Node, *, cpus: float = 0.0) -> Any:
    """Start a match worker on `node`; when that is gone, so is the worker. Without CPUs, `arena.share` bounds it."""
    return MatchWorkerActor.options(
        name=f"{place.league}/match-{number}",
        namespace=NAMESPACE,
        num_cpus=cpus,
        max_restarts=-1,
        scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False),
    ).remote(place)


def spawn_keeper(place: Place) -> Any:
    """Start the keeper beside the coordinator. Raises `ValueError` where there is one already."""
    return KeeperActor.options(
        name=f"{place.league}/keeper",
        namespace=NAMESPACE,
        num_cpus=0,
        resources={HEAD: 0.001},
        max_restarts=-1,
    ).remote(place)


def spawn_coordinator(actor: Any, place: Place) -> Any:
    """Start the coordinator, an actor class, on the head, whose end it could not outlive anyway.

    It starts everybody else and ends with the process that called this. Raises `ValueError` where there is one already.
    """
    return actor.options(
        name=f"{place.league}/coordinator",
        namespace=NAMESPACE,
        num_cpus=0,
        resources={HEAD: 0.001},
        max_restarts=-1,
        max_concurrency=2,
    ).remote(place)
