"""`league k8s scale`, and a deployment over sizes that somebody has changed."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from api_server import ApiServer
from small_cluster import autoscale, group, refused
from small_league import Command


@pytest.mark.parametrize(
    ("words", "now"),
    [
        (["2"], (2, 1, 2)),
        (["5"], (5, 1, 5)),
        (["0"], (0, 0, 2)),
        (["--min", "2", "--max", "6"], (2, 2, 6)),
        (["--max", "1"], (1, 1, 1)),
        (["3", "--min", "3", "--max", "4"], (3, 3, 4)),
    ],
)
def test_scale(deployed: ApiServer, k8s: Command, words: list[str], now: tuple[int, int, int]) -> None:
    result = k8s("scale", "cpu", *words)
    assert result.code == 0, result.err
    assert tuple(group(deployed).values()) == now
    assert result.out.startswith(f"cpu: {now[0]} workers, at least {now[1]}, at most {now[2]}\n")
    (write,) = deployed.writes()
    assert write[2][0] == {"op": "test", "path": "/spec/workerGroupSpecs/0/groupName", "value": "cpu"}
    assert ("--min 5 keeps them" in result.out) == (words == ["5"])


def test_only_the_api_group_that_is_needed_is_asked_for(
    deployed: ApiServer, k8s: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(shared))
    assert k8s("scale", "cpu", "2").code == 0
    cluster = "/apis/ray.io/v1/namespaces/league/rayclusters/league"
    assert [path.partition("?")[0] for _, path, _ in deployed.requests] == ["/apis/ray.io/v1", cluster, cluster]
    assert not list(shared.iterdir()), "what was discovered lies where others can change it"


def test_scale_refuses_nonsense(deployed: ApiServer, k8s: Command) -> None:
    refused(k8s("scale", "cqu", "2"), "no worker group 'cqu'; did you mean 'cpu'?")
    refused(k8s("scale", "cpu", "3", "--max", "2"), "3 workers", "at most 2", "contradict")
    refused(k8s("scale", "cpu", "--min", "3", "--max", "2"), "contradict")
    assert not deployed.writes()


def test_deploy_again_leaves_the_size_that_it_was_scaled_to(deployed: ApiServer, k8s: Command) -> None:
    assert k8s("scale", "cpu", "5", "--min", "2").code == 0
    assert deployed.managers["RayCluster", "league"][".spec.workerGroupSpecs"] == "league (Update)"
    assert k8s("deploy", "local").code == 0
    assert group(deployed) == {"replicas": 5, "minReplicas": 2, "maxReplicas": 5}
    autoscale(deployed, 4)
    assert k8s("deploy", "local", "--image", "r.example/league:0.2.0").code == 0
    assert group(deployed) == {"replicas": 4, "minReplicas": 2, "maxReplicas": 5}
    live = deployed.objects["RayCluster", "league"]["spec"]["workerGroupSpecs"][0]
    assert live["scaleStrategy"] == {"workersToDelete": ["league-cpu-worker-y"]}
    assert live["template"]["spec"]["containers"][0]["image"] == "r.example/league:0.2.0"
    assert k8s("deploy", "local", "--force").code == 0
    assert group(deployed) == {"replicas": 4, "minReplicas": 1, "maxReplicas": 2}, "the bounds of the overlay"


def test_deploy_reports_conflicts_in_a_cluster_that_was_scaled(deployed: ApiServer, k8s: Command) -> None:
    autoscale(deployed, 2)
    deployed.objects["RayCluster", "league"]["spec"]["rayVersion"] = "2.59.0"
    deployed.managers["RayCluster", "league"][".spec.rayVersion"] = "kubectl-edit"
    refused(k8s("deploy", "local"), "patch rayclusters/league", ".spec.rayVersion", "kubectl-edit", "--force")
    assert k8s("deploy", "local", "--force").code == 0
    assert group(deployed)["replicas"] == 2
