"""The nodes of the Ray cluster: what they have, what is free on them, and which version of this project they run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray._private.state import available_resources_per_node
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from league.errors import ClusterError
from league.installation import DISTRIBUTION, version

HEAD = "node:__internal_head__"
"""Resource that Ray gives to the head, and to no other node."""
GROUP = "ray.io/node-group"
"""Label with the name of a node's group. Nodes have it that Ray's autoscaler (v2) knows: of `ray up` and of KubeRay."""
ANSWER_S = 60.0
"""How long a node may take to say which version it has."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node that is alive."""

    id: str
    host: str
    cpus: float
    gpus: float
    head: bool
    grouped: bool
    """Whether an autoscaler knows it."""

    def __str__(self) -> str:
        return f"{self.host} ({self.id[:8]})"


@dataclass(frozen=True, kw_only=True)
class Room:
    """What a league may plan with."""

    cpus: float
    """CPUs of all nodes together."""
    gpus: tuple[float, ...] = ()
    """Of each node: a GPU, or a share of one, is never spread over two nodes."""
    threads: int | None = None
    """Most threads of one process: the CPUs of the largest node; None: all of `cpus`."""


def alive_nodes() -> tuple[Node, ...]:
    """All nodes, the head first, in a fixed order."""
    nodes = [_node(node) for node in ray.nodes() if node["Alive"]]
    return tuple(sorted(nodes, key=lambda node: (not node.head, node.id)))


def _node(node: dict[str, Any]) -> Node:
    resources = node["Resources"]
    return Node(
        id=node["NodeID"],
        host=node["NodeManagerHostname"],
        cpus=float(resources.get("CPU", 0)),
        gpus=float(resources.get("GPU", 0)),
        head=HEAD in resources,
        grouped=GROUP in (node.get("Labels") or {}),
    )


def autoscaled(nodes: Sequence[Node]) -> bool:
    """Whether an autoscaler may bring nodes: the head is one of its own."""
    return any(node.head and node.grouped for node in nodes)


def whole_room(nodes: Sequence[Node]) -> Room:
    """All that the nodes have, whoever uses it."""
    gpus = tuple(node.gpus for node in nodes if node.gpus)
    return Room(cpus=sum(node.cpus for node in nodes), gpus=gpus, threads=_most(nodes))


def free_room(nodes: Sequence[Node], own_cpus: float, own_gpus: Sequence[float]) -> Room:
    """What nobody uses, and what this league uses itself. The cluster's account of it may be a second old."""
    free = available_resources_per_node()
    cpus = sum(free.get(node.id, {}).get("CPU", 0.0) for node in nodes) + own_cpus
    gpus = [free.get(node.id, {}).get("GPU", 0.0) for node in nodes]
    # Shares of the league's own learners, which need not be on one GPU, count as if they were.
    whole, share = divmod(round(sum(own_gpus), 2), 1)
    own = own_gpus if all(gpu >= 1 for gpu in own_gpus) else [*[1.0] * int(whole), share]
    return Room(
        cpus=min(round(cpus, 2), sum(node.cpus for node in nodes)),
        gpus=tuple(round(gpu, 4) for gpu in (*gpus, *own) if gpu),
        threads=_most(nodes),
    )


def _most(nodes: Sequence[Node]) -> int:
    return int(max((node.cpus for node in nodes), default=1))


def match_nodes(nodes: Sequence[Node]) -> list[Node]:
    """Where matches are played: on nodes without GPUs that take work; failing those, on any."""
    working = [node for node in nodes if node.cpus]
    return [node for node in working if not node.gpus] or working or list(nodes)


def project_version() -> str:
    """The installed version of this project."""
    return version()


def _installed() -> Callable[[], str]:
    # A function inside a function travels as code: to a node with another version of this project, or none.
    name = DISTRIBUTION

    def installed() -> str:
        from importlib.metadata import PackageNotFoundError
        from importlib.metadata import version as installed_version

        try:
            return installed_version(name)
        except PackageNotFoundError:
            return "none"

    return installed


def ask_versions(nodes: Sequence[Node]) -> dict[Node, Any]:
    """Ask nodes which version of this project they have; futures."""
    ask = ray.remote(num_cpus=0, max_retries=1)(_installed())
    return {
        node: ask.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False)).remote()
        for node in nodes
    }


def other_versions(asked: dict[Node, Any], timeout_s: float) -> dict[Node, str]:
    """The nodes that answer, within `timeout_s`, that they have another version than this process, each with its own.

    Those that have answered are taken out of `asked`.
    """
    if not asked:
        return {}
    ready, _ = ray.wait(list(asked.values()), num_returns=len(asked), timeout=timeout_s)
    found = {}
    for node in [node for node, answer in asked.items() if answer in ready]:
        with contextlib.suppress(RayError):  # It has gone.
            found[node] = ray.get(asked[node])
        del asked[node]
    return {node: version for node, version in found.items() if version != project_version()}


def check_versions(nodes: Sequence[Node]) -> None:
    """Raise `ClusterError` where a node has another version of this project."""
    others = other_versions(ask_versions(nodes), ANSWER_S)
    if others:
        there = ", ".join(f"node {node} has {version}" for node, version in others.items())
        raise ClusterError(f"this process has league {project_version()}, but {there}: install the same everywhere")
