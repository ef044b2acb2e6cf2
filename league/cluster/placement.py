"""When a league's learners start, move and wait, as nodes come and go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from league.cluster.nodes import (
    Node,
    Room,
    alive_nodes,
    ask_versions,
    autoscaled,
    free_room,
    other_versions,
    project_version,
    whole_room,
)
from league.cluster.plan import Hardware, Plan, footprint, plan_hardware
from league.config import LeagueConfig
from league.every import Every

REVIEW_S = 2.0
SETTLE_S = 5.0
"""More room must have been there for so long before a learner is moved for it: nodes come in groups."""


L = TypeVar("L", bound="Placed")


class Placed(Protocol):
    """What is known of a learner here."""

    hardware: Hardware | None
    """That it was started with; None: it waits for a place."""
    ready: bool


class Placement:
    """Reviews the cluster now and then: who has a place, and what is missing."""

    def __init__(self, config: LeagueConfig, *, batched: bool) -> None:
        self.config, self.batched = config, batched
        self.nodes: tuple[Node, ...] = ()
        self.strangers: dict[Node, str] = {}
        """Nodes with another version of this project; they are not planned with."""
        self.plan: Plan | None = None
        self._asked: dict[Node, Any] = {}
        self._told: set[Node] = set()
        self._reviewing = Every(REVIEW_S, at_once=True)
        self._better: Every | None = None
        """Since more room than learners have has been there."""

    @property
    def autoscaled(self) -> bool:
        """Whether nodes may be asked for."""
        return autoscaled(self.nodes)

    def review(self, learners: Sequence[Placed]) -> Plan | None:
        """The plan for the cluster as it is now; None while the next review is not due."""
        if not self._reviewing.claim():
            return None
        self._look()
        known = [node for node in self.nodes if node not in self.strangers]
        held = [
            bundle
            for learner in learners
            if learner.hardware is not None and learner.ready
            for bundle in footprint(self.config, learner.hardware)
        ]
        starting = any(learner.hardware is not None and not learner.ready for learner in learners)
        if starting and self.plan is not None:  # What they hold, and whether they hold it yet, nobody knows.
            return self._lost_room(known)
        cpus = sum(bundle.get("CPU", 0.0) for bundle in held)
        gpus = [bundle["GPU"] for bundle in held if "GPU" in bundle]
        self.plan = self._planned(free_room(known, cpus, gpus))
        return self.plan

    def _planned(self, room: Room) -> Plan:
        return plan_hardware(self.config, room, batched=self.batched)

    def _lost_room(self, nodes: Sequence[Node]) -> Plan | None:
        """While learners start: the present plan, unless what is left could never hold it."""
        plan = self._planned(whole_room(nodes))
        assert self.plan is not None
        now, before = plan.hardware, self.plan.hardware
        if plan.learners < self.plan.learners or now.gpus < before.gpus or now.runners < before.runners:
            self.plan = plan
        return self.plan

    def _look(self) -> None:
        nodes = alive_nodes()
        if self.nodes:  # Those of the beginning have been asked by whoever started the league.
            self._asked.update(ask_versions([node for node in nodes if node not in self.nodes]))
        self.strangers.update(other_versions(self._asked, timeout_s=0))
        self.strangers = {node: version for node, version in self.strangers.items() if node in nodes}
        self.nodes = nodes

    def new_strangers(self) -> list[str]:
        """A line for each node with another version that has not been told of before: why it is left out."""
        new = [(node, version) for node, version in self.strangers.items() if node not in self._told]
        self._told.update(self.strangers)
        text = "node {} has league {}, not {}: it is not planned with"
        return [text.format(node, version, project_version()) for node, version in new]

    def movers(self, learners: Sequence[L]) -> list[L]:
        """Learners that train and should be started again, with what the plan gives; to be asked at every review."""
        assert self.plan is not None
        offer = self.plan.hardware
        better = [
            learner
            for learner in learners[: self.plan.learners]
            if learner.ready
            and learner.hardware is not None
            and (offer.runners > learner.hardware.runners or offer.gpus > learner.hardware.gpus + 0.01)
        ]
        self._better = (self._better or Every(SETTLE_S)) if better else None
        return better if self._better is not None and self._better.due else []
