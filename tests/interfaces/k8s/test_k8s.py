"""`league k8s` against an API server over HTTP; what it runs in pods runs for real, beside a small league."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from api_server import KUEUE, TOKEN, ApiServer
from small_league import Command, Result

from league.interfaces.cli.app import run
from league.interfaces.k8s import deployment
from league.interfaces.k8s.cluster import TIMEOUT_S
from league.interfaces.k8s.manifests import load
from league.pool.store import Store

pytest.importorskip("kubernetes")

Object = dict[str, Any]
PODS = {
    "league-head-x": ("training", "head", ["ray-head", "autoscaler"]),
    "league-cpu-worker-x": ("training", "worker", ["ray-worker"]),
    "champion-head-x": ("serving", "head", ["ray-head"]),
    "champion-worker-x": ("serving", "worker", ["ray-worker"]),
    "league-exporter-x": ("exporter", None, ["exporter"]),
    "league-redis-0": ("store", None, ["redis"]),
    "gcs-redis-0": ("gcs", None, ["redis"]),
}


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer().running() as running:
        yield running


@pytest.fixture
def k8s(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run `league k8s …` against the server; nothing waits long."""
    monkeypatch.setattr(deployment, "POLL_S", 0.01)
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "kubeconfig", server.url)))
    monkeypatch.delenv("LEAGUE_NAMESPACE", raising=False)

    def call(*words: str) -> Result:
        capsys.readouterr()
        code = run(["k8s", *words])
        captured = capsys.readouterr()
        return Result(code=code, out=captured.out, err=captured.err)

    return call


def kubeconfig(path: Path, url: str) -> Path:
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "here", "cluster": {"server": url}}],
                "users": [{"name": "anna", "user": {"token": TOKEN}}],
                "contexts": [{"name": "here", "context": {"cluster": "here", "user": "anna"}}],
                "current-context": "here",
            }
        ),
        encoding="utf-8",
    )
    return path


def refused(result: Result, *parts: str) -> None:
    """Exit code 2, one line that says all of it, no traceback."""
    assert result.code == 2, result
    assert result.err.startswith("league: ")
    assert result.err.count("\n") == 1
    for part in parts:
        assert part in result.err, result.err


def controllers(server: ApiServer) -> None:
    """Do what KubeRay and Kubernetes would: whatever is applied is soon ready."""

    def after(method: str, live: Object) -> None:
        if method in ("PATCH", "POST") and "status" not in live:
            match live["kind"]:
                case "StatefulSet" | "Deployment":
                    live["status"] = {"readyReplicas": 1}
                case "RayCluster":
                    live["status"] = {"conditions": [{"type": "HeadPodReady", "status": "True"}]}
                case "RayJob":
                    live["status"] = {"jobDeploymentStatus": "Running", "jobId": "league-abc12"}
                case "RayService":
                    live["status"] = {"conditions": [{"type": "Ready", "status": "True"}], "numServeEndpoints": 1}

    server.after = after


def pods(server: ApiServer) -> None:
    for name, (component, kind, names) in PODS.items():
        labels = {"app.kubernetes.io/part-of": "league", "app.kubernetes.io/component": component}
        if kind is not None:
            labels["ray.io/node-type"] = kind
        server.put(
            {
                "kind": "Pod",
                "metadata": {"name": name, "labels": labels},
                "spec": {"containers": [{"name": one} for one in names], "nodeName": "node-1"},
                "status": {
                    "phase": "Running",
                    "containerStatuses": [
                        {"ready": True, "restartCount": 0, "state": {"running": {}}, "name": one} for one in names
                    ],
                },
            }
        )


Exec = Callable[..., tuple[int, str, str]]


def inside(store: Path, league: str, **others: Exec) -> Exec:
    """Commands run as in a pod: `league` with its store; `others` by their first word."""

    def execute(pod: str, container: str, command: list[str]) -> tuple[int, str, str]:
        assert container in PODS[pod][2]
        environment = {**os.environ, "LEAGUE_STORE": str(store), "LEAGUE_NAME": league}
        while command[0] == "env":
            name, _, value = command[1].partition("=")
            environment[name] = value
            command = command[2:]
        if command[0] in others:
            return others[command[0]](command)
        assert command[0] == "league"
        script = "from league.interfaces.cli import main; main()"
        line = [sys.executable, "-c", script, *command[1:]]
        done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stdout, done.stderr

    return execute


@pytest.fixture
def deployed(server: ApiServer, k8s: Command) -> ApiServer:
    controllers(server)
    pods(server)
    assert k8s("deploy", "local").code == 0
    server.requests.clear()
    return server


# deploy


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
    assert "RayService champion: serves, 1 endpoints" in result.out
    assert kinds


def test_deploy_makes_the_secrets_once_and_shows_none(server: ApiServer, k8s: Command) -> None:
    controllers(server)
    first = k8s("deploy", "local")
    made = {name: one["stringData"] for (kind, name), one in server.objects.items() if kind == "Secret"}
    assert made.keys() == {"league-redis", "league-reader", "gcs-redis"}
    values = [one["password"] for one in made.values()]
    assert len(set(values)) == 3
    assert all(len(value) >= 32 for value in values)
    assert not any(value in first.out + first.err for value in values)
    assert first.out.count("made Secret") == 3
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


def autoscale(server: ApiServer, replicas: int) -> None:
    """Do what KubeRay's autoscaler does: patch a group, and so own the list of groups."""
    found = server.objects["RayCluster", "league"]["spec"]["workerGroupSpecs"][0]
    found |= {"replicas": replicas, "scaleStrategy": {"workersToDelete": ["league-cpu-worker-y"]}}
    server.managers["RayCluster", "league"][".spec.workerGroupSpecs"] = "autoscaler (Update)"


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


def test_deploy_without_kuberay_writes_nothing(server: ApiServer, k8s: Command) -> None:
    del server.apis["ray.io/v1"]
    refused(k8s("deploy", "local"), "knows no RayCluster (ray.io/v1)", "helm install kuberay-operator")
    assert not server.writes()


@pytest.mark.parametrize(("overlay", "advice"), [("monitoring", "Prometheus's operator"), ("kueue", "Kueue")])
def test_deploy_says_what_else_is_missing(server: ApiServer, k8s: Command, overlay: str, advice: str) -> None:
    server.apis.pop("monitoring.coreos.com/v1")
    refused(k8s("deploy", overlay), advice, "is not installed")


def test_deploy_of_every_overlay(server: ApiServer, k8s: Command) -> None:
    server.apis.update(KUEUE)
    controllers(server)
    for overlay in ("kueue", "gpu", "monitoring"):
        assert k8s("deploy", overlay).code == 0
    assert ("ClusterQueue", "league-league") in server.objects
    assert ("ConfigMap", "grafana-league-league") in server.objects


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


def event(server: ApiServer, message: str, age_s: float = 1) -> None:
    at = datetime.now(UTC) - timedelta(seconds=age_s)
    server.put(
        {
            "kind": "Event",
            "metadata": {"name": f"event-{len(server.objects)}"},
            "involvedObject": {"name": "league-head-x"},
            "lastTimestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "message": message,
        }
    )


# refusals


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


# status


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
    assert found["ray"] == {"RayCluster": "head ready", "RayJob": "Running", "RayService": "serves, 1 endpoints"}
    assert found["groups"] == [{"group": "cpu", "replicas": 0, "min": 1, "max": 2}]
    asked = ["league-exporter-x", "exporter", "league", "status", "--json", "--events", "5"]
    assert found["league"] == {"asked": asked}
    assert found["league_error"] is None
    assert found["warnings"] == ["league-head-x: Back-off pulling image"]


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


# scale


def group(server: ApiServer) -> dict[str, int]:
    found = server.objects["RayCluster", "league"]["spec"]["workerGroupSpecs"][0]
    return {key: found.get(key) for key in ("replicas", "minReplicas", "maxReplicas")}


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


def test_scale_refuses_nonsense(deployed: ApiServer, k8s: Command) -> None:
    refused(k8s("scale", "cqu", "2"), "no worker group 'cqu'; did you mean 'cpu'?")
    refused(k8s("scale", "cpu", "3", "--max", "2"), "3 workers", "at most 2", "contradict")
    refused(k8s("scale", "cpu", "--min", "3", "--max", "2"), "contradict")
    assert not deployed.writes()


# logs


def test_logs_of_a_pod(deployed: ApiServer, k8s: Command) -> None:
    deployed.logs["league-redis-0/redis"] = "one\ntwo\nthree\n"
    assert k8s("logs", "store", "--tail", "2").out == "two\nthree\n"


def test_logs_in_ray(deployed: ApiServer, k8s: Command, tmp_path: Path) -> None:
    (tmp_path / "job-driver-league-abc12.log").write_text("0:00:10 training\n", encoding="utf-8")
    (tmp_path / "worker-a.out").write_text(":actor_name:Coordinator\nI coordinate\n", encoding="utf-8")
    (tmp_path / "worker-b.out").write_text(":actor_name:Learner\nI learn\n", encoding="utf-8")
    (tmp_path / "worker-b.err").touch()

    def shell(command: list[str]) -> tuple[int, str, str]:
        line = [command[0], command[1], command[2].replace("/tmp/ray/session_latest/logs", str(tmp_path))]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    deployed.execs = inside(tmp_path, "none", sh=shell)
    assert k8s("logs").out == "0:00:10 training\n"
    assert k8s("logs", "coordinator").out == ":actor_name:Coordinator\nI coordinate\n"
    (tmp_path / "worker-a.out").unlink()
    refused(k8s("logs", "coordinator"), "no log of coordinator in league-head-x")


def test_logs_before_there_is_anything(deployed: ApiServer, k8s: Command) -> None:
    deployed.objects["RayJob", "league"]["status"] = {}
    refused(k8s("logs"), "has not been submitted yet")
    del deployed.objects["Pod", "league-head-x"]
    refused(k8s("logs", "head"), "no pod of head runs in namespace league: none is there")


# promote


def test_promote_shows_the_rollout(deployed: ApiServer, k8s: Command, folder: Path, own: Store) -> None:
    answers = iter([{"policy": "main-0001"}, {"policy": "main-0001"}, {"policy": "main-0000"}])

    def ask(command: list[str]) -> tuple[int, str, str]:
        return 0, json.dumps(next(answers)), ""

    deployed.execs = inside(folder, own.league, python=ask)
    result = k8s("promote", "main-0000", "--force", "--reason", "for the demo")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == "main-0000 is the champion, forced; pinned: the league keeps it"
    assert lines[1:] == [
        "RayService champion serves, 1 endpoints: main-0001 is served",
        "RayService champion serves, 1 endpoints: main-0000 is served",
    ]


def test_promote_that_is_never_served(deployed: ApiServer, k8s: Command) -> None:
    def execute(pod: str, container: str, command: list[str]) -> tuple[int, str, str]:
        if command[0] == "python":
            return 1, "", "HTTP Error 503"
        return 0, json.dumps({"policy": "main-0000"}) if "champion" in command else "", ""

    deployed.execs = execute
    result = k8s("promote", "main-0000", "--force", "--timeout", "0.05")
    refused(result, "main-0000 is not served after 0 s", "league k8s logs champion")
    assert "HTTP Error 503" in result.out


def test_promote_passes_on_what_the_league_refuses(deployed: ApiServer, k8s: Command) -> None:
    deployed.execs = lambda pod, container, command: (2, "", "league: no policy 'nobody' in league 'league'\n")
    refused(k8s("promote", "nobody"), "no policy 'nobody'")
    deployed.execs = lambda pod, container, command: (1, "main-0000 against main-0001: refused\n", "")
    result = k8s("promote", "main-0000")
    assert (result.code, result.out) == (1, "main-0000 against main-0001: refused\n")


# resume and delete


def test_resume_puts_a_failed_job_in_anew(deployed: ApiServer, k8s: Command) -> None:
    assert k8s("resume").out == "the job has not failed\n"
    assert not deployed.writes()
    job = deployed.objects["RayJob", "league"]
    job["status"]["jobDeploymentStatus"] = "Failed"
    job["metadata"]["resourceVersion"] = "7"
    assert "put in anew" in k8s("resume").out
    again = deployed.objects["RayJob", "league"]
    assert again["spec"] == job["spec"]
    assert "resourceVersion" not in again["metadata"]
    assert again["status"]["jobDeploymentStatus"] == "Running"


def fail(server: ApiServer, age_s: float = 0) -> Object:
    """The job has failed, so long after it was made."""
    job = server.objects["RayJob", "league"]
    job["status"]["jobDeploymentStatus"] = "Failed"
    at = datetime.now(UTC) - timedelta(seconds=age_s)
    job["metadata"]["creationTimestamp"] = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return job


def test_a_job_that_fails_again_and_again_is_put_in_less_and_less_often(deployed: ApiServer, k8s: Command) -> None:
    fail(deployed)
    assert "put in anew" in k8s("resume").out, "the first time at once"
    for times, wait_s in [(1, 120), (2, 240), (3, 480), (4, 960), (5, 1920), (6, 3600), (7, 3600)]:
        job = fail(deployed, wait_s - 30)
        assert job["metadata"]["annotations"]["league/resumed"] == str(times)
        assert f"put in anew {times} times and has failed again" in k8s("resume").out
        assert deployed.objects["RayJob", "league"] is job
        fail(deployed, wait_s + 30)
        assert "it is put in anew" in k8s("resume").out
        assert deployed.objects["RayJob", "league"] is not job
    fail(deployed, 3000)["metadata"]["annotations"]["league/resumed"] = "2000"
    assert "the next time is in 10 min" in k8s("resume").out
    fail(deployed, 7300)  # It worked for long before it failed.
    assert k8s("resume").code == 0
    assert deployed.objects["RayJob", "league"]["metadata"]["annotations"]["league/resumed"] == "1"
    fail(deployed)
    assert k8s("deploy", "local").code == 0
    assert "annotations" not in deployed.objects["RayJob", "league"]["metadata"], "a person has put it in"


def test_resume_that_was_killed_in_between_is_taken_up(deployed: ApiServer, k8s: Command) -> None:
    spec = fail(deployed)["spec"]
    deployed.refusals.append(("POST", "rayjobs", 500, "killed"))
    refused(k8s("resume"), "cannot create rayjobs/league")
    assert ("RayJob", "league") not in deployed.objects
    deployed.refusals.clear()
    assert "put in anew" in k8s("resume").out
    assert deployed.objects["RayJob", "league"]["spec"] == spec
    assert k8s("resume").out == "the job has not failed\n"
    del deployed.objects["RayJob", "league"]
    assert "has no RayJob league" in k8s("resume").out, "a person has deleted it"
    assert "RayJob" not in {kind for kind, _ in deployed.objects}


def test_resume_forgets_what_somebody_else_has_made(deployed: ApiServer, k8s: Command) -> None:
    fail(deployed)
    deployed.refusals.append(("POST", "rayjobs", 500, "killed"))
    refused(k8s("resume"), "cannot create rayjobs/league")
    deployed.refusals.clear()
    assert k8s("deploy", "local").code == 0
    assert k8s("resume").code == 0
    del deployed.objects["RayJob", "league"]
    assert "has no RayJob league" in k8s("resume").out


def test_resume_waits_for_less_than_its_cronjob_may_last(
    deployed: ApiServer, k8s: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    lasts_s = deployed.objects["CronJob", "league-resume"]["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"]
    assert deployment.GONE_S + 2 * sum(TIMEOUT_S) <= lasts_s
    monkeypatch.setattr(deployment, "GONE_S", 0.05)
    job = fail(deployed)
    deployed.after = lambda method, live: deployed.objects.update({("RayJob", "league"): job})  # Its finalizer hangs.
    refused(k8s("resume"), "RayJob league is not gone after 0 s")


def test_resume_needs_no_more_rights_than_its_role_has(deployed: ApiServer, k8s: Command) -> None:
    fail(deployed)
    deployed.requests.clear()
    assert k8s("resume").code == 0
    assert k8s("resume").code == 0
    rules = deployed.objects["Role", "league-resume"]["rules"]
    allowed = {
        (verb, resource, name)
        for rule in rules
        for verb in rule["verbs"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [None])
    }
    verbs = {"GET": "get", "DELETE": "delete", "POST": "create", "PATCH": "patch"}
    asked = set()
    for method, path, _ in deployed.requests:
        found = re.fullmatch(r"/apis?/.*/namespaces/league/(\w+)(?:/([^/?]+))?(?:\?.*)?", path)
        if found is not None:  # Discovery is open to everyone.
            asked.add((verbs[method], *found.groups()))
    assert asked == allowed


def test_the_role_for_people_is_enough_for_daily_use(deployed: ApiServer, k8s: Command) -> None:
    deployed.execs = lambda pod, container, command: (0, json.dumps({"policy": "main-0000"}), "")
    deployed.logs["league-head-x/ray-head"] = "here\n"
    for words in (["status", "--json"], ["scale", "cpu", "2"], ["logs", "head"], ["logs"], ["promote"]):
        assert k8s(*words).code == 0
    rules = deployed.objects["Role", "league-user"]["rules"]
    asked = set()
    for method, path, _ in deployed.requests:
        found = re.fullmatch(
            r"/(?:api/v1|apis/([^/]+)/\w+)/namespaces/league/(\w+)(?:/([^/?]+))?(?:/(\w+))?(?:\?.*)?", path
        )
        if found is None:
            continue  # Discovery is open to everyone.
        group, resource, name, sub = found.groups()
        verb = {"GET": "get" if name else "list", "PATCH": "patch"}[method]
        asked.add((verb, group or "", f"{resource}/{sub}" if sub else resource, name))
    assert {verb for verb, *_ in asked} == {"get", "list", "patch"}
    for verb, group, resource, name in asked:
        assert any(
            verb in rule["verbs"]
            and group in rule["apiGroups"]
            and resource in rule["resources"]
            and ("resourceNames" not in rule or name in rule["resourceNames"])
            for rule in rules
        ), (verb, group, resource, name)


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


def test_delete_asks_first(deployed: ApiServer, k8s: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("typer.confirm", lambda text: False)
    assert k8s("delete").code == 1
    assert not deployed.writes()


def test_the_extra_is_named_where_it_is_missing(k8s: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    refused(k8s("status"), "pip install 'league[k8s]'")
