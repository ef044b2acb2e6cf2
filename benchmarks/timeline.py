"""What a league had at marks of the clock: its champion, and the newest snapshot of its main learner."""

from __future__ import annotations

from typing import NamedTuple

from league.errors import UnknownPolicyError
from league.pool.store import Store


class Mark(NamedTuple):
    """One moment of a league's training."""

    seconds: float
    """Since it began."""
    champion: str | None
    """None: there was none yet, or its weights were pruned."""
    main: str
    """The newest snapshot of a main learner that still has its weights."""


class Timeline:
    """When a league, whose first role is called `main` as in all presets, froze and promoted what."""

    def __init__(self, store: Store, began_s: float | None = None) -> None:
        """`began_s`: Unix time in seconds; None: when its first snapshot was frozen.

        Raises `UnknownPolicyError` where there are no snapshots.
        """
        self._present = {snapshot.name: snapshot for snapshot in store.present()}
        self._main = [snapshot for snapshot in self._present.values() if snapshot.role == "main"]
        if not self._main:
            raise UnknownPolicyError(f"the league at {store.address} has no snapshots of a main learner yet")
        self._promotions = store.promotions()
        self._began = self._main[0].created_s if began_s is None else began_s

    def marks(self, count: int) -> list[Mark]:
        """`count` moments, equally far apart, up to the end; those before the first snapshot are left out."""
        changes = [snapshot.created_s for snapshot in self._main] + [one.promoted_s for one in self._promotions]
        lasted = max(*changes, self._began) - self._began
        found = []
        for number in range(1, count + 1):
            at = self._began + lasted * number / count
            main = [snapshot.name for snapshot in self._main if snapshot.created_s <= at]
            champions = [one.policy for one in self._promotions if one.promoted_s <= at]
            if main:
                champion = champions[-1] if champions and champions[-1] in self._present else None
                found.append(Mark(seconds=at - self._began, champion=champion, main=main[-1]))
        return found

    def learned(self, policy: str) -> tuple[int, float]:
        """Moves that a snapshot has learned from, and seconds from the league's beginning until it was frozen."""
        snapshot = self._present[policy]
        return snapshot.steps, snapshot.created_s - self._began
