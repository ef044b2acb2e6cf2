"""Asking Ray's autoscaler for what the leagues of a cluster need, and taking it back.

Ray keeps one request for the whole cluster, which the next one overwrites, and which outlives whoever made it. So one
desk per cluster adds up what each league asks for, and forgets a league that has gone silent.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Generator, Sequence
from typing import Any, Never

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from league.cluster.nodes import Node
from league.cluster.plan import Bundle, bounded
from league.config import CapacityConfig
from league.every import Every

DESK = "capacity"
RENEW_S = 3.0
SILENCE_S = 20.0
"""A league that has not renewed its request for so long is gone."""
RETRY_S = 60.0
"""So often all that is wanted is requested again where only a part was feasible: somebody may have raised a bound."""

Request = Counter[tuple[tuple[str, float], ...]]
"""How many bundles of each shape. To Ray it is one whole: whose bundle is whose does not matter."""


def feasible(wanted: Request, kept: Request) -> Generator[Request, bool, Never]:
    """What to request next, for ever, as the autoscaler can bring it; to be sent of each request whether it can.

    An autoscaler (v2) brings nothing for a request that it cannot fulfil whole, and does not say what is wrong with it.
    So where `wanted` is too much, a part of it that was feasible, `kept`, grows shape by shape.
    """
    while True:
        kept = wanted if (yield wanted) else (yield from _grown(kept, wanted))
        retrying = Every(RETRY_S)
        while kept == wanted or not retrying.due:
            if not (yield kept):
                kept = Request()
                break


def _grown(kept: Request, wanted: Request) -> Generator[Request, bool, Request]:
    """The shapes take turns, so that each has got a bundle before another has got many."""
    steps = dict.fromkeys(wanted, 1)
    while steps:
        for shape, step in list(steps.items()):
            more = kept + Request({shape: min(step, wanted[shape] - kept[shape])})
            if more != kept and (yield more):
                kept, steps[shape] = more, 2 * step
            elif more != kept and step > 1:
                steps[shape] = step // 2
            else:
                del steps[shape]
    return kept


class CapacityDesk:
    """One per cluster, detached; ends itself when no league asks any more."""

    def __init__(self) -> None:
        self._asked: dict[str, tuple[list[Bundle], float]] = {}
        self._wanted = Request()
        self._requests = feasible(Request(), Request())
        self._requested: Request | None = None
        """None: whatever an earlier desk has left."""
        self._version = 0
        """Of the autoscaler's view of the cluster, from which on it knows the present request."""
        self._settling = asyncio.Lock()
        self._watch: asyncio.Task[None] | None = None

    async def ask(self, league: str, bundles: list[Bundle]) -> int:
        """Ask for `bundles` until told otherwise, or silent; how many bundles of all leagues are requested now."""
        self._asked[league] = bundles, time.monotonic()
        if self._watch is None:
            self._watch = asyncio.create_task(self._keep())
        return (await self._settle()).total()

    async def _keep(self) -> None:
        while self._asked:
            await asyncio.sleep(RENEW_S)
            now = time.monotonic()
            self._asked = {k: (what, at) for k, (what, at) in self._asked.items() if now - at < SILENCE_S}
            await self._settle()
        ray.kill(ray.get_runtime_context().current_actor)

    async def _settle(self) -> Request:
        """Bring the request in line with what is asked for, and with what the autoscaler can bring: what it is now."""
        async with self._settling:  # Each answer is about one request.
            wanted = Request(tuple(bundle.items()) for bundles, _ in self._asked.values() for bundle in bundles)
            if self._requested is None or wanted != self._wanted:
                self._wanted, self._requests = wanted, feasible(wanted, (self._requested or Request()) & wanted)
                request = next(self._requests)
            else:
                answer = await asyncio.to_thread(_answer, self._version)
                request = self._requested if answer is None else self._requests.send(answer)
            if request != self._requested:
                self._version = await asyncio.to_thread(_request, [dict(shape) for shape in request.elements()])
                self._requested = request
            return request


def _request(bundles: list[Bundle]) -> int:
    """Replace the request; the version of the cluster's state that has it."""
    from ray.autoscaler.sdk import request_resources

    request_resources(bundles=bundles)
    return int(_status().cluster_resource_state.cluster_resource_state_version)


def _answer(version: int) -> bool | None:
    """Whether the autoscaler can fulfil the request, which that version has; None: it has not looked at it yet."""
    state = _status().autoscaling_state
    if state.last_seen_cluster_resource_state_version < version:
        return None
    return not state.infeasible_cluster_resource_constraints


def _status() -> Any:
    from ray._raylet import GcsClient  # type: ignore[attr-defined]
    from ray.core.generated.autoscaler_pb2 import GetClusterStatusReply

    reply = GetClusterStatusReply()
    reply.ParseFromString(GcsClient(address=ray.get_runtime_context().gcs_address).get_cluster_status())
    return reply


CapacityDeskActor = ray.remote(CapacityDesk)


class Capacity:
    """What one league asks for: at once when it needs more, after a while when it needs less."""

    def __init__(self, league: str, config: CapacityConfig) -> None:
        self.league = league
        self.config = config
        self._asked: list[Bundle] = []
        self._enough = Every(config.idle_s)
        """Since less was needed than is asked for."""
        self._renewing = Every(RENEW_S)
        self._answer: Any = None

    def want(self, bundles: Sequence[Bundle], nodes: Sequence[Node]) -> None:
        """Ask for `bundles`, within the configured bounds. To be called often; does nothing until something is due."""
        wanted = bounded(bundles, self.config.max_cpus, self.config.max_gpus)
        if len(wanted) >= len(self._asked):
            self._enough.begin()
        elif not self._enough.due:
            wanted = self._asked
        if wanted != self._asked or (wanted and self._renewing.due):
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
        self._asked = bundles
        self._renewing.begin()
