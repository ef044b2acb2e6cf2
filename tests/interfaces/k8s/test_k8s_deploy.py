"""`league k8s deploy`: what it writes, what it leaves alone, and how it waits."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

from api_server import KUEUE, ApiServer, Object
from small_cluster import controllers, event, refused
from small_league import Command

from league.interfaces.k8s.manifests import load


def test_deploy_makes_a_league(server: ApiServer, k8s: Command) -> None:
    controllers(server)
    result = k8s("deploy", "local")
    assert (result.code, result.err) == (0, "")
    for one in load("local"):
        assert server.objects[one["kind"], one["metadata"]["name"]]["metadata"]["name"]
    assert server.requests[-1][0] == "GET"
    kinds = [re.sub(r".*/(\w+)\?.*|.*", r"\1", path) or path for _, path, _ in server.writes()]
    assert server.writes()[0][1].startswith("/api/v1/namespaces/league?")
    assert all(method in ("POST", "PATCH") for method, _, _ in server.writes())
    assert "fieldManager=league" in server.writes()[0][1]
    assert "RayJob league: Running" in result.out
    assert "RayService champion: serves, 1 endpoint" in result.out
    assert kinds


def test_deploy_makes_the_secrets_once_and_shows_none(server: ApiServer, k8s: Command) -> None:
    controllers(server)
    first = k8s("deploy", "local")
    made = {name: one["stringData"] for (kind, name), one in server.objects.items() if kind == "Secret"}
    assert made.keys() == {"league-redis", "league-reader", "league-backup", "league-dashboard", "gcs-redis"}
    values = [one.get("password") or one["token"] for one in made.values()]
    assert len(set(values)) == 5
    assert all(len(value) >= 32 for value in values)
    assert not any(value in first.out + first.err for value in values)
    assert first.out.count("made Secret") == 5
    second = k8s("deploy", "local")
    assert "made Secret" not in second.out
    assert made["league-redis"]["password"] == server.objects["Secret", "league-redis"]["stringData"]["password"]


def test_deploy_fits_namespace_image_and_configuration(server: ApiServer, k8s: Command, tmp_path: Path) -> None:
    controllers(server)
    (tmp_path / "mine.toml").write_text('game = "tic_tac_toe"\n', encoding="utf-8")
    image = "registry.example:5000/league:0.1.0"
    result = k8s("deploy", "gpu", "-n", "chess", "--image", image, "--config", str(tmp_path / "mine.toml"), "--no-wait")
    assert result.code == 0, result.err
    paths = {path.partition("?")[0] for _, path, _ in server.writes()}
    assert {path for path in paths if not path.startswith(("/api/v1/namespaces/chess",))} == {
        path for path in paths if "/namespaces/chess/" in path and path.startswith("/apis/")
    }
    text = json.dumps([body for _, _, body in server.writes()])
    assert image in text
    assert '"image": "registry.example:5000/league-gpu:0.1.0"' in text
    assert '"image": "league' not in text
    assert '"image": "redis:' in text
    assert server.objects["ConfigMap", "league-config"]["data"]["league.toml"] == 'game = "tic_tac_toe"\n'
    assert server.objects["RoleBinding", "league-resume"]["subjects"][0]["namespace"] == "chess"


def test_deploy_of_a_folder_of_ones_own(server: ApiServer, k8s: Command, tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mine, namespace: league}\n", encoding="utf-8"
    )
    server.put({"kind": "Namespace", "metadata": {"name": "league"}})
    assert k8s("deploy", str(tmp_path / "one.yaml")).code == 0
    assert ("ConfigMap", "mine") in server.objects


def test_deploy_puts_in_a_job_that_has_ended_anew(deployed: ApiServer, k8s: Command) -> None:
    job = deployed.objects["RayJob", "league"]
    job["status"]["jobDeploymentStatus"] = "Complete"
    assert "putting it in anew" in k8s("deploy", "local").out
    assert deployed.objects["RayJob", "league"] is not job
    assert deployed.objects["RayJob", "league"]["status"]["jobDeploymentStatus"] == "Running"


def test_deploy_leaves_a_job_at_work_alone(deployed: ApiServer, k8s: Command) -> None:
    assert k8s("deploy", "local").code == 0
    assert not [one for one in deployed.writes() if one[0] == "DELETE"]


def test_deploy_reports_conflicts_and_force_takes_over(deployed: ApiServer, k8s: Command) -> None:
    deployed.objects["StatefulSet", "league-redis"]["spec"]["replicas"] = 0
    deployed.managers["StatefulSet", "league-redis"][".spec.replicas"] = "kubectl-scale"
    refused(k8s("deploy", "local"), "patch statefulsets/league-redis", ".spec.replicas", "kubectl-scale", "--force")
    assert k8s("deploy", "local", "--force").code == 0
    assert deployed.objects["StatefulSet", "league-redis"]["spec"]["replicas"] == 1


def test_deploy_of_every_overlay(server: ApiServer, k8s: Command) -> None:
    server.apis.update(KUEUE)
    controllers(server)
    for overlay in ("kueue", "gpu", "monitoring"):
        assert k8s("deploy", overlay).code == 0
    assert ("ClusterQueue", "league-league") in server.objects
    assert ("ConfigMap", "grafana-league-league") in server.objects


def test_deploy_says_why_a_job_failed(server: ApiServer, k8s: Command) -> None:
    controllers(server)
    ready = server.after

    def after(method: str, live: Object) -> None:
        ready(method, live)
        if live["kind"] == "RayJob":
            live["status"] = {"jobDeploymentStatus": "Failed", "message": "no such game: chess"}

    server.after = after
    refused(k8s("deploy", "local"), "the job failed: no such game: chess", "league k8s logs job")


def test_deploy_gives_up_with_the_last_warning(server: ApiServer, k8s: Command) -> None:
    event(server, "0/3 nodes are available: 3 Insufficient cpu")
    result = k8s("deploy", "local", "--timeout", "0.05")
    refused(result, "not ready after 0 s", "RayCluster league", "league-head-x: 0/3 nodes are available")
    assert "RayCluster league: head starts" in result.out


def test_queues_of_two_namespaces_know_nothing_of_each_other(server: ApiServer, k8s: Command) -> None:
    server.apis.update(KUEUE)
    controllers(server)

    def of_the_cluster() -> dict[tuple[str, str], Object]:
        return {key: one for key, one in server.objects.items() if key[0] in ("ClusterQueue", "ResourceFlavor")}

    assert k8s("deploy", "kueue", "--no-wait").code == 0
    first = copy.deepcopy(of_the_cluster())
    assert first.keys() == {("ClusterQueue", "league-league"), ("ResourceFlavor", "league-league")}
    assert k8s("deploy", "kueue", "--no-wait", "-n", "chess").code == 0
    both = of_the_cluster()
    assert both.keys() - first.keys() == {("ClusterQueue", "league-chess"), ("ResourceFlavor", "league-chess")}
    assert both.items() >= first.items(), "the second league has changed the queue of the first"
    queue = both["ClusterQueue", "league-chess"]["spec"]
    assert queue["namespaceSelector"] == {"matchLabels": {"kubernetes.io/metadata.name": "chess"}}
    assert queue["resourceGroups"][0]["flavors"][0]["name"] == "league-chess"
    assert server.objects["LocalQueue", "league"]["spec"]["clusterQueue"] == "league-chess"
    assert k8s("delete", "--yes", "-n", "chess").code == 0
    assert of_the_cluster() == first


def test_policies_name_the_namespaces_of_operator_and_prometheus(server: ApiServer, k8s: Command) -> None:
    def let_in() -> set[str]:
        found = re.findall(r'"kubernetes.io/metadata.name": "([^"]+)"', json.dumps(list(server.objects.values())))
        return set(found)

    server.put({"kind": "Namespace", "metadata": {"name": "league"}})
    for overlay in ("local", "monitoring"):
        assert k8s("deploy", overlay, "--no-wait").code == 0
    assert let_in() == {"kuberay-system", "monitoring"}
    for overlay in ("local", "monitoring"):
        assert k8s("deploy", overlay, "--kuberay", "ray", "--prometheus", "watch", "--no-wait").code == 0
    assert let_in() == {"ray", "watch"}


def test_an_operator_that_cannot_reach_the_head_is_noticed(server: ApiServer, k8s: Command) -> None:
    """KubeRay calls a job running that it has not submitted."""
    controllers(server)
    ready = server.after

    def after(method: str, live: Object) -> None:
        ready(method, live)
        if live["kind"] == "RayJob":
            live["status"] = {"jobDeploymentStatus": "Running", "jobId": "league-abc12"}

    server.after = after
    result = k8s("deploy", "local", "--timeout", "0.05")
    refused(result, "not ready after 0 s: RayJob league (not submitted yet", "--kuberay")
