"""`league k8s delete`: what goes, what stays, and in which order."""

from __future__ import annotations

import pytest
from api_server import ApiServer
from small_league import Command


def test_delete_keeps_what_is_worth_keeping(deployed: ApiServer, k8s: Command) -> None:
    label = {"app.kubernetes.io/part-of": "league"}
    deployed.put({"kind": "PersistentVolumeClaim", "metadata": {"name": "data-league-redis-0", "labels": label}})
    deployed.put({"kind": "ConfigMap", "metadata": {"name": "kube-root-ca.crt"}})
    result = k8s("delete", "--yes")
    assert (result.code, result.err) == (0, "")
    left = {key for key in deployed.objects if key[0] != "Pod"}
    assert left == {
        ("Namespace", "league"),
        ("Secret", "league-redis"),
        ("Secret", "league-reader"),
        ("Secret", "gcs-redis"),
        ("PersistentVolumeClaim", "data-league-redis-0"),
        ("ConfigMap", "kube-root-ca.crt"),
    }
    deleted = [path.split("/")[-2] for method, path, _ in deployed.requests if method == "DELETE"]
    assert deleted[:3] == ["rayjobs", "rayservices", "rayclusters"]
    assert "kept: the volumes" in result.out
    assert k8s("delete", "--yes").out == "nothing of a league is in namespace league\n"


def test_delete_with_its_volumes(deployed: ApiServer, k8s: Command) -> None:
    label = {"app.kubernetes.io/part-of": "league"}
    deployed.put({"kind": "PersistentVolumeClaim", "metadata": {"name": "data-league-redis-0", "labels": label}})
    assert k8s("delete", "--purge", "--yes").code == 0
    assert {kind for kind, _ in deployed.objects} == {"Namespace", "Pod"}


def test_delete_asks_first(deployed: ApiServer, k8s: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("typer.confirm", lambda text: False)
    assert k8s("delete").code == 1
    assert not deployed.writes()
