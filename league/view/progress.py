"""How far a run is, and when it ends. Imports nothing, so that whoever only watches needs no Ray."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When a run ends by itself; None: never."""

    seconds: float | None = None
    """Of training in this run."""
    steps: int | None = None
    """Of all learners together, since the league began."""
    elo: float | None = None
    """Of the champion."""

    def reached(self, seconds: float, steps: int, elo: float | None) -> bool:
        """Whether one of them is; `elo` is the champion's, None before the first."""
        limits = ((seconds, self.seconds), (steps, self.steps), (elo, self.elo))
        return any(limit is not None and done is not None and done >= limit for done, limit in limits)

    def share(self, seconds: float, steps: int) -> float | None:
        """How much of what was asked for is done after so many seconds of this run and steps, in [0, 1].

        None: nothing was asked for.
        """
        parts = [done / limit for done, limit in ((seconds, self.seconds), (steps, self.steps)) if limit]
        return min(1.0, max(parts)) if parts else None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is."""

    phase: str
    seconds: float
    """Of training in this run."""
    steps: int
    """Of all learners together, since the league began."""
    interrupted: bool
    stage: str = ""
    """What starts now; nothing once it trains."""
    waits: str | None = None
    """Why the league stands still: what is wrong with the store, until it is well again."""
    trouble: str | None = None
    """Why the run would not have gone well if it ended now: nothing was ever decided."""
