"""Where each part of a league writes its log, and how it is read there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from league.errors import KubernetesError, nearest
from league.interfaces.k8s.cluster import Cluster, Finished
from league.interfaces.k8s.selectors import DASHBOARD, EXPORTER, GCS, HEAD, JOB, SERVING_WORKER, STORE

RAY_LOGS: Final = "/tmp/ray/session_latest/logs"  # noqa: S108, the path in the container


@dataclass(frozen=True, kw_only=True)
class Source:
    """A container's log or, with `files`, files in the container."""

    selector: str
    container: str
    files: str | None = None
    """Shell words that name them in Ray's folder of logs; `{job}` is the id of the job."""


SOURCES: Final = {
    "job": Source(selector=HEAD, container="ray-head", files="job-driver-{job}.log"),
    # Ray writes the class of an actor to the top of its worker's files.
    "coordinator": Source(
        selector=HEAD, container="ray-head", files="$(grep -l '^:actor_name:.*Coordinator' worker-*.out worker-*.err)"
    ),
    "head": Source(selector=HEAD, container="ray-head"),
    "autoscaler": Source(selector=HEAD, container="autoscaler"),
    "champion": Source(selector=SERVING_WORKER, container="ray-worker", files="serve/*.log"),
    "exporter": Source(selector=EXPORTER, container="exporter"),
    "dashboard": Source(selector=DASHBOARD, container="dashboard"),
    "store": Source(selector=STORE, container="redis"),
    "gcs": Source(selector=GCS, container="redis"),
}
"""By the word that people type."""


def read(cluster: Cluster, what: str, *, follow: bool, tail: int) -> Iterator[str]:
    """Lines of a log, the last `tail` and then, with `follow`, those that come. Raises `KubernetesError`."""
    source = SOURCES.get(what)
    if source is None:
        raise KubernetesError(f"no log of {what!r}{nearest(what, SOURCES)}; there are {', '.join(SOURCES)}")
    pod = cluster.running(source.selector, what)
    if source.files is None:
        yield from cluster.log(pod, source.container, follow=follow, tail=tail)
        return
    files = source.files.format(job=_job(cluster)) if what == "job" else source.files
    shell = f'cd {RAY_LOGS} && set -- {files} && [ $# -gt 0 ] && exec tail -n {tail} {"-F" if follow else ""} -- "$@"'
    rest = ""
    for part in cluster.follow(pod, source.container, ["sh", "-c", shell]):
        if isinstance(part, Finished):
            if rest:
                yield rest
            if part.code:
                raise KubernetesError(f"no log of {what} in {pod}: {part.errors.strip() or f'exit code {part.code}'}")
            return
        *lines, rest = (rest + part).split("\n")
        yield from lines


def _job(cluster: Cluster) -> str:
    found = (cluster.get(*JOB) or {}).get("status", {}).get("jobId")
    if not found:
        raise KubernetesError(
            f"the job in namespace {cluster.namespace} has not been submitted yet: see `league k8s status`"
        )
    return str(found)
