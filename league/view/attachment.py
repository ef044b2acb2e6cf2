"""A store that is watched for days: opened when it can be, and anew after it was lost."""

from __future__ import annotations

import threading
from typing import Final

from league.config import LeagueConfig
from league.pool.address import Address
from league.pool.keys import Keys
from league.pool.store import Store

TIMEOUT_S: Final = 2.0
"""For the store to answer, well below Prometheus's own for a scrape (10 s)."""


class Attachment:
    """One league, which need not be there yet."""

    def __init__(self, address: str, league: str) -> None:
        """Raises `StoreError` if the address or the name is malformed."""
        Address.parse(address)
        Keys(league)
        self.address = address
        self.league = league
        self._store: Store | None = None
        self._lock = threading.Lock()

    def store(self) -> Store:
        """The store, whether it holds the league or not yet; raises what `Store.open` does."""
        with self._lock:
            if self._store is None:
                self._store = Store.open(self.address, self.league, timeout_s=TIMEOUT_S, create=False)
            return self._store

    def open(self) -> tuple[Store, LeagueConfig]:
        """The store and the league's configuration of this moment; raises what `Store.open` and `require_config` do."""
        store = self.store()
        return store, store.require_config()

    def close(self) -> None:
        """Let go of the store; the next `open` connects anew."""
        with self._lock:
            store, self._store = self._store, None
        if store is not None:
            store.close()
