"""Prometheus metrics of one league, read from the store at every scrape. It works while the league is down, too."""

from __future__ import annotations

import errno
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from league.config import LeagueConfig
from league.errors import LeagueError
from league.interfaces.heartbeat import heartbeat_age_s, phase
from league.interfaces.metrics import Page
from league.interfaces.standings import fixed_bots
from league.ladder.ratings import elo
from league.pool.address import Address
from league.pool.keys import Keys
from league.pool.store import Store

TOP: Final = 50
"""Snapshots that are named, the strongest; the bots and the champion always are."""

TIMEOUT_S: Final = 2.0
"""For the store to answer, well below Prometheus's own for a scrape (10 s)."""


class LeagueCollector(Collector):
    """Reads one league; opens the store when it can, and anew after it was lost."""

    def __init__(self, address: str, league: str, say: Callable[[str], None] | None = None) -> None:
        """`say` is told when the store is lost and found. Raises `StoreError` if the address or name is malformed."""
        Address.parse(address)
        Keys(league)
        self._address = address
        self._league = league
        self._say = say or (lambda text: print(text, file=sys.stderr, flush=True))
        self._store: Store | None = None
        self._lost = False
        self._lock = threading.Lock()

    def collect(self) -> Iterable[Metric]:
        """Everything that `league.interfaces.metrics` declares and the store holds; `league_store_up` always."""
        with self._lock:
            started = time.perf_counter()
            page = Page()
            try:
                self._read(page)
                page.add("league_store_up", 1)
                self._tell(None)
            except LeagueError as error:
                page = Page()
                page.add("league_store_up", 0)
                self.close()
                self._tell(error)
            page.add("league_scrape_seconds", time.perf_counter() - started)
            return page.families()

    def close(self) -> None:
        """Let go of the store."""
        store, self._store = self._store, None
        if store is not None:
            store.close()

    def _tell(self, error: LeagueError | None) -> None:
        if error is not None and not self._lost:
            self._say(f"league: {error}; trying again at every scrape")
        elif error is None and self._lost:
            self._say("league: the store answers again")
        self._lost = error is not None

    def _read(self, page: Page) -> None:
        if self._store is None:
            self._store = Store.open(self._address, self._league, timeout_s=TIMEOUT_S, create=False)
        store, now_s = self._store, time.time()
        config = store.config()
        if config is None:
            return  # The server is there, the league not yet.
        champion = _read_champion(page, store, now_s)
        _read_policies(page, store, config, champion)
        page.add("league_matches_total", store.match_count())
        _read_status(page, store.status(), now_s)


def _read_champion(page: Page, store: Store, now_s: float) -> str | None:
    promotions = store.promotions()
    page.add("league_promotions_total", len(promotions))
    if not promotions:
        return None
    champion = promotions[-1]
    page.add("league_champion_info", 1, champion.policy)
    page.add("league_champion_pinned", champion.pinned)
    page.add("league_champion_age_seconds", max(0.0, now_s - champion.promoted_s))
    return champion.policy


def _read_policies(page: Page, store: Store, config: LeagueConfig, champion: str | None) -> None:
    # Ratings first: a snapshot that is added meanwhile must not pass for a bot.
    ratings = store.ratings()
    snapshots, pruned = store.snapshots(), store.pruned()
    page.add("league_pool_snapshots", len(snapshots))
    page.add("league_pool_pruned", sum(snapshot.digest in pruned for snapshot in snapshots))
    page.add("league_pool_bytes", sum({s.digest: s.bytes for s in snapshots if s.digest not in pruned}.values()))
    rated = sorted((s.name for s in snapshots if s.name in ratings), key=lambda name: -ratings[name].mu)
    named = [(name, "snapshot") for number, name in enumerate(rated) if number < TOP or name == champion]
    named += [(name, "bot") for name in fixed_bots(config, snapshots, ratings) if name in ratings]
    for name, kind in named:
        points, interval = elo(ratings[name], ratings, config.ratings)
        page.add("league_policy_elo", points, name, kind)
        page.add("league_policy_elo_interval", interval, name, kind)
        page.add("league_policy_games", ratings[name].games, name, kind)


def _read_status(page: Page, status: Mapping[str, Any] | None, now_s: float) -> None:
    page.add("league_phase", 1, phase(status, now_s))
    age_s = heartbeat_age_s(status, now_s)
    if status is None or age_s is None:
        return
    page.add("league_heartbeat_age_seconds", age_s)
    page.add("league_dropped_games_total", status["dropped_games"])
    page.add("league_pool_unreadable", len(status["unreadable"]))
    for name, learner in status["learners"].items():
        page.add("league_learner_steps_total", learner["steps"], name)
        page.add("league_learner_steps_per_second", learner["steps_per_s"], name)
        page.add("league_learner_plies_per_second", learner["plies_per_s"], name)
        page.add("league_learner_stopped", learner["stopped"], name)
        for loss, value in learner["losses"].items():
            page.add("league_learner_loss", value, name, loss)


def serve(collector: LeagueCollector, host: str, port: int) -> WSGIServer:
    """Answer scrapes in a thread, port 0 on any free port; raises `LeagueError` if the port cannot be had."""
    registry = CollectorRegistry()
    registry.register(collector)
    try:
        server, _ = start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise LeagueError(f"port {port} on {host} is taken: give another --port") from error
        raise LeagueError(f"cannot listen on {host}, port {port}: {error.strerror}") from error
    return server
