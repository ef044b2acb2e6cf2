"""Where a league lives: what each of its actors is told."""

from __future__ import annotations

from dataclasses import dataclass

from league.pool.lease import Holder
from league.pool.store import Store


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a league lives: its store, its name there, and the run that works on it."""

    store: str
    """Address of the store: a folder or a URL."""
    league: str
    """Name of the league in it."""
    log_dir: str
    """Folder of TensorBoard event files, one folder per learner."""
    holder: Holder
    """The run that the actors belong to."""
    fence: int | None = None
    """Token of the coordinator that started the actor; its writes are refused once there is a newer one."""

    def open(self) -> Store:
        """The store, which writes under the `fence`; raises what `Store.open` does."""
        store = Store.open(self.store, self.league)
        store.fence = self.fence
        return store
