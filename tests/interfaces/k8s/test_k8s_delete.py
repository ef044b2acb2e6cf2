"""`league k8s delete`: what goes, what stays, and in which order."""

from __future__ import annotations

import json

import pytest
from api_server import ApiServer
from small_cluster import Exec, refused
from small_league import Command

from league.interfaces.k8s import stopping


def said(*phases: str) -> Exec:
    """What the league says of itself, one phase after the other; the last for ever."""
    left = list(phases)

    def execute(pod: str, container: str, command: list[str]) -> tuple[int, str, str]:
        assert command[:2] == ["league", "status"]
        return 0, json.dumps({"phase": left.pop(0) if len(left) > 1 else left[0]}), ""

    return execute


def test_delete_keeps_what_is_worth_keeping(deployed: ApiServer, k8s: Command) -> None:
    deployed.execs = said("stopped")
    deployed.put({"kind": "ConfigMap", "metadata": {"name": "kube-root-ca.crt"}})
    result = k8s("delete", "--yes")
    assert (result.code, result.err) == (0, "")
    left = {key for key in deployed.objects if key[0] != "Pod"}
    assert left == {
        ("Namespace", "league"),
        ("Secret", "league-redis"),
        ("Secret", "league-reader"),
        ("Secret", "league-backup"),
        ("Secret", "league-dashboard"),
        ("Secret", "gcs-redis"),
        ("PersistentVolumeClaim", "data-league-redis-0"),
        ("PersistentVolumeClaim", "data-gcs-redis-0"),
        ("PersistentVolumeClaim", "league-backups"),
        ("ConfigMap", "kube-root-ca.crt"),
    }
    deleted = [path.split("/")[-2] for method, path, _ in deployed.requests if method == "DELETE"]
    assert deleted[:3] == ["rayjobs", "rayservices", "rayclusters"]
    assert "kept: the volumes" in result.out
    assert k8s("delete", "--yes").out == "nothing of a league is in namespace league\n"


def test_delete_with_its_volumes(deployed: ApiServer, k8s: Command) -> None:
    deployed.execs = said("stopped")
    assert k8s("delete", "--purge", "--yes").code == 0
    assert {kind for kind, _ in deployed.objects} == {"Namespace", "Pod"}


def test_delete_asks_first(deployed: ApiServer, k8s: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("typer.confirm", lambda text: False)
    assert k8s("delete").code == 1
    assert not deployed.writes()


def test_stop_waits_until_the_league_has_saved(deployed: ApiServer, k8s: Command) -> None:
    deployed.execs = said("training", "training", "stopped")
    result = k8s("stop")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == ["deleted RayJob league: the league saves", "the league is stopped"]
    assert sum("/exec?" in path for _, path, _ in deployed.requests) == 3
    assert [path.split("/")[-2] for method, path, _ in deployed.requests if method == "DELETE"] == ["rayjobs"]
    assert "nothing to stop" in k8s("stop").out


def test_stop_says_what_is_lost_where_the_league_does_not_end(
    deployed: ApiServer, k8s: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "SAVING_S", 0.05)
    deployed.execs = said("training")
    refused(k8s("stop"), "has not ended after 0 s, it is training", "since its last checkpoint is lost")


def test_delete_lets_the_league_save_first(deployed: ApiServer, k8s: Command) -> None:
    """KubeRay lets go of a job before it has ended: what it runs on must stay until then."""
    deployed.execs = said("training", "stopped")
    assert k8s("delete", "--yes").code == 0
    asked = [n for n, (_, path, _) in enumerate(deployed.requests) if "/exec?" in path]
    gone = [
        n for n, (method, path, _) in enumerate(deployed.requests) if method == "DELETE" and "/rayclusters/" in path
    ]
    assert len(asked) == 2
    assert asked[-1] < gone[0]


def test_delete_of_a_league_that_cannot_be_asked(deployed: ApiServer, k8s: Command) -> None:
    del deployed.objects["Pod", "league-exporter-x"]
    result = k8s("delete", "--yes")
    assert result.code == 0
    assert "not waited for: no pod of the exporter runs" in result.out
