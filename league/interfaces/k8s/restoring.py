"""A league that comes back from a backup, in its namespace, before anything trains there."""

from __future__ import annotations

import copy
import re
from typing import Final

from league.errors import KubernetesError
from league.interfaces.k8s.cluster import Cluster
from league.interfaces.k8s.deployment import Say, deploy, remove_and_wait, wait
from league.interfaces.k8s.manifests import Object, key
from league.interfaces.k8s.selectors import JOB

NEWEST: Final = "newest"
"""Instead of a file's name: the last backup."""
BACKUP: Final = "league-backup"
"""The CronJob whose pod the restoring one is made of: same image, same volume."""
RESTORE: Final = ("batch/v1", "Job", "league-restore")
"""Version of the API, kind and name."""

COMMAND: Final = 'cd /backups && exec league restore "$(ls -1 -- $0 | tail -n 1)"'
"""Of a file or, with a pattern, of the last by name: the names are dates."""


def restore(cluster: Cluster, objects: list[Object], file: str, *, force: bool, timeout_s: float, say: Say) -> None:
    """Deploy all but the league's job, and fill the store from a backup on the volume `league-backups`.

    `file` is its name there, or `newest`. Raises `KubernetesError` where a job is there already, the overlay has no
    backups, or the restoration fails, with what it says.
    """
    job = restore_job(objects, file)
    if cluster.get(*JOB) is not None:
        raise KubernetesError(
            f"namespace {cluster.namespace} has a RayJob {JOB[2]}: `league k8s stop`, and restore into an empty store"
        )
    remove_and_wait(cluster, *RESTORE)
    rest = [one for one in objects if one["kind"] != JOB[1]]
    began = deploy(cluster, rest, force=force, say=say)
    servers = [one for one in rest if one["kind"] == "StatefulSet"]
    wait(cluster, servers, since=began, timeout_s=timeout_s, say=say)
    cluster.apply(job)
    try:
        wait(cluster, [job], since=began, timeout_s=timeout_s, say=say)
    except KubernetesError as error:
        raise KubernetesError(f"{error}{_said(cluster)}") from error
    cluster.delete(*key(job))


def restore_job(objects: list[Object], file: str) -> Object:
    """The Job that restores `file`: the pod that makes backups, with the rights of the league's own user."""
    if not re.fullmatch(r"[\w][\w.-]*", file):
        raise KubernetesError(f"--restore {file}: give the name of a file on the volume league-backups, or {NEWEST}")
    cron = next((one for one in objects if (one["kind"], one["metadata"]["name"]) == ("CronJob", BACKUP)), None)
    if cron is None:
        raise KubernetesError(f"--restore {file}: the overlay has no CronJob {BACKUP}, so it has no backups")
    template = copy.deepcopy(cron["spec"]["jobTemplate"]["spec"]["template"])
    (container,) = template["spec"]["containers"]
    container["command"] = ["sh", "-c", COMMAND, "*.tar" if file == NEWEST else file]
    kept = [one for one in container["env"] if not one["name"].startswith("LEAGUE_REDIS_")]
    container["env"] = kept + [
        {"name": f"LEAGUE_REDIS_{part.upper()}", "valueFrom": {"secretKeyRef": {"name": "league-redis", "key": part}}}
        for part in ("username", "password")
    ]
    metadata = {**cron["metadata"], "name": RESTORE[2]}
    spec = {"backoffLimit": 0, "ttlSecondsAfterFinished": 86_400, "template": template}
    return {"apiVersion": RESTORE[0], "kind": RESTORE[1], "metadata": metadata, "spec": spec}


def _said(cluster: Cluster) -> str:
    """The last line that the restoring pod has printed, for people; nothing if it has not come so far."""
    pods = cluster.find("v1", "Pod", label_selector=f"job-name={RESTORE[2]}")
    for pod in pods:
        try:
            lines = [line for line in cluster.log(pod["metadata"]["name"], "backup", follow=False, tail=5) if line]
        except KubernetesError:
            continue
        if lines:
            return f"; it says: {lines[-1].removeprefix('league: ')}"
    return ""
