"""Whether torch can use the GPUs that Ray gives a learner: a driver may be too old for it, or it knows no GPUs."""

from __future__ import annotations

import ray

from league.cluster.plan import Hardware
from league.config import LearningConfig
from league.policies.device import choose_device


def why_not(learning: LearningConfig, hardware: Hardware) -> str | None:
    """Why torch computes on no GPU where gradient steps are to be taken; None: it does, or no GPU is given for them.

    Learner processes of their own would end where they cannot use theirs, so one GPU is tried beforehand.
    """
    if not hardware.gpus:
        return None
    if not learning.num_learners:
        return _why_not_here()
    reason: str | None = ray.get(ray.remote(_why_not_here).options(num_cpus=0, num_gpus=hardware.gpus).remote())
    return reason


def _why_not_here() -> str | None:
    return choose_device("cuda").missing
