"""What `make check` makes of Checkov's findings: each is accepted with a reason or said, as is one that is gone."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pytest
import yaml
from overlays import K8S, clusters

from league.interfaces.k8s.manifests import load


@pytest.fixture(scope="module")
def scan() -> ModuleType:
    source = importlib.util.spec_from_file_location("k8s_scan", K8S / "scan.py")
    assert source is not None
    assert source.loader is not None
    module = importlib.util.module_from_spec(source)
    source.loader.exec_module(module)
    return module


def test_a_finding_is_accepted_with_a_reason_or_said(scan: ModuleType) -> None:
    privileged = scan.Finding("CKV_K8S_16", "StatefulSet league-redis", "Container should not be privileged")
    tag = scan.Finding("CKV_K8S_43", "Deployment league-exporter", "Image should use digest")
    accepted = [{"check": "CKV_K8S_43", "where": ["Deployment *"], "reason": "tags stay what they are"}]
    assert scan.judge({tag}, accepted) == []
    (said,) = scan.judge({tag, privileged}, accepted)
    assert said.startswith("CKV_K8S_16 StatefulSet league-redis")
    (said,) = scan.judge(set(), accepted)
    assert "is found no more" in said
    with pytest.raises(KeyError, match="reason"):
        scan.judge({tag}, [{"check": "CKV_K8S_43", "where": ["*"]}])


def test_every_accepted_finding_has_a_reason() -> None:
    for one in yaml.safe_load((K8S / "accepted.yaml").read_text(encoding="utf-8")):
        assert one.keys() == {"check", "where", "reason"}
        assert len(one["reason"]) > 40


def test_pods_of_ray_are_scanned_as_pods(scan: ModuleType) -> None:
    made = [one for one in scan.objects("gpu") if one["kind"] == "Pod"]
    assert {one["metadata"]["name"] for one in made} == {
        "league-head", "league-cpu", "league-gpu", "champion-head", "champion-replicas",
    }  # fmt: skip
    described = [cluster["headGroupSpec"]["template"]["spec"] for cluster in clusters(load("gpu"))]
    assert all(any(pod["spec"] == one for pod in made) for one in described)


def test_resources_are_told_apart(scan: ModuleType) -> None:
    assert scan.where("StatefulSet.league.league-redis") == "StatefulSet league-redis"
    assert scan.where("Pod.league.league-head.app.kubernetes.io/part-of-league") == "Pod league-head"
    assert scan.where("/Dockerfile.") == "Dockerfile"
