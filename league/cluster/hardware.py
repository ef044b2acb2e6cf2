"""What a learner may use. Apart from the learner itself: whoever only starts one need not import RLlib."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """What a learner may use, resolved against the cluster."""

    cpus: float = 1.0
    """CPUs that it asks Ray for: less than one where learners take turns."""
    at_once: int = 1
    """How many learners of the league train at the same time."""
    threads: int = 1
    """Most threads for its gradient steps."""
    runners: int = 0
    """Runner processes beside the learner; 0 plays inside it."""
    gpus: float = 0.0
    """GPUs for each learner process."""
