"""Asking Ray's autoscaler for what the leagues of a cluster need, and taking it back.

Ray keeps one request for the whole cluster, which the next one overwrites, and which outlives whoever made it. So one
desk per cluster adds up what each league asks for, and forgets a league that has gone silent.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from league.actors.nodes import Node
from league.actors.plan import Bundle, bounded
from league.config import CapacityConfig

DESK = "capacity"
RENEW_S = 3.0
SILENCE_S = 20.0
"""A league that has not renewed its request for so long is gone."""
TOO_MUCH = 0.75
"""An autoscaler (v2) brings nothing for a request that it cannot fulfil whole: it is cut to this share until it can."""


class CapacityDesk:
    """One per cluster, detached; ends itself when no league asks any more."""

    def __init__(self) -> None:
        self._asked: dict[str, tuple[list[Bundle], float]] = {}
        self._wanted: list[Bundle] = []
        self._granted = 0
        """So many of the wanted bundles are requested."""
        self._watch: asyncio.Task[None] | None = None

    async def ask(self, league: str, bundles: list[Bundle]) -> int:
        """Ask for `bundles` until told otherwise, or silent; how many bundles of all leagues are requested now."""
        self._asked[league] = bundles, time.monotonic()
        if self._watch is None:
            self._watch = asyncio.create_task(self._keep())
        await self._settle()
        return self._granted

    async def _keep(self) -> None:
        while self._asked:
            await asyncio.sleep(RENEW_S)
            now = time.monotonic()
            self._asked = {k: (what, at) for k, (what, at) in self._asked.items() if now - at < SILENCE_S}
            await self._settle()
        ray.kill(ray.get_runtime_context().current_actor)

    async def _settle(self) -> None:
        """Bring the request in line with what is asked for, and with what the autoscaler can bring."""
        # In turn, so that what is cut off is not all of one league.
        turns = itertools.zip_longest(*(bundles for bundles, _ in self._asked.values()))
        wanted = [bundle for turn in turns for bundle in turn if bundle is not None]
        if wanted != self._wanted:
            self._wanted, self._granted = wanted, len(wanted)
        elif self._granted and await asyncio.to_thread(_infeasible, self._granted):
            self._granted = int(TOO_MUCH * self._granted)
        else:
            return
        await asyncio.to_thread(_request, self._wanted[: self._granted])


def _request(bundles: Sequence[Bundle]) -> None:
    from ray.autoscaler.sdk import request_resources

    request_resources(bundles=[dict(bundle) for bundle in bundles])


def _infeasible(count: int) -> bool:
    """Whether the autoscaler says that it cannot fulfil the present request of `count` bundles."""
    from ray._raylet import GcsClient  # type: ignore[attr-defined]
    from ray.core.generated.autoscaler_pb2 import GetClusterStatusReply

    reply = GetClusterStatusReply()
    reply.ParseFromString(GcsClient(address=ray.get_runtime_context().gcs_address).get_cluster_status())
    constraints = reply.autoscaling_state.infeasible_cluster_resource_constraints
    refused = [sum(request.count for request in constraint.resource_requests) for constraint in constraints]
    return count in refused  # Its answer may still be to an earlier request.


CapacityDeskActor = ray.remote(CapacityDesk)


class Capacity:
    """What one league asks for: at once when it needs more, after a while when it needs less."""

    def __init__(self, league: str, config: CapacityConfig) -> None:
        self.league = league
        self.config = config
        self._asked: list[Bundle] = []
        self._enough_since = time.monotonic()
        self._renewed_at = 0.0
        self._answer: Any = None

    def want(self, bundles: Sequence[Bundle], nodes: Sequence[Node]) -> None:
        """Ask for `bundles`, within the configured bounds. To be called often; does nothing until something is due."""
        wanted, now = bounded(bundles, self.config.max_cpus, self.config.max_gpus), time.monotonic()
        if len(wanted) >= len(self._asked):
            self._enough_since = now
        elif now - self._enough_since < self.config.idle_s:
            wanted = self._asked
        if wanted != self._asked or (wanted and now - self._renewed_at >= RENEW_S):
            self._tell(wanted, nodes)

    def take_back(self, nodes: Sequence[Node]) -> None:
        """Ask for nothing any more, at once."""
        if self._asked:
            self._tell([], nodes)
            ray.wait([self._answer], timeout=RENEW_S)

    def _tell(self, bundles: list[Bundle], nodes: Sequence[Node]) -> None:
        """Not waited for: should the desk have died just now, the next renewal finds a new one."""
        head = next(node for node in nodes if node.head)
        desk = CapacityDeskActor.options(
            name=DESK,
            namespace="league",
            get_if_exists=True,
            lifetime="detached",
            num_cpus=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(head.id, soft=True),
        ).remote()
        self._answer = desk.ask.remote(self.league, bundles)
        self._asked, self._renewed_at = bundles, time.monotonic()
