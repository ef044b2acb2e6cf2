"""`league promote` in the cluster, and the champion that is served after it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from league.errors import KubernetesError
from league.interfaces.k8s import deployment
from league.interfaces.k8s.cluster import Cluster, Finished
from league.interfaces.k8s.deployment import READINESS
from league.interfaces.k8s.selectors import HEAD, SERVICE, SERVING_HEAD

ASK: Final = ["python", "-c", "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8000/').read().decode())"]


def promote(cluster: Cluster, arguments: list[str], by: str, show: Callable[[str], None]) -> int:
    """Run `league promote` with these arguments beside the league; `show` gets its output. Its exit code.

    `by` is the name in the history.
    """
    pod = cluster.running(HEAD, "the Ray head")
    for part in cluster.follow(pod, "ray-head", ["env", f"LOGNAME={by}", "league", "promote", *arguments]):
        if not isinstance(part, Finished):
            show(part)
        elif part.code > 1:
            raise KubernetesError(part.said)
        else:
            return part.code
    raise AssertionError("a command ends with how it ended")


def champion(cluster: Cluster) -> str | None:
    """The champion of the store; None if there is none."""
    found = cluster.ask(cluster.running(HEAD, "the Ray head"), "ray-head", ["league", "champion", "--json"])
    return None if found is None else str(found["policy"])


def wait_served(cluster: Cluster, policy: str, timeout_s: float, show: Callable[[str], None]) -> None:
    """Tell of the RayService and of who is served, until it is `policy`.

    Raises `KubernetesError` after `timeout_s` seconds.
    """
    deadline, said = time.monotonic() + timeout_s, ""
    while True:
        live = cluster.get(*SERVICE)
        if live is None:
            show("there is no RayService champion: nothing serves it")
            return
        try:
            pod = cluster.running(SERVING_HEAD, "the champion's service")
            answers = cluster.ask(pod, "ray-head", ASK, "the champion's service does not answer: ").get("policy")
            heard = f"{answers or 'nobody'} is served"
        except KubernetesError as error:
            answers, heard = None, str(error)
        text = f"RayService champion {READINESS[SERVICE[1]](live)[1]}: {heard}"
        if text != said:
            show(text)
            said = text
        if answers == policy:
            return
        if time.monotonic() > deadline:
            raise KubernetesError(f"{policy} is not served after {timeout_s:.0f} s: see `league k8s logs champion`")
        time.sleep(deployment.POLL_S)
