"""A cluster for `league k8s` to work on: what controllers do in it, its pods, and what runs in them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import yaml
from api_server import TOKEN, ApiServer, Object
from small_league import Result

PODS = {
    "league-head-x": ("training", "head", ["ray-head", "autoscaler"]),
    "league-cpu-worker-x": ("training", "worker", ["ray-worker"]),
    "champion-head-x": ("serving", "head", ["ray-head"]),
    "champion-worker-x": ("serving", "worker", ["ray-worker"]),
    "league-exporter-x": ("exporter", None, ["exporter"]),
    "league-dashboard-x": ("dashboard", None, ["dashboard"]),
    "league-redis-0": ("store", None, ["redis"]),
    "gcs-redis-0": ("gcs", None, ["redis"]),
}


Exec = Callable[..., tuple[int, str, str]]


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
                case "Job":
                    live["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
                case "RayCluster":
                    live["status"] = {"conditions": [{"type": "HeadPodReady", "status": "True"}]}
                case "RayJob":
                    live["status"] = {"jobDeploymentStatus": "Running", "jobStatus": "RUNNING", "jobId": "league-abc12"}
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
        line = [sys.executable, "-m", "league", *command[1:]]
        done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stdout, done.stderr

    return execute


def group(server: ApiServer) -> dict[str, int]:
    found = server.objects["RayCluster", "league"]["spec"]["workerGroupSpecs"][0]
    return {key: found.get(key) for key in ("replicas", "minReplicas", "maxReplicas")}


def autoscale(server: ApiServer, replicas: int) -> None:
    """Do what KubeRay's autoscaler does: patch a group, and so own the list of groups."""
    found = server.objects["RayCluster", "league"]["spec"]["workerGroupSpecs"][0]
    found |= {"replicas": replicas, "scaleStrategy": {"workersToDelete": ["league-cpu-worker-y"]}}
    server.managers["RayCluster", "league"][".spec.workerGroupSpecs"] = "autoscaler (Update)"


def event(server: ApiServer, message: str, age_s: float = 1) -> None:
    at = server.now() - timedelta(seconds=age_s)
    server.put(
        {
            "kind": "Event",
            "metadata": {"name": f"event-{len(server.objects)}"},
            "involvedObject": {"name": "league-head-x"},
            "lastTimestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "message": message,
        }
    )


def fail(server: ApiServer, age_s: float = 0) -> Object:
    """The job has failed, so long after it was made."""
    job = server.objects["RayJob", "league"]
    job["status"]["jobDeploymentStatus"] = "Failed"
    at = server.now() - timedelta(seconds=age_s)
    job["metadata"]["creationTimestamp"] = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return job
