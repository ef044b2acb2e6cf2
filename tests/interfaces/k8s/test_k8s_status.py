"""`league k8s status`: pods and the league beside each other."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from api_server import ApiServer
from small_cluster import PODS, event, inside
from small_league import Command

from tests.interfaces.cli.test_keys import check


def test_status_shows_pods_and_the_league(deployed: ApiServer, k8s: Command, folder: Path, filled: str) -> None:
    deployed.execs = inside(folder, filled)
    result = k8s("status")
    assert (result.code, result.err) == (0, "")
    first, *lines = result.out.splitlines()
    assert re.search(r"namespace league\s+league", first)
    assert any(re.search(r"league-head-x\s+training\s+Running\s+2/2\s+0", line) for line in lines)
    assert re.search(r"champion\s+main-0\d+", result.out)
    assert re.search(r"group cpu\s+0 workers, 1 to 2", result.out)


def test_status_for_programs(deployed: ApiServer, k8s: Command) -> None:
    deployed.execs = lambda pod, container, command: (0, json.dumps({"asked": [pod, container, *command]}), "")
    event(deployed, "Back-off pulling image")
    found = json.loads(k8s("status", "--json").out)
    assert {pod["name"] for pod in found["pods"]} == set(PODS)
    assert found["ray"] == {"RayCluster": "head ready", "RayJob": "Running", "RayService": "serves, 1 endpoint"}
    assert found["groups"] == [{"group": "cpu", "replicas": 0, "min": 1, "max": 2}]
    asked = ["league-exporter-x", "exporter", "league", "status", "--json", "--events", "5"]
    assert found["league_status"] == {"asked": asked}
    assert found["league_error"] is None
    assert found["warnings"] == ["league-head-x: Back-off pulling image"]
    check({key: value for key, value in found.items() if key != "league_status"})


def test_status_of_a_league_that_cannot_be_asked(deployed: ApiServer, k8s: Command) -> None:
    deployed.execs = lambda pod, container, command: (
        2,
        "",
        "league: no server answers at redis://league-redis:6380/0\n",
    )
    result = k8s("status")
    assert result.code == 0
    assert "cannot be asked: no server answers at redis://league-redis:6380/0" in result.out
    deployed.objects["Pod", "league-exporter-x"]["status"]["phase"] = "Pending"
    assert "no pod of the exporter runs in namespace league: league-exporter-x is Pending" in k8s("status").out


def test_status_says_why_a_pod_does_not_start(deployed: ApiServer, k8s: Command) -> None:
    waiting = {"reason": "ImagePullBackOff", "message": "Back-off pulling image league:0.1.0"}
    head = deployed.objects["Pod", "league-head-x"]["status"]
    head["containerStatuses"][0] |= {"ready": False, "state": {"waiting": waiting}}
    worker = deployed.objects["Pod", "league-cpu-worker-x"]["status"]
    blocked = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "Insufficient cpu"}
    worker |= {"phase": "Pending", "conditions": [blocked], "containerStatuses": []}
    out = k8s("status").out
    assert "league-head-x  ImagePullBackOff: Back-off pulling image league:0.1.0" in out
    assert "league-cpu-worker-x  Unschedulable: Insufficient cpu" in out


@pytest.mark.parametrize("ahead_s", [-3600, -30, 11, 3600])
def test_the_age_of_pods_and_warnings_is_by_the_clock_of_the_server(
    ahead_s: float, deployed: ApiServer, k8s: Command
) -> None:
    deployed.ahead = timedelta(seconds=ahead_s)
    for pod in PODS:
        made = deployed.now() - timedelta(seconds=90)
        deployed.objects["Pod", pod]["metadata"]["creationTimestamp"] = made.strftime("%Y-%m-%dT%H:%M:%SZ")
    event(deployed, "of this minute", age_s=30)
    event(deployed, "long ago", age_s=900)
    found = json.loads(k8s("status", "--json").out)
    assert found["warnings"] == ["league-head-x: of this minute"]
    for pod in found["pods"]:
        assert 87 < pod["age_s"] < 110
