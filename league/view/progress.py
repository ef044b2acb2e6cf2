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
    waits: str | None = None
    """Why the league stands still: what is wrong with the store, until it is well again."""
    trouble: str | None = None
    """Why the run would not have gone well if it ended now: nothing was ever decided."""
