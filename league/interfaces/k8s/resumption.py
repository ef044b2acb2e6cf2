"""Putting the league's job in anew after it has failed: at once, or, where it fails again and again, after a while.

A RayJob that has ended cannot be started again: it is deleted and made anew. Whoever does so may be killed in between,
so what shall be made is first kept in a ConfigMap. A job that a person has deleted is in none, and stays away.
"""

from __future__ import annotations

import json
from typing import Final

from league.interfaces.k8s.cluster import Cluster
from league.interfaces.k8s.deployment import age_s, remove_and_wait
from league.interfaces.k8s.manifests import Object
from league.interfaces.k8s.selectors import JOB

KEPT: Final = ("v1", "ConfigMap", "league-resume")
TIMES: Final = "league/resumed"
"""Annotation of the job: how often in a row it was put in anew."""
LONGEST_S: Final = 3600.0
"""Between two tries. A job that lasted twice as long has not failed in a row with the one before it."""


def resume(cluster: Cluster) -> str:
    """Put the job in anew if it has failed and its time has come, or if this was begun before; says what was done."""
    job, kept = cluster.get(*JOB), _kept(cluster)
    if job is None:
        if kept is None:
            return f"namespace {cluster.namespace} has no RayJob {JOB[2]}: `league k8s deploy` makes one"
        return _make(cluster, kept)
    if job.get("status", {}).get("jobDeploymentStatus") != "Failed":
        if kept is not None:
            _keep(cluster, None)
        return "the job has not failed"
    lasted_s = age_s(cluster, job)
    times = int(job["metadata"].get("annotations", {}).get(TIMES, 0)) if lasted_s < 2 * LONGEST_S else 0
    wait_s = min(60.0 * 2 ** min(times, 10), LONGEST_S) - lasted_s if times else 0.0
    if wait_s > 0:
        return (
            f"the job was put in anew {times} times and has failed again: the next time is in {wait_s / 60:.0f} min; "
            "see `league k8s logs job`, and `league k8s deploy` puts it in at once"
        )
    again = _again(job, times + 1)
    _keep(cluster, again)
    remove_and_wait(cluster, *JOB)
    return _make(cluster, again)


def _again(job: Object, times: int) -> Object:
    """What to make in the place of a job."""
    metadata = {key: value for key, value in job["metadata"].items() if key in ("name", "namespace", "labels")}
    spec = {key: value for key, value in job["spec"].items() if key != "jobId"}
    metadata["annotations"] = {TIMES: str(times)}
    return {"apiVersion": JOB[0], "kind": JOB[1], "metadata": metadata, "spec": spec}


def _make(cluster: Cluster, job: Object) -> str:
    cluster.create(job)
    _keep(cluster, None)
    return "the job had failed: it is put in anew"


def _kept(cluster: Cluster) -> Object | None:
    """The job that shall be made."""
    found = (cluster.get(*KEPT) or {}).get("data") or {}
    return json.loads(found["job"]) if "job" in found else None


def _keep(cluster: Cluster, job: Object | None) -> None:
    data = {} if job is None else {"job": json.dumps(job)}
    cluster.patch(*KEPT, [{"op": "add", "path": "/data", "value": data}])
