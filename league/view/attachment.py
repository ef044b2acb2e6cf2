"""A league that is watched for days: its store opened when it can be, and anew after it was lost."""

from __future__ import annotations

import threading
from typing import Final

from league.config import LeagueConfig
from league.errors import StoreError, WrongLeagueError
from league.pool.address import Address
from league.pool.keys import Keys
from league.pool.mirror import Mirror
from league.pool.store import Store
from league.view.overview import Overview

TIMEOUT_S: Final = 2.0
"""For the store to answer, well below Prometheus's own for a scrape (10 s)."""


class Attachment:
    """One league, which need not be there yet. Threads may share it, but only one at a time may `look`."""

    def __init__(self, address: str, league: str, *, standings: bool = False, latest: int = 0, events: int = 0) -> None:
        """Raises `StoreError` if the address or the name is malformed; for what is looked at, see `Mirror`."""
        Address.parse(address)
        Keys(league)
        self.address = address
        self.league = league
        self._standings, self._latest, self._events = standings, latest, events
        self._store: Store | None = None
        self._mirror: Mirror | None = None
        self._lock = threading.Lock()

    def store(self) -> Store:
        """The store, whether it holds the league or not yet; raises what `Store.open` does."""
        with self._lock:
            if self._store is not None and self._store.removed:
                self._store.close()
                self._store = None
            if self._store is None:
                self._store = Store.open(self.address, self.league, timeout_s=TIMEOUT_S, create=False)
            return self._store

    def open(self) -> tuple[Store, LeagueConfig]:
        """The store and the league's configuration of this moment; raises what `Store.open` and `require_config` do."""
        store = self.store()
        return store, store.require_config()

    def look(self) -> Overview:
        """The league of this moment; only what is new is read, unless the store was lost in between.

        Raises:
            WrongLeagueError: there is no league yet.
            StoreError: the store is lost; the next look opens it anew.
        """
        store = self.store()
        if self._mirror is None or self._mirror.store is not store:
            self._mirror = Mirror(store, standings=self._standings, latest=self._latest, events=self._events)
        try:
            return Overview.read(self._mirror)
        except WrongLeagueError:
            raise
        except StoreError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the store; whatever comes next connects anew."""
        with self._lock:
            store, self._store = self._store, None
        if store is not None:
            store.close()
