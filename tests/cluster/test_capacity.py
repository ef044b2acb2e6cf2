"""What leagues ask of the autoscaler, added up. The autoscaler itself is in tests/cluster/test_local_cluster.py."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from league.cluster import capacity as module
from league.cluster.capacity import Capacity, CapacityDesk, Request, feasible
from league.cluster.nodes import Node
from league.cluster.plan import Bundle
from league.config import CapacityConfig

CPU: Bundle = {"CPU": 1.0}
GPU: Bundle = {"CPU": 1.0, "GPU": 1.0}


class Autoscaler:
    """Says of a request whether it can be fulfilled, as autoscaler v2 does: whole, or not at all."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, cpus: int, gpus: int = 100) -> None:
        self.cpus, self.gpus = cpus, gpus
        """So many bundles it can bring, without a GPU and with one."""
        self.requests: list[list[Bundle]] = []
        self.looks = True
        monkeypatch.setattr(module, "_request", self.request)
        monkeypatch.setattr(module, "_answer", self.answer)
        monkeypatch.setattr(module, "RENEW_S", 60.0)

    def request(self, bundles: list[Bundle]) -> int:
        self.requests.append(bundles)
        return len(self.requests)

    def answer(self, version: int) -> bool | None:
        assert version == len(self.requests)
        last = self.requests[-1]
        return last.count(CPU) <= self.cpus and last.count(GPU) <= self.gpus if self.looks else None


async def settled(desk: CapacityDesk, league: str, bundles: list[Bundle]) -> int:
    """What is requested once the desk has asked long enough."""
    for _ in range(40):
        granted = await desk.ask(league, bundles)
    return granted


def test_the_desk_adds_up_what_leagues_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    autoscaler = Autoscaler(monkeypatch, cpus=100)

    async def ask() -> None:
        desk = CapacityDesk()
        assert await desk.ask("red", [GPU, CPU]) == 2
        assert await desk.ask("blue", [CPU, CPU, CPU]) == 5
        assert await desk.ask("blue", [CPU, CPU, CPU]) == 5
        assert await desk.ask("red", []) == 3

    asyncio.run(ask())
    assert autoscaler.requests == [[GPU, CPU], [GPU, CPU, CPU, CPU, CPU], [CPU, CPU, CPU]]


def test_a_new_desk_takes_back_what_another_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    autoscaler = Autoscaler(monkeypatch, cpus=100)
    assert asyncio.run(settled(CapacityDesk(), "red", [])) == 0
    assert autoscaler.requests == [[]]


def test_of_a_request_that_is_too_much_as_much_is_asked_for_as_there_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    autoscaler = Autoscaler(monkeypatch, cpus=3)
    assert asyncio.run(settled(CapacityDesk(), "red", [CPU] * 8)) == 3
    assert [len(request) for request in autoscaler.requests] == [8, 1, 3, 7, 5, 4, 3]


def test_a_league_that_asks_for_the_impossible_starves_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    autoscaler = Autoscaler(monkeypatch, cpus=100, gpus=0)

    async def ask() -> None:
        desk = CapacityDesk()
        assert await settled(desk, "red", [GPU, GPU]) == 0
        assert await settled(desk, "blue", [CPU] * 4) == 4

    asyncio.run(ask())
    assert autoscaler.requests[-1] == [CPU] * 4


def test_what_becomes_possible_is_asked_for_within_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    autoscaler = Autoscaler(monkeypatch, cpus=2, gpus=0)
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(module, "SILENCE_S", 1e6)

    async def ask() -> None:
        desk = CapacityDesk()
        await desk.ask("red", [GPU])
        blue = [CPU] * 8
        assert await settled(desk, "blue", blue) == 2
        asked = len(autoscaler.requests)
        autoscaler.cpus = 5
        assert await settled(desk, "blue", blue) == 2
        assert len(autoscaler.requests) == asked, "not all the time: meanwhile nothing is brought"
        now[0] += module.RETRY_S
        assert await settled(desk, "blue", blue) == 5, "maxReplicas was raised"
        autoscaler.gpus = 1
        now[0] += module.RETRY_S
        assert await settled(desk, "blue", blue) == 6
        autoscaler.cpus = 8
        now[0] += module.RETRY_S
        assert await settled(desk, "blue", blue) == 9
        autoscaler.cpus = autoscaler.gpus = 1
        assert await settled(desk, "blue", blue) == 2, "and what is not possible any more, not"

    asyncio.run(ask())


def test_an_answer_to_an_earlier_request_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    autoscaler = Autoscaler(monkeypatch, cpus=1)
    autoscaler.looks = False
    assert asyncio.run(settled(CapacityDesk(), "red", [CPU] * 8)) == 8
    assert len(autoscaler.requests) == 1


@given(
    wanted=st.dictionaries(st.sampled_from("abcd"), st.integers(1, 60), min_size=1),
    room=st.dictionaries(st.sampled_from("abcd"), st.integers(0, 60)),
)
def test_each_shape_gets_what_there_can_be_of_it(wanted: dict[str, int], room: dict[str, int]) -> None:
    shapes = {name: ((name, 1.0),) for name in "abcd"}
    requests = feasible(Request({shapes[name]: count for name, count in wanted.items()}), Request())
    request = next(requests)
    for _ in range(400):
        request = requests.send(all(request[shapes[name]] <= room.get(name, 0) for name in wanted))
    assert request == Request(
        {shapes[name]: min(count, room.get(name, 0)) for name, count in wanted.items() if room.get(name, 0)}
    )


def test_the_desk_forgets_a_league_that_is_silent_and_ends_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    autoscaler = Autoscaler(monkeypatch, cpus=100)
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
