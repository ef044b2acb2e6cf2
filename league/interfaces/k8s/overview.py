"""What is in the namespace, and what the league in it says of itself."""

from __future__ import annotations

from typing import Any, Final

from league.errors import KubernetesError
from league.interfaces.k8s.cluster import Cluster
from league.interfaces.k8s.deployment import READINESS, age_s, conditions_of, warnings
from league.interfaces.k8s.images import troubles
from league.interfaces.k8s.manifests import Object
from league.interfaces.k8s.selectors import CLUSTER, COMPONENT, EXPORTER, JOB, OURS, SERVICE

EVENTS: Final = 5
"""How many of the newest events of the league, and warnings of Kubernetes, are shown."""


def overview(cluster: Cluster) -> dict[str, Any]:
    """Plain data. `league_status` is what `league status --json` prints there, or None, and `league_error` says why.

    `images` are lines about those that cannot be pulled, with what to do.
    """
    found = cluster.find("v1", "Pod", label_selector=OURS)
    pods = [_pod(cluster, pod) for pod in found]
    ray = {part[1]: cluster.get(*part) for part in (CLUSTER, JOB, SERVICE)}
    league, trouble = None, None
    try:
        league = ask_league(cluster, EVENTS)
    except KubernetesError as error:
        trouble = str(error)
    warned = warnings(cluster)
    return {
        "namespace": cluster.namespace,
        "server": cluster.server,
        "pods": sorted(pods, key=lambda pod: (str(pod["component"]), pod["name"])),
        "groups": _groups(ray[CLUSTER[1]]),
        "ray": {kind: None if live is None else READINESS[kind](live)[1] for kind, live in ray.items()},
        "images": [one.text for one in troubles(found, warned, cluster.namespace)],
        "warnings": warned[-EVENTS:],
        "league_status": league,
        "league_error": trouble,
    }


def ask_league(cluster: Cluster, events: int) -> Any:
    """Run `league status --json` beside the exporter; raises `KubernetesError` where there is no answer."""
    pod = cluster.running(EXPORTER, "the exporter")
    return cluster.ask(pod, "exporter", ["league", "status", "--json", "--events", str(events)])


def _pod(cluster: Cluster, pod: Object) -> dict[str, Any]:
    status = pod["status"]
    containers = status.get("containerStatuses", [])
    begin = [one for one in status.get("initContainerStatuses", []) if not one.get("ready")]
    waiting = [one["state"]["waiting"] for one in [*begin, *containers] if one.get("state", {}).get("waiting")]
    scheduled = conditions_of(pod).get("PodScheduled", {})
    state, reason = status.get("phase", "Unknown"), status.get("message")
    if "deletionTimestamp" in pod["metadata"]:
        state = "Terminating"
    elif waiting:
        state, reason = waiting[0].get("reason", state), waiting[0].get("message")
    elif scheduled.get("status") == "False":
        state, reason = scheduled.get("reason", state), scheduled.get("message")
    labels = pod["metadata"].get("labels", {})
    return {
        "name": pod["metadata"]["name"],
        "component": labels.get(COMPONENT),
        "group": labels.get("ray.io/group"),
        "state": state,
        "reason": reason,
        "ready": f"{sum(one['ready'] for one in containers)}/{len(pod['spec']['containers'])}",
        "restarts": sum(one["restartCount"] for one in containers),
        "node": pod["spec"].get("nodeName"),
        "age_s": age_s(cluster, pod),
    }


def _groups(live: Object | None) -> list[dict[str, Any]]:
    groups = [] if live is None else live["spec"].get("workerGroupSpecs", [])
    return [
        {
            "group": one["groupName"],
            "replicas": one.get("replicas", 0),
            "min": one.get("minReplicas", 0),
            "max": one.get("maxReplicas", 0),
        }
        for one in groups
    ]
