"""Which machines a league has, asked for in a thread of its own: Ray may take long to answer while its head is away."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

import ray
from ray.exceptions import RayError

from league.cluster.nodes import GROUP, HEAD

EVERY_S: Final = 5.0


def groups(nodes: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Nodes alive by group, of `ray.nodes()`: `head`, or their label, else `gpu` or `cpu`. Groups without any are 0."""
    alive: Counter[str] = Counter()
    for node in nodes:
        resources, label = node["Resources"], node.get("Labels", {}).get(GROUP)
        if HEAD in resources:  # Whatever it is called: KubeRay's is `headgroup`.
            alive["head"] += 1
        elif node["Alive"]:
            alive[label or ("gpu" if resources.get("GPU") else "cpu")] += 1
        elif label is not None:  # A dead node has no resources any more: what it was is known by its label alone.
            alive[label] += 0
    return alive


class Census(threading.Thread):
    """Looks every few seconds, as long as the process lives."""

    def __init__(self) -> None:
        super().__init__(name="census", daemon=True)
        self.alive: Counter[str] = Counter()
        """By group, as seen last; a group that has lost all of its nodes stays with 0."""
        self.start()

    def run(self) -> None:
        """Count the nodes every `EVERY_S` seconds until the process ends."""
        while True:
            with contextlib.suppress(RayError, RuntimeError):
                seen = groups(ray.nodes())
                self.alive = Counter({group: seen[group] for group in [*self.alive, *seen]})
            time.sleep(EVERY_S)
