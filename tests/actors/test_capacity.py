"""What leagues ask of the autoscaler, added up. The autoscaler itself is in tests/cluster/test_local_cluster.py."""

import asyncio
from collections.abc import Sequence

import pytest

from league.actors import capacity as module
from league.actors.capacity import Capacity, CapacityDesk
from league.actors.nodes import Node
from league.actors.plan import Bundle
from league.config import CapacityConfig

CPU: Bundle = {"CPU": 1.0}
GPU: Bundle = {"CPU": 1.0, "GPU": 1.0}


class Autoscaler:
    """Says of a request whether it can be fulfilled, as autoscaler v2 does: whole, or not at all."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self.requests: list[list[Bundle]] = []
        monkeypatch.setattr(module, "_request", lambda bundles: self.requests.append(list(bundles)))
        monkeypatch.setattr(module, "_infeasible", lambda count: count == len(self.requests[-1]) > room)


def test_the_desk_adds_up_what_leagues_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    autoscaler = Autoscaler(monkeypatch, room=100)
    monkeypatch.setattr(module, "RENEW_S", 60.0)

    async def ask() -> None:
        desk = CapacityDesk()
        assert await desk.ask("red", [GPU, CPU]) == 2
        assert await desk.ask("blue", [CPU, CPU, CPU]) == 5
        assert await desk.ask("blue", [CPU, CPU, CPU]) == 5
        assert await desk.ask("red", []) == 3

    asyncio.run(ask())
    assert autoscaler.requests == [[GPU, CPU], [GPU, CPU, CPU, CPU, CPU], [CPU, CPU, CPU]]


def test_a_request_that_is_too_much_is_cut_until_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    autoscaler = Autoscaler(monkeypatch, room=3)
    monkeypatch.setattr(module, "RENEW_S", 60.0)

    async def ask() -> int:
        desk = CapacityDesk()
        for _ in range(9):
            granted = await desk.ask("red", [CPU] * 8)
        return granted

    assert asyncio.run(ask()) == 3
    assert [len(request) for request in autoscaler.requests] == [8, 6, 4, 3]


def test_the_desk_forgets_a_league_that_is_silent_and_ends_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    autoscaler = Autoscaler(monkeypatch, room=100)
    monkeypatch.setattr(module, "RENEW_S", 0.01)
    monkeypatch.setattr(module, "SILENCE_S", 0.05)
    killed: list[object] = []
    monkeypatch.setattr(module.ray, "kill", killed.append)
    monkeypatch.setattr(module.ray, "get_runtime_context", lambda: type("Context", (), {"current_actor": "itself"}))

    async def ask() -> None:
        desk = CapacityDesk()
        await desk.ask("red", [CPU, CPU])
        assert desk._watch is not None
        await asyncio.wait_for(desk._watch, timeout=30)

    asyncio.run(ask())
    assert autoscaler.requests == [[CPU, CPU], []]
    assert killed == ["itself"]


def test_a_league_asks_for_more_at_once_and_for_less_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[list[Bundle]] = []

    def tell(self: Capacity, bundles: list[Bundle], nodes: Sequence[Node]) -> None:
        told.append(bundles)
        self._asked, self._renewed_at = bundles, now[0]

    now = [1000.0]
    monkeypatch.setattr(Capacity, "_tell", tell)
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    capacity = Capacity("red", CapacityConfig(max_cpus=3, idle_s=30.0))
    capacity.want([CPU] * 2, [])
    capacity.want([CPU] * 8, [])
    assert told == [[CPU] * 2, [CPU] * 3], "within its bounds"
    now[0] += 1
    capacity.want([CPU], [])
    assert len(told) == 2
    now[0] += 10
    capacity.want([CPU], [])
    assert told[2:] == [[CPU] * 3], "renewed, so that the desk does not forget it"
    now[0] += 20
    capacity.want([CPU], [])
    assert told[3:] == [[CPU]]
    capacity.want([], [])
    now[0] += 31
    capacity.want([], [])
    assert told[-1] == []
    now[0] += 100
    capacity.want([], [])
    assert told.count([]) == 1, "who asks for nothing need not renew it"
