"""What each learner gets, of what the cluster has: pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from league.cluster.nodes import Room
from league.config import LeagueConfig
from league.config.auto import AUTO_RUNNERS, RUNNER_FROM_CPUS, RUNNERS_FROM_CPUS

TINY = 1e-6
"""Shares of a GPU are rounded."""

Bundle = Mapping[str, float]
"""Resources that one actor needs, on one node."""


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """What a learner may use, resolved against the cluster."""

    cpus: float = 1.0
    """CPUs that it asks Ray for: less than one where learners take turns."""
    at_once: int = 1
    """How many learners of the league train at the same time."""
    threads: int = 1
    """Most threads for its gradient steps."""
    runners: int = 0
    """Runner processes beside the learner; 0 plays inside it."""
    gpus: float = 0.0
    """GPUs for each learner process."""
    runner_gpus: float = 0.0
    """Share of a GPU for each runner process."""

    def holds_gpu(self, runner: int, processes: int) -> bool:
        """Whether Ray gives a GPU to the process of a runner; number 0 plays inside the learner.

        A learner with learner `processes` of its own leaves the GPUs to them.
        """
        return bool(self.runner_gpus if runner else self.gpus and not processes)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Who trains, and with what."""

    learners: int
    """So many of the league's learners have a place, the first ones; 0: none."""
    hardware: Hardware
    """What each learner that has a place gets."""
    missing: str | None
    """What the league asks for and cannot have, in one line."""
    bundles: tuple[Bundle, ...]
    """What all learners would use at full size."""


def plan_hardware(config: LeagueConfig, room: Room, *, batched: bool = True) -> Plan:
    """Share `room` among the learners of a league; not `batched`: its game goes through an adapter.

    Each learner takes one CPU, its runners and learner processes one each beside it. Where there are too few, there are
    fewer runners; then learners take turns, as many at once as there are CPUs left; then there are fewer learners.
    """
    learning, learners = config.learning, len(config.learners())
    processes = max(learning.num_learners, 1)
    gpus = _gpus_each(config, room)
    stepping = round(_cpus(footprint(config, Hardware(gpus=gpus))) - 1)
    runners = config.rollout.runners
    if runners is None:
        runners = _auto_runners(config, room.cpus / learners - stepping, batched)
    free = _units(room)
    placed = learners if not gpus else min(learners, _take(free, gpus, learners * processes) // processes)
    if stepping:
        placed = min(placed, max(0, int((room.cpus - 1) // stepping)))
    if room.cpus < 1:
        placed = 0
    there = min(runners, int((room.cpus - 1 - placed * stepping) // placed)) if placed else 0
    share = config.rollout.gpus if there else 0.0
    if share:
        there = _take(free, share, placed * there) // placed
    left = room.cpus - placed * (there + stepping)
    at_once = min(placed, int(left))
    beside = there + stepping
    threads = min(int(room.cpus / at_once) - beside, room.threads or math.ceil(room.cpus)) if at_once else 1
    hardware = Hardware(
        runners=there,
        gpus=gpus,
        runner_gpus=share,
        cpus=min(1.0, math.floor(100 * left / placed) / 100) if placed else 1.0,
        at_once=at_once,
        threads=max(1, threads) if learning.num_learners == 0 else 1,
    )
    asks = learners * (1 + runners + stepping), learners * (processes * gpus + runners * config.rollout.gpus)
    has = f"asks for {asks[0]:g} CPUs and {asks[1]:g} GPUs, has {room.cpus:g} and {sum(room.gpus):g}"
    missing = None
    if at_once < learners or there < runners:
        missing = f"{has}: {_consequence(learners, placed, at_once, runners, there)}"
    elif learning.gpus is None and not gpus and sum(room.gpus) > TINY:
        missing = f"{learners * processes} learner processes, {sum(room.gpus):g} GPUs: they learn on the CPU"
    return Plan(
        learners=placed,
        hardware=hardware,
        missing=missing,
        bundles=footprint(config, Hardware(gpus=gpus, runners=runners, runner_gpus=config.rollout.gpus)) * learners,
    )


def _auto_runners(config: LeagueConfig, cpus: float, batched: bool) -> int:
    """Runners of each learner, with so many CPUs for it and them.

    A second thread makes neither the small products of tables faster nor an environment, so a second core plays.
    """
    if cpus >= RUNNERS_FROM_CPUS:
        return AUTO_RUNNERS
    return int((config.network.kind == "tables" or not batched) and cpus >= RUNNER_FROM_CPUS)


def least(config: LeagueConfig) -> tuple[float, float]:
    """CPUs and GPUs without which not one learner can train."""
    bundles = footprint(config, Hardware(gpus=config.learning.gpus or 0.0))
    return _cpus(bundles), sum(bundle.get("GPU", 0.0) for bundle in bundles)


def footprint(config: LeagueConfig, hardware: Hardware) -> tuple[Bundle, ...]:
    """What one learner asks Ray for, with its learner processes and its runners.

    One that learns in processes of its own leaves them the GPUs; RLlib gives each of them a GPU or a CPU, never both.
    """
    gpus, processes = {"GPU": hardware.gpus} if hardware.gpus else {}, config.learning.num_learners
    learner = {"CPU": hardware.cpus} | ({} if processes else gpus)
    runner = {"CPU": 1.0} | ({"GPU": hardware.runner_gpus} if hardware.runner_gpus else {})
    return (learner, *[gpus or {"CPU": 1.0}] * processes, *[runner] * hardware.runners)


def _cpus(bundles: Sequence[Bundle]) -> float:
    return sum(bundle.get("CPU", 0.0) for bundle in bundles)


def _gpus_each(config: LeagueConfig, room: Room) -> float:
    """GPUs of each learner process."""
    if config.learning.gpus is not None:
        return config.learning.gpus
    learners, processes = len(config.learners()), max(config.learning.num_learners, 1)
    # Whole GPUs where there are enough; else learners share one, but never processes that step together.
    whole = _take(_units(room), 1.0, learners * processes)
    if whole >= learners * processes:
        return 1.0
    if processes > 1 or not whole:
        return 0.0
    return math.floor(10_000 / math.ceil(learners / whole)) / 10_000


def _units(room: Room) -> list[list[float]]:
    """What is free of every single GPU, by node."""
    return [[1.0] * int(node + TINY) + [part] * (part > TINY) for node in room.gpus for part in (node % 1,)]


def _take(nodes: list[list[float]], gpus: float, most: int) -> int:
    """Take so many GPUs, or such a share of one, up to `most` times from what is free; returns how often it was there.

    As Ray does, a share is of one GPU, and several are whole ones of one node.
    """
    taken = 0
    for free in nodes:
        while taken < most:
            fitting = sorted(unit for unit in free if unit > min(gpus, 1.0) - TINY)[: math.ceil(gpus - TINY)]
            if len(fitting) < gpus - TINY:
                break
            for unit in fitting:
                free.remove(unit)
                free.append(unit - min(gpus, 1.0))
            taken += 1
    return taken


def _consequence(learners: int, placed: int, at_once: int, runners: int, there: int) -> str:
    said = []
    if placed < learners:
        said.append(f"{placed} of {learners} learners train")
    if at_once < placed:
        said.append(f"learners take turns, {at_once} at once")
    if placed and there < runners:
        said.append(f"{there} of {runners} runners each")
    return ", ".join(said)


def bounded(bundles: Sequence[Bundle], max_cpus: int | None, max_gpus: int | None) -> list[Bundle]:
    """The first of the bundles that together stay within the bounds; None: no bound."""
    kept: list[Bundle] = []
    cpus = gpus = 0.0
    for bundle in bundles:
        more_cpus, more_gpus = cpus + bundle.get("CPU", 0.0), gpus + bundle.get("GPU", 0.0)
        if (max_cpus is None or more_cpus <= max_cpus) and (max_gpus is None or more_gpus <= max_gpus + TINY):
            kept.append(bundle)
            cpus, gpus = more_cpus, more_gpus
    return kept
