"""The actor beside the coordinator that does what takes longer the older a league is: retention, and the match log."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection

import ray

from league.actors.place import Place
from league.actors.waiting import until_available
from league.config import LogConfig, RetentionConfig
from league.errors import SegmentError, StoreFullError, StoreUnavailableError
from league.pool.keeping import decisions, prune, who_matters


class Keeper:
    """Whatever it is doing when it dies is done again: a store bears that at any moment."""

    def __init__(self, place: Place) -> None:
        os.nice(10)  # Learners and matches come first.
        # A constructor that raises is not tried again, so it waits.
        self.store = until_available(place.open)

    def ready(self) -> None:
        """Return once it can work, also after Ray has restarted it."""

    def leaving(self, config: RetentionConfig, in_play: Collection[str]) -> list[str]:
        """Names of the snapshots whose weights no rule keeps now."""
        found = who_matters(self.store)
        with contextlib.suppress(StoreUnavailableError):  # It only saves others the work.
            self.store.note_mixture(found)
        return [one.snapshot.name for one in decisions(self.store, config, found, in_play=in_play) if not one.keep]

    def prune(self, names: Collection[str]) -> list[str]:
        """Delete the weights of these, which nobody draws any more, and say so; the digests that went."""
        return [snapshot.digest for snapshot in prune(self.store, names, now_s=self.store.now_s())]

    def keep_log(self, config: LogConfig) -> str | None:
        """Seal and archive what is old enough; what was in the way, for people."""
        try:
            self.store.seal(config)
            self.store.archive(config.archive)
        except (StoreFullError, SegmentError) as error:
            return f"old matches stay in the store: {error}"
        return None


KeeperActor = ray.remote(Keeper)
