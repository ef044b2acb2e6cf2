"""What people are told where there is no cluster, no permission, no quota, or nothing to work on."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from api_server import ApiServer, Object
from small_cluster import controllers, event, kubeconfig, refused
from small_league import Command

from league.installation import installing


def test_deploy_without_kuberay_writes_nothing(server: ApiServer, k8s: Command) -> None:
    del server.apis["ray.io/v1"]
    refused(k8s("deploy", "local"), "knows no RayCluster (ray.io/v1)", "helm install kuberay-operator")
    assert not server.writes()


@pytest.mark.parametrize(("overlay", "advice"), [("monitoring", "Prometheus's operator"), ("kueue", "Kueue")])
def test_deploy_says_what_else_is_missing(server: ApiServer, k8s: Command, overlay: str, advice: str) -> None:
    server.apis.pop("monitoring.coreos.com/v1")
    refused(k8s("deploy", overlay), advice, "is not installed")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["deploy", "locl"], "no overlay 'locl'; did you mean 'local'?"),
        (["deploy", "local", "--image", "league"], "--image league: give a tag"),
        (["deploy", "local", "--image", "r.example:5000/league"], "give a tag that stays"),
        (["deploy", "local", "--image", "r.example/league:latest"], "give a tag that stays"),
        (["deploy", "local", "--config", "nowhere.toml"], "nowhere.toml"),
        (["scale", "cpu"], "give a COUNT, --min or --max"),
        (["logs", "coordinatr"], "no log of 'coordinatr'; did you mean 'coordinator'?"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(
    server: ApiServer, k8s: Command, words: list[str], said: str
) -> None:
    refused(k8s(*words), said)
    assert not server.writes()


def test_no_kubeconfig(k8s: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    refused(k8s("status"), "no Kubernetes cluster is configured", "KUBECONFIG")


def test_unknown_context(k8s: Command) -> None:
    refused(k8s("status", "--context", "there"), "no Kubernetes cluster is configured", "there")


def test_nobody_listens(k8s: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "other", "http://127.0.0.1:1")))
    refused(k8s("status"), "no Kubernetes cluster answers at http://127.0.0.1:1", "onnection refused")


def test_credentials_that_have_expired(server: ApiServer, k8s: Command) -> None:
    server.refusals.append(("GET", ".*", 401, "Unauthorized"))
    refused(k8s("status"), "does not accept these credentials")


FORBIDDEN = 'is forbidden: User "anna" cannot do that'


@pytest.mark.parametrize(
    ("method", "path", "words", "said"),
    [
        ("PATCH", "statefulsets", ["deploy", "local"], "no permission to patch statefulsets/gcs-redis"),
        ("POST", "secrets", ["deploy", "local"], "no permission to create secrets/gcs-redis"),
        ("PATCH", "rayclusters", ["scale", "cpu", "2"], "no permission to patch rayclusters/league"),
        ("GET", "/pods$", ["status"], "no permission to list pods"),
        ("GET", "/log$", ["logs", "head"], "no permission to get pods/log league-head-x"),
        ("GET", "/exec$", ["promote"], "no permission to create pods/exec league-head-x"),
        ("DELETE", "rayjobs", ["delete", "--yes"], "no permission to delete rayjobs/league"),
    ],
)
def test_no_permission_names_verb_and_resource(
    deployed: ApiServer, k8s: Command, method: str, path: str, words: list[str], said: str
) -> None:
    deployed.refusals.append((method, path, 403, f"x {FORBIDDEN}"))
    if "secrets" in path:
        del deployed.objects["Secret", "gcs-redis"]
    refused(k8s(*words), said, "in namespace league", "league-user")


def test_a_quota_that_is_used_up(server: ApiServer, k8s: Command) -> None:
    message = 'statefulsets.apps "x" is forbidden: exceeded quota: team, requested: cpu=4, used: cpu=30'
    server.refusals.append(("PATCH", "statefulsets", 403, message))
    refused(k8s("deploy", "local"), "the quota of namespace league is used up: team, requested: cpu=4")


def test_a_quota_that_keeps_pods_away(server: ApiServer, k8s: Command) -> None:
    event(server, "exceeded quota: long ago", age_s=7200)

    def after(method: str, live: Object) -> None:
        if live["kind"] == "RayCluster" and method == "PATCH":
            event(server, 'pods "x" is forbidden: exceeded quota: team, requested: cpu=4', age_s=0)

    server.after = after
    refused(k8s("deploy", "local"), "the quota of namespace league is used up", "team, requested: cpu=4")


def test_a_quota_that_has_been_raised(server: ApiServer, k8s: Command) -> None:
    event(server, 'pods "x" is forbidden: exceeded quota: team, requested: cpu=4', age_s=300)
    controllers(server)
    assert k8s("deploy", "local").code == 0
    server.objects["StatefulSet", "league-redis"]["status"]["readyReplicas"] = 0
    refused(k8s("deploy", "local", "--timeout", "0.05"), "not ready after 0 s: StatefulSet league-redis")


def test_a_server_that_has_trouble(server: ApiServer, k8s: Command) -> None:
    server.refusals.append(("PATCH", "services", 500, "etcdserver: request timed out"))
    refused(k8s("deploy", "local"), "cannot patch services/gcs-redis", "etcdserver: request timed out")


def test_nothing_is_deployed(server: ApiServer, k8s: Command) -> None:
    refused(k8s("scale", "cpu", "2"), "namespace league has no Ray", "league k8s deploy")


def test_the_extra_is_named_where_it_is_missing(k8s: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    refused(k8s("status"), installing("k8s"))
