"""The end of a league's job: it gets its time to save before anything that it needs is taken away."""

from __future__ import annotations

import time
from typing import Final

from league.errors import KubernetesError
from league.interfaces.k8s import deployment
from league.interfaces.k8s.cluster import Cluster
from league.interfaces.k8s.deployment import Say, remove_and_wait
from league.interfaces.k8s.overview import ask_league
from league.interfaces.k8s.selectors import JOB

SAVING_S: Final = 240.0
"""So long Ray lets a job save: `RAY_JOB_STOP_WAIT_TIME_S` of the head."""
SAVED: Final = ("stopped", "failed", "not running", "never run")
"""Phases of a league that has nothing more to save."""


def stop(cluster: Cluster, say: Say) -> bool:
    """Delete the job, and wait until its league has saved; False if there was none.

    KubeRay asks Ray to stop the job and lets go of it at once, so it is gone long before it has ended. Raises
    `KubernetesError` where the league cannot be asked, or has not ended after `SAVING_S` seconds.
    """
    if cluster.get(*JOB) is None:
        return False
    remove_and_wait(cluster, *JOB)
    say(f"deleted {JOB[1]} {JOB[2]}: the league saves")
    deadline = time.monotonic() + SAVING_S
    while (phase := ask_league(cluster, 0)["phase"]) not in SAVED:
        if time.monotonic() > deadline:
            raise KubernetesError(
                f"the league has not ended after {SAVING_S:.0f} s, it is {phase}: Ray has killed it by now, and what "
                "it learned since its last checkpoint is lost; see `league k8s logs coordinator`"
            )
        time.sleep(deployment.POLL_S)
    say(f"the league is {phase}")
    return True
