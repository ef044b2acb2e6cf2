"""What the coordinator knows of one learner."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import Any

from league.actors.learner import Report
from league.cluster.hardware import Hardware
from league.config import RoleConfig
from league.ladder.matchmaking import Experience

DIVERGED_LIMIT = 3
"""A learner that diverges so many times in a row is stopped."""

SMOOTHING = 0.8
"""Of the speeds that are shown, per iteration."""


@dataclass(kw_only=True)
class LearnerSlot:
    """One learner of the league, whether it has a place or waits for one."""

    name: str
    role: RoleConfig
    experience: Experience
    actor: Any = None
    hardware: Hardware | None = None
    """That the actor was started with; None: there is none, it waits for a place."""
    started_at: float = 0.0
    """Or started again by Ray."""
    moves_to: Hardware | None = None
    """With which it starts again once it is saved."""
    used_s: float = 0.0
    """Seconds that it has been at work, over its role's share: whose turn it is."""
    steps: int = 0
    ready: bool = False
    """Whether it has answered since this process began."""
    busy: bool = False
    rests_until: float = 0.0
    """After the store did not take what it has, or did not give what it needs."""
    diverged: int = 0
    """How often in a row."""
    opponents: dict[str, float] = field(default_factory=dict)
    held: int = 0
    """Iterations that they have stayed."""
    frozen_at: float = field(default_factory=time.monotonic)
    saved_at: float = field(default_factory=time.monotonic)
    trained_at: float | None = None
    """When its latest iteration ended."""
    steps_per_s: float = 0.0
    plies_per_s: float = 0.0
    losses: dict[str, float] = field(default_factory=dict)
    report: Report | None = None
    """The latest."""
    reported_s: float | None = None
    """When it came, in seconds of Unix time."""
    saved_s: float | None = None
    """When its latest checkpoint of this run was made, in seconds of Unix time."""

    @property
    def stopped(self) -> bool:
        """Whether it has been given up."""
        return self.diverged >= DIVERGED_LIMIT

    def to_json(self, frozen_steps: int) -> dict[str, Any]:
        """As the status shows it; `frozen_steps`: those of its latest snapshot."""
        report, hardware = self.report, self.hardware
        return {
            "steps": self.steps,
            "steps_per_s": self.steps_per_s,
            "plies_per_s": self.plies_per_s,
            "losses": self.losses,
            "opponents": self.opponents,
            "stopped": self.stopped,
            "placed": hardware is not None,
            "gpus": hardware.gpus if hardware is not None else 0.0,
            "runners": hardware.runners if hardware is not None else 0,
            "lag_steps": max(0, self.steps - frozen_steps),
            "reported_s": self.reported_s,
            "saved_s": self.saved_s,
            "parts_s": {} if report is None else dict(report.parts_s),
            "usage": None if report is None or report.usage is None else asdict(report.usage),
        }

    def learned(self, report: Report) -> None:
        """An iteration went well. While others had their turn it did not learn: the speed is over all of the time."""
        now = time.monotonic()
        seconds = now - self.trained_at if self.trained_at else report.seconds
        self.diverged, self.losses, self.trained_at = 0, dict(report.losses), now
        self.steps_per_s = _smoothed(self.steps_per_s, report.learned / seconds)
        self.plies_per_s = _smoothed(self.plies_per_s, report.plies / seconds)


def _smoothed(old: float, new: float) -> float:
    return SMOOTHING * old + (1 - SMOOTHING) * new if old else new
