"""Bringing a league into a namespace, waiting until it runs, and taking it away again."""

from __future__ import annotations

import secrets as randomness
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from league.errors import KubernetesError
from league.interfaces.k8s.cluster import Cluster
from league.interfaces.k8s.images import troubles, waiting_for_image
from league.interfaces.k8s.manifests import Object, key, load, of_cluster, secrets, shipped
from league.interfaces.k8s.scaling import keep_sizes
from league.interfaces.k8s.selectors import JOB, OURS
from league.interfaces.k8s.volumes import keep_volume, refuse_fixed
from league.view.words import counted

POLL_S: Final = 2.0
GONE_S: Final = 360.0
"""How long finalizers may take; less than `activeDeadlineSeconds` of the CronJob league-resume, which waits, too."""
RECENT_S: Final = 600
"""A warning that is older is of another time."""
ENDED: Final = ("Complete", "Failed")
"""`jobDeploymentStatus` of a RayJob that does nothing any more."""

FIRST: Final = ("RayJob", "RayService", "RayCluster")
"""Deleted, and waited for, before all else: KubeRay still needs Ray's Redis to clean up."""

LAST: Final = (("v1", "PersistentVolumeClaim"), ("v1", "Secret"))
"""All that a league needs to come back: deleted at the end, or kept."""

Say = Callable[[str], None]


def deploy(cluster: Cluster, objects: list[Object], *, force: bool, say: Say) -> datetime:
    """Make missing Secrets, apply the objects server-side, and put in the job anew if it has ended; when it began.

    `say` is told each step. Nothing is written where the cluster lacks a kind, or would refuse to change what is there.
    Raises `KubernetesError`.
    """
    for one in objects:
        cluster.require_kind(one["apiVersion"], one["kind"])
    began = cluster.now()
    refuse_fixed(cluster, objects)
    for one in objects:  # Secrets come first, and need it.
        if one["kind"] == "Namespace":
            cluster.apply(one, force=force)
    for name, keys in sorted(secrets(objects).items()):
        if _make_secret(cluster, name, keys):
            say(f"made Secret {name} with random values")
    for one in objects:
        if one["kind"] == JOB[1] and _ended(cluster.get(*key(one))):
            say(f"the last RayJob {one['metadata']['name']} has ended: putting it in anew")
            remove_and_wait(cluster, *key(one))
        if one["kind"] == "RayCluster":
            _apply_cluster(cluster, one, force=force)
        elif one["kind"] == "PersistentVolumeClaim":
            _apply_volume(cluster, one, force=force, say=say)
        elif one["kind"] != "Namespace":
            cluster.apply(one, force=force)
    _pull_anew(cluster, say)
    say(f"applied {len(objects)} objects to namespace {cluster.namespace}")
    return began


def _apply_cluster(cluster: Cluster, manifest: Object, *, force: bool) -> None:
    """Apply a RayCluster without changing its size; the bounds of its groups, too, stay unless `force`."""
    live = cluster.get(*key(manifest))
    if live is not None:
        manifest = keep_sizes(manifest, live, bounds=not force)
    try:
        cluster.apply(manifest, force=force)
    except KubernetesError as error:
        if set(error.conflicts) != {".spec.workerGroupSpecs"}:
            raise
        cluster.apply(manifest, force=True)  # Whoever scaled a group; what they set is in the manifest.


def _apply_volume(cluster: Cluster, manifest: Object, *, force: bool, say: Say) -> None:
    live = cluster.get(*key(manifest))
    if live is not None:
        manifest, kept = keep_volume(manifest, live)
        if kept is not None:
            say(kept)
    cluster.apply(manifest, force=force)


def _pull_anew(cluster: Cluster, say: Say) -> None:
    """Delete pods that wait for an image: what they show to registries they were given when they were made."""
    for pod in cluster.find("v1", "Pod", label_selector=OURS):
        if any(waiting_for_image(pod)):
            name = pod["metadata"]["name"]
            cluster.delete("v1", "Pod", name)
            say(f"deleted Pod {name}, which could not pull its image: it comes again")


def _make_secret(cluster: Cluster, name: str, keys: set[str]) -> bool:
    """Whether it was missing. Created at once, not looked for first: so the right to read secrets is not needed."""
    values = {key: "league" if key == "username" else randomness.token_urlsafe(32) for key in sorted(keys)}
    secret: Object = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": cluster.namespace, "labels": dict([OURS.split("=")])},
        "stringData": values,
    }
    try:
        cluster.create(secret)
    except KubernetesError as error:
        if error.code == 409:
            return False
        raise
    return True


def wait(cluster: Cluster, objects: list[Object], *, since: datetime, timeout_s: float, say: Say) -> None:
    """Wait until all that was applied runs; `say` is told whenever something changes.

    Raises `KubernetesError` where the job has failed, an image cannot be pulled, `timeout_s` seconds are over, or a
    quota kept pods away `since` the objects were applied: before that it may have been another one.
    """
    deadline = time.monotonic() + timeout_s
    waiting = {f"{one['kind']} {one['metadata']['name']}": one for one in objects if one["kind"] in READINESS}
    said: dict[str, str] = {}
    while True:
        for shown, one in list(waiting.items()):
            live = cluster.get(*key(one))
            ready, text = READINESS[one["kind"]](live) if live is not None else (False, "is not there")
            if said.get(shown) != text:
                said[shown] = text
                say(f"{shown}: {text}")
            if ready is None:
                raise KubernetesError(text)
            if ready:
                del waiting[shown]
        if not waiting:
            return
        _give_up(cluster, since)
        if time.monotonic() > deadline:
            late = ", ".join(f"{shown} ({said[shown]})" for shown in waiting)
            warned = warnings(cluster)
            reason = f"; Kubernetes warns: {warned[-1]}" if warned else ""
            raise KubernetesError(f"not ready after {timeout_s:.0f} s: {late}{reason}; see `league k8s status`")
        time.sleep(POLL_S)


def _give_up(cluster: Cluster, since: datetime) -> None:
    """Raise `KubernetesError` for what waiting does not mend."""
    warned = warnings(cluster, since)
    quota = next((text for text in warned if "exceeded quota" in text), None)
    if quota is not None:
        raise KubernetesError(f"the quota of namespace {cluster.namespace} is used up: {quota}")
    pods = cluster.find("v1", "Pod", label_selector=OURS)
    for trouble in troubles(pods, warned, cluster.namespace):
        if trouble.lasting:
            raise KubernetesError(trouble.text)


def _ready_pods(live: Object) -> tuple[bool, str]:
    wanted, ready = live["spec"].get("replicas", 1), live.get("status", {}).get("readyReplicas", 0)
    return ready >= wanted, f"{ready} of {wanted} pods ready"


def _ready_cluster(live: Object) -> tuple[bool, str]:
    conditions = conditions_of(live)
    failure = conditions.get("ReplicaFailure", {})
    if failure.get("status") == "True":
        return False, str(failure.get("message") or failure.get("reason"))
    if live["spec"].get("suspend"):
        return False, "waits in the queue"
    ready = conditions.get("HeadPodReady", {}).get("status") == "True"
    return ready, "head ready" if ready else "head starts"


def _ready_job(live: Object) -> tuple[bool | None, str]:
    status = live.get("status", {})
    state = status.get("jobDeploymentStatus") or "waits for the cluster"
    if state == "Failed":
        reason = status.get("message") or status.get("reason") or "no reason given"
        return None, f"the job failed: {reason}; see `league k8s logs job`"
    if state == "Running" and not status.get("jobStatus"):  # KubeRay says so before it has reached the head.
        return False, "not submitted yet: KubeRay's operator must reach the head, see --kuberay"
    return state in ("Running", "Complete"), state


def _ended_job(live: Object) -> tuple[bool | None, str]:
    conditions = conditions_of(live)
    failed = conditions.get("Failed", {})
    if failed.get("status") == "True":
        name, namespace = live["metadata"]["name"], live["metadata"].get("namespace", "league")
        reason = failed.get("message") or failed.get("reason")
        return None, f"{name} failed: {reason}; see kubectl --namespace {namespace} logs job/{name}"
    complete = conditions.get("Complete", {}).get("status") == "True"
    return complete, "complete" if complete else "runs"


def _ready_service(live: Object) -> tuple[bool, str]:
    ready = conditions_of(live).get("Ready", {}).get("status") == "True"
    endpoints = live.get("status", {}).get("numServeEndpoints", 0)
    return ready, f"serves, {counted(endpoints, 'endpoint')}" if ready else "starts"


READINESS: Final[dict[str, Callable[[Object], tuple[bool | None, str]]]] = {
    "StatefulSet": _ready_pods,
    "Deployment": _ready_pods,
    "Job": _ended_job,
    "RayCluster": _ready_cluster,
    "RayJob": _ready_job,
    "RayService": _ready_service,
}
"""For each kind that takes its time: whether an object is ready (None: never), and in a few words how it is."""


def conditions_of(live: Object) -> dict[str, dict[str, Any]]:
    """The conditions in an object's status, by type."""
    return {one["type"]: one for one in live.get("status", {}).get("conditions", [])}


def age_s(cluster: Cluster, live: Object) -> float:
    """Seconds since the API server made an object, by its clock."""
    return (cluster.now() - datetime.fromisoformat(live["metadata"]["creationTimestamp"])).total_seconds()


def warnings(cluster: Cluster, since: datetime | None = None) -> list[str]:
    """What Kubernetes has warned of in this namespace since then, or lately, the latest last."""
    found = cluster.find("v1", "Event", field_selector="type=Warning")
    earliest = (since or cluster.now() - timedelta(seconds=RECENT_S)).strftime("%Y-%m-%dT%H:%M:%SZ")
    events = [
        (event.get("lastTimestamp") or event["metadata"].get("creationTimestamp") or "", event) for event in found
    ]
    return [
        f"{event['involvedObject']['name']}: {event['message']}"
        for at, event in sorted(events, key=lambda one: one[0])
        if at >= earliest
    ]


def _ended(job: Object | None) -> bool:
    return job is not None and job.get("status", {}).get("jobDeploymentStatus") in ENDED


def remove_and_wait(cluster: Cluster, api_version: str, kind: str, name: str) -> None:
    """Delete an object, and wait until it is gone with all that its finalizers do."""
    cluster.delete(api_version, kind, name)
    deadline = time.monotonic() + GONE_S
    while cluster.get(api_version, kind, name) is not None:
        if time.monotonic() > deadline:
            raise KubernetesError(f"{kind} {name} is not gone after {GONE_S:.0f} s: see kubectl describe")
        time.sleep(POLL_S)


def delete(cluster: Cluster, *, purge: bool, say: Say) -> None:
    """Delete all that is labelled as ours in the namespace, and its queue; volumes and Secrets stay, unless `purge`."""
    shapes = {(one["apiVersion"], one["kind"]) for overlay in shipped() for one in load(overlay)}
    later = sorted(shape for shape in shapes - set(LAST) if shape[1] not in (*FIRST, "Namespace"))
    order = [(JOB[0], kind) for kind in FIRST] + later
    if purge:
        order += LAST
    count = 0
    for api_version, kind in order:
        known = cluster.kind(api_version, kind)
        if known is None:
            continue
        try:
            found = cluster.find(api_version, kind, label_selector=OURS)
        except KubernetesError as error:
            if error.code == 403 and not known.namespaced:
                say(f"left: {error}")
                continue
            raise
        for one in found:
            name = one["metadata"]["name"]
            if not known.namespaced and name != of_cluster(cluster.namespace):
                continue  # Of a league in another namespace.
            if kind in FIRST:
                remove_and_wait(cluster, api_version, kind, name)
            else:
                cluster.delete(api_version, kind, name)
            say(f"deleted {kind} {name}")
            count += 1
    if not count:
        say(f"nothing of a league is in namespace {cluster.namespace}")
    elif not purge:
        say("kept: the volumes, the Secrets and the namespace; --purge deletes them, too")
