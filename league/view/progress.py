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
