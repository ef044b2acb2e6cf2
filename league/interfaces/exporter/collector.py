"""Prometheus metrics of one league, read from the store at every scrape. It works while the league is down, too."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from league.errors import LeagueError, WrongLeagueError
from league.interfaces.exporter.metrics import Samples
from league.interfaces.exporter.readings import Readings
from league.pool.durability import Health, disk
from league.view.attachment import Attachment
from league.view.strongest import SEATINGS


class LeagueCollector(Collector):
    """Reads one league; opens the store when it can, and anew after it was lost."""

    def __init__(self, address: str, league: str) -> None:
        """Raises `StoreError` if the address or name is malformed."""
        self._attachment = Attachment(address, league, standings=True, latest=SEATINGS)
        self._readings = Readings()
        self._lost = False
        self._lock = threading.Lock()

    def collect(self) -> Iterable[Metric]:
        """Everything that `metrics` declares and the store holds; `league_store_up`, and a folder's disk, always."""
        with self._lock:
            started = time.perf_counter()
            samples, failure = Samples(), None
            try:
                self._read(samples)
            except LeagueError as error:
                samples, failure = Samples(), error
                self.close()
            samples.add("league_store_up", failure is None)
            self._tell(failure)
            if (found := disk(self._attachment.address)) is not None:
                samples.add("league_store_disk_free_bytes", found[0])
                samples.add("league_store_disk_bytes", found[1])
            samples.add("league_scrape_seconds", time.perf_counter() - started)
            return samples.families()

    def close(self) -> None:
        """Let go of the store."""
        self._attachment.close()

    def _tell(self, error: LeagueError | None) -> None:
        """Say on the standard error when the store is lost, and when it is found."""
        if error is not None and not self._lost:
            print(f"league: {error}; trying again at every scrape", file=sys.stderr, flush=True)
        elif error is None and self._lost:
            print("league: the store answers again", file=sys.stderr, flush=True)
        self._lost = error is not None

    def _read(self, samples: Samples) -> None:
        store = self._attachment.store()
        samples.add("league_store_seconds", store.ping(), "ping")
        started = time.perf_counter()
        try:
            overview = self._attachment.look()
        except WrongLeagueError:  # The server is there, and the league not yet.
            overview = None
        samples.add("league_store_seconds", time.perf_counter() - started, "read")
        _health(samples, store.health())
        if overview is not None:
            self._readings.fill(samples, overview, store)


def _health(samples: Samples, health: Health | None) -> None:
    if health is None:  # A user of the store need not have the right to ask.
        return
    samples.add("league_store_memory_bytes", health.memory_bytes)
    if health.memory_limit_bytes:
        samples.add("league_store_memory_limit_bytes", health.memory_limit_bytes)
    for what, well in health.written.items():
        samples.add("league_store_written", well, what)
