"""How long the store of a league will do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from league.ladder.records import Plain
from league.pool.durability import disk
from league.pool.store import Store

TELLING_S: Final = 600.0
"""Age of a league in seconds before which its pace says nothing."""


@dataclass(frozen=True, kw_only=True)
class Storage(Plain):
    """What a store uses of what it may, memory or disk, whichever is full first."""

    fills: Literal["memory", "disk"]
    """Which is full first."""
    used_bytes: int
    """Of memory what the server uses, for all leagues on it; on a disk what anybody uses."""
    limit_bytes: int
    lasts_s: float | None
    """Seconds until it is full, if it goes on growing as it has since the league began; None: nobody can tell yet."""

    @classmethod
    def of(cls, store: Store) -> Storage | None:
        """Of the memory of the store's server, or of the disk of a folder; None where neither can be asked for."""
        health, free = store.health(), disk(store.address)
        if health is None or not health.memory_limit_bytes:
            return None
        used, limit, age_s = health.memory_bytes, health.memory_limit_bytes, store.age_s()
        left = limit - used
        fills: Literal["memory", "disk"] = "memory"
        if free is not None and free[0] < left:
            # The append-only file grows as the memory does.
            fills, left, limit = "disk", free[0], free[1]
        lasts_s = max(0, left) * age_s / used if used and age_s >= TELLING_S else None
        shown = used if fills == "memory" else limit - left
        return cls(fills=fills, used_bytes=shown, limit_bytes=limit, lasts_s=lasts_s)
