"""Sharing a cluster among learners: arithmetic only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from league.cluster.nodes import Node, Room, free_room, match_nodes, whole_room
from league.cluster.plan import Hardware, bounded, plan_hardware
from tests.actors.small_runs import small


@pytest.mark.parametrize(
    ("learners", "cpus", "at_once", "threads"), [(1, 2, 1, 2), (2, 2, 2, 1), (3, 2, 2, 1), (3, 1, 1, 1), (2, 8, 2, 4)]
)
def test_learners_share_the_cpus_or_take_turns(learners: int, cpus: int, at_once: int, threads: int) -> None:
    plan = plan_hardware(small(f"roles.main.count={learners}"), Room(cpus=cpus))
    assert (plan.learners, plan.hardware.at_once, plan.hardware.threads) == (learners, at_once, threads)
    assert 0 < learners * plan.hardware.cpus <= cpus
    assert plan.hardware.cpus <= 1
    assert (plan.missing is None) == (at_once == learners)


def test_learners_get_whole_gpus_or_share_one() -> None:
    def gpus(gpus: tuple[float, ...], *settings: str) -> float:
        return plan_hardware(small(*settings), Room(cpus=16, gpus=gpus)).hardware.gpus

    assert gpus(()) == 0
    assert gpus((1,)) == 1
    assert gpus((1,), "roles.main.count=2") == 0.5
    assert gpus((1, 1), "roles.main.count=3") == 0.5, "three learners on two GPUs: nobody has two thirds of two"
    assert gpus((1, 1), "learning.num_learners=2") == 1
    assert gpus((1,), "learning.num_learners=2") == 0
    assert gpus((4,), "learning.gpus=0.25") == 0.25


@pytest.mark.parametrize(
    ("kind", "batched", "settings", "cpus", "runners"),
    [
        ("mlp", True, [], 16, 2),
        ("mlp", True, [], 7, 0),
        ("mlp", False, [], 16, 2),
        ("mlp", False, [], 2, 1),
        ("mlp", False, [], 1, 0),
        ("tables", True, [], 8, 2),
        ("tables", True, [], 2, 1),
        ("tables", True, [], 1, 0),
        ("tables", False, [], 2, 1),
        ("tables", True, ["roles.main.count=2"], 2, 0),
        ("mlp", False, ["roles.main.count=2"], 2, 0),
        ("tables", True, ["learning.num_learners=1"], 2, 0),
        ("tables", True, ["learning.num_learners=1"], 3, 1),
    ],
)
def test_runners_by_themselves(kind: str, batched: bool, settings: list[str], cpus: float, runners: int) -> None:
    config = small("rollout.runners=auto", f"network.kind={kind}", *settings)
    plan = plan_hardware(config, Room(cpus=cpus), batched=batched)
    assert (plan.hardware.runners, plan.missing) == (runners, None)


@pytest.mark.parametrize(
    ("settings", "room", "learners", "runners", "missing"),
    [
        (["rollout.runners=8"], Room(cpus=3), 1, 2, "asks for 9 CPUs and 0 GPUs, has 3 and 0: 2 of 8 runners each"),
        (
            ["learning.gpus=1", "roles.main.count=3"],
            Room(cpus=8, gpus=(1, 1)),
            2,
            0,
            "asks for 3 CPUs and 3 GPUs, has 8 and 2: 2 of 3 learners train",
        ),
        (
            ["learning.gpus=0.6", "roles.main.count=3"],
            Room(cpus=8, gpus=(1, 1)),
            2,
            0,
            "asks for 3 CPUs and 1.8 GPUs, has 8 and 2: 2 of 3 learners train",
        ),
        (
            ["learning.num_learners=2", "roles.main.count=2"],
            Room(cpus=4),
            1,
            0,
            "asks for 6 CPUs and 0 GPUs, has 4 and 0: 1 of 2 learners train",
        ),
        (["learning.gpus=1"], Room(cpus=2), 0, 0, "asks for 1 CPUs and 1 GPUs, has 2 and 0: 0 of 1 learners train"),
        ([], Room(cpus=0), 0, 0, "asks for 1 CPUs and 0 GPUs, has 0 and 0: 0 of 1 learners train"),
        (["rollout.runners=2"], Room(cpus=3), 1, 2, None),
        (
            ["learning.num_learners=4", "rollout.runners=0"],
            Room(cpus=8, gpus=(2,)),
            1,
            0,
            "4 learner processes, 2 GPUs: they learn on the CPU",
        ),
        (["learning.num_learners=4", "rollout.runners=0", "learning.gpus=0"], Room(cpus=8, gpus=(2,)), 1, 0, None),
        (["learning.num_learners=2", "rollout.runners=0"], Room(cpus=8, gpus=(2,)), 1, 0, None),
    ],
)
def test_says_what_is_missing_and_takes_what_is_there(
    settings: list[str], room: Room, learners: int, runners: int, missing: str | None
) -> None:
    plan = plan_hardware(small(*settings), room)
    assert (plan.learners, plan.hardware.runners, plan.missing) == (learners, runners, missing)


@given(
    cpus=st.floats(0, 64).map(lambda cpus: round(cpus, 2)),
    gpus=st.lists(st.sampled_from([0.5, 1.0, 2.0, 8.0]), max_size=4),
    learners=st.integers(1, 5),
    runners=st.integers(0, 20),
    processes=st.integers(0, 3),
    each=st.sampled_from(["auto", "0", "0.25", "1"]),
)
def test_never_gives_out_more_than_there_is(
    cpus: float, gpus: list[float], learners: int, runners: int, processes: int, each: str
) -> None:
    config = small(
        f"roles.main.count={learners}",
        f"rollout.runners={runners}",
        f"learning.num_learners={processes}",
        f"learning.gpus={each}",
    )
    plan = plan_hardware(config, Room(cpus=cpus, gpus=tuple(gpus)))
    hardware, stepping = plan.hardware, processes if not plan.hardware.gpus else 0
    assert plan.learners * (hardware.cpus + hardware.runners + stepping) <= cpus + 1e-6
    assert plan.learners * max(processes, 1) * hardware.gpus <= sum(gpus) + 1e-6
    assert 0 <= hardware.runners <= runners
    assert hardware.at_once <= plan.learners <= learners
    assert (hardware.at_once > 0) == (plan.learners > 0)
    idle = each == "auto" and not hardware.gpus and bool(gpus)
    full = hardware.at_once == learners and hardware.runners == runners and not idle
    assert (plan.missing is None) == full


def test_a_request_stays_within_its_bounds() -> None:
    plan = plan_hardware(
        small("learning.gpus=1", "roles.main.count=2", "rollout.runners=2"), Room(cpus=32, gpus=(1, 1))
    )
    assert len(plan.bundles) == 6
    assert bounded(plan.bundles, None, None) == list(plan.bundles)
    assert bounded(plan.bundles, 4, 1) == [{"CPU": 1, "GPU": 1}, {"CPU": 1}, {"CPU": 1}, {"CPU": 1}]
    assert bounded(plan.bundles, 0, None) == []


def test_matches_are_played_away_from_gpus_and_from_a_head_that_takes_no_work() -> None:
    def node(name: str, cpus: float, gpus: float = 0) -> Node:
        return Node(id=name, host=name, cpus=cpus, gpus=gpus, head=name == "head", grouped=False)

    head, cpu, gpu = node("head", 0), node("cpu", 4), node("gpu", 8, 1)
    assert match_nodes([head, cpu, gpu]) == [cpu]
    assert match_nodes([head, gpu]) == [gpu]
    assert match_nodes([head]) == [head]
    assert whole_room([head, cpu, gpu]) == Room(cpus=12, gpus=(1,), threads=8)


def test_shares_of_a_gpu_that_learners_hold_count_as_the_gpu_that_they_share(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node(id="gpu", host="gpu", cpus=8, gpus=1, head=False, grouped=False)
    monkeypatch.setattr("league.cluster.nodes.available_resources_per_node", lambda: {"gpu": {"CPU": 5, "GPU": 0.0001}})
    room = free_room([node], own_cpus=3, own_gpus=[0.3333] * 3)
    assert room.cpus == 8
    assert 1.0 in room.gpus


@pytest.mark.parametrize(
    ("settings", "gpus", "runners", "share"),
    [
        (["rollout.runners=4", "rollout.gpus=0.25", "learning.gpus=1"], (2.0,), 4, 0.25),
        (["rollout.runners=4", "rollout.gpus=0.25", "learning.gpus=1"], (1.0,), 0, 0.25),
        (["rollout.runners=8", "rollout.gpus=0.4", "learning.gpus=0"], (2.0,), 4, 0.4),
        (["rollout.runners=8", "rollout.gpus=0.4", "learning.gpus=0.7"], (1.0, 1.0), 2, 0.4),
        (["rollout.runners=4", "learning.gpus=1"], (1.0,), 4, 0.0),
    ],
)
def test_runners_share_what_gpus_the_learners_leave(
    settings: list[str], gpus: tuple[float, ...], runners: int, share: float
) -> None:
    """A share is of one GPU: of two GPUs, 0.4 is there four times, not five."""
    plan = plan_hardware(small(*settings), Room(cpus=16, gpus=gpus))
    assert (plan.hardware.runners, plan.hardware.runner_gpus) == (runners, share)
    assert (plan.missing is None) == (runners == int(settings[0].split("=")[1]))
    ours = [bundle for bundle in plan.bundles if bundle.get("GPU") == share]
    assert len(ours) >= int(settings[0].split("=")[1]) if share else not any("GPU" in b for b in plan.bundles[1:])


def test_who_holds_a_gpu() -> None:
    assert Hardware(gpus=1).holds_gpu(0, processes=0)
    assert not Hardware(gpus=1).holds_gpu(0, processes=4), "they hold it"
    assert not Hardware(gpus=1).holds_gpu(3, processes=0)
    assert Hardware(runner_gpus=0.25).holds_gpu(3, processes=4)
    assert not Hardware().holds_gpu(0, processes=0)
