"""Following the champion: its network is loaded and warmed beside the one that answers, then takes its place."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import Final

import torch
from ray.serve.metrics import Counter, Gauge

from league.errors import LeagueError, PolicyError
from league.games import game_spec
from league.games.base import GameSpec
from league.interfaces.serve.searching import Searching
from league.ladder.records import Promotion
from league.policies.network import PolicyNetwork
from league.policies.search import with_search
from league.policies.weights import unpack
from league.pool.store import Store

TIMEOUT_S: Final = 2.0
"""For the store to answer."""

POLL_S: Final = 1.0
"""A promotion of which no message came is noticed after so long; metrics are set anew as often, or Ray drops them."""

RETRY_S: Final = 1.0
"""Pause before a champion that could not be loaded, or a store that could not be opened, is tried again."""

WARM_ROWS: Final = (1, 64, 64)
"""Batches that a new network is asked before it answers anyone; the last one is timed."""

QUICK_S: Final = 0.002
"""For that batch: a network that is quicker computes between two events of the loop, a slower one in a thread."""

log = logging.getLogger("ray.serve")


@dataclass(frozen=True, kw_only=True)
class Served:
    """A champion that is loaded and answers."""

    promotion: Promotion
    network: PolicyNetwork
    device: str
    searching: Searching | None
    """Looks ahead for it; None: it answers with its network alone."""
    quick: bool
    """Whether a batch takes less than `QUICK_S`, and handing it to a thread more than it saves."""
    since_s: float
    """When it took over in this replica, Unix time in seconds."""

    @property
    def name(self) -> str:
        """Of who answers, such as `main-0007` or `main-0007+search200`."""
        simulations = None if self.searching is None else self.searching.simulations
        return with_search(self.promotion.policy, simulations)


class Follower:
    """A thread that keeps `served` the champion of the store.

    What is served goes on through anything: a store that is down, a champion that cannot be loaded. A request takes
    `served` once and keeps it, so none sees half a swap.
    """

    def __init__(self, address: str, league: str, device: str, search: int | None = None) -> None:
        """`search`: simulations of each move; without it the network answers alone."""
        self.address, self.league, self.device, self.search = address, league, device, search
        self.served: Served | None = None
        self.spec: GameSpec | None = None
        """The league's game, None until the store was read."""
        self.store_error: str | None = None
        """Why the store does not answer; None while it does, and before it was asked (`spec` is None then)."""
        self.refused: str | None = None
        """Why the champion of the store is not the one that is served; None if it is."""
        self._searching: Searching | None = None
        self.loading: str | None = None
        """The champion that is being loaded, None where there is none to load."""
        self.started = time.monotonic()
        self._stop = threading.Event()
        self._store: Store | None = None
        self._thread = threading.Thread(target=self._run, name="follow the champion", daemon=True)
        self._metrics = _Metrics()

    def start(self) -> None:
        """Begin to follow the champion, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Let go of the store; what is served stays."""
        self._stop.set()

    def check(self) -> None:
        """Raise `RuntimeError` where the thread has died, which is a bug."""
        if not self._thread.is_alive() and not self._stop.is_set():
            raise RuntimeError("the thread that follows the champion has died; the log says why")

    def not_ready(self) -> str | None:
        """Why nothing can be answered yet; None if it can."""
        if self.served is not None:
            return None
        if self.loading is not None:
            return f"{self.loading} is being loaded"
        reason = self.refused or self.store_error
        if reason is None and self.spec is None:
            return "the store is being opened"
        return reason or f"league {self.league!r} has no champion yet"

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    self._follow()
                except PolicyError as error:
                    self._refuse(error)
                except LeagueError as error:
                    self._heard(error)
                    self._let_go()  # A folder that was removed may be there again.
                self._stop.wait(RETRY_S)
        finally:
            self._let_go()

    def _let_go(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            store.close()

    def _follow(self) -> None:
        if self._store is None:
            self._store = Store.open(self.address, self.league, timeout_s=TIMEOUT_S, create=False)
        config, champion = self._store.require_config(), self._store.champion()
        if self.served is None and champion is not None:
            self.loading = champion.policy  # Before the game is known: else it would seem that there is none.
        self.spec = self.spec or game_spec(config.game)
        if self.search is not None and self._searching is None:
            self._searching = Searching(self.search, self.spec, self.device)
        for promotion in self._store.watch_champion(poll_s=POLL_S, stop=self._stop, heard=self._heard):
            self._take(self._store, promotion, self.spec)

    def _take(self, store: Store, promotion: Promotion, spec: GameSpec) -> None:
        before, started_s = self.served, time.perf_counter()
        if before is None or before.promotion.digest != promotion.digest:
            self.loading = promotion.policy
            network = unpack(store.weights(promotion.digest), spec, self.device).eval().requires_grad_(False)
            quick = _warm(network, self.device) < QUICK_S and self._searching is None
        else:
            network, quick = before.network, before.quick
        self.served = Served(
            promotion=promotion,
            network=network,
            device=self.device,
            searching=self._searching,
            quick=quick,
            since_s=time.time(),
        )
        self.loading, self.refused = None, None
        self._metrics.served(self.served, before)
        took_ms = 1000 * (time.perf_counter() - started_s)
        log.info("serving %s, hash %s, loaded in %.0f ms", self.served.name, promotion.digest[:12], took_ms)

    def _refuse(self, error: PolicyError) -> None:
        if self.refused != str(error):
            goes_on = "nothing is served" if self.served is None else f"{self.served.name} goes on"
            log.error("the champion cannot be served: %s; %s", error, goes_on)
        self.loading, self.refused = None, str(error)

    def _heard(self, error: LeagueError | None) -> None:
        """Called after every look at the store."""
        reason = None if error is None else str(error)
        if (reason is None) != (self.store_error is None) and self._store is not None:
            log.log(*((logging.INFO, "the store answers") if reason is None else (logging.ERROR, f"{reason}")))
        self.store_error = reason
        if error is not None:
            self.loading = None
        self._metrics.looked(store_up=reason is None, refused=self.refused is not None)


@torch.inference_mode()
def _warm(network: PolicyNetwork, device: str) -> float:
    """Ask it a few batches; seconds of the last. Raises `PolicyError` where it does not answer with numbers."""
    spec, took_s = network.spec, 0.0
    for rows in WARM_ROWS:
        started_s = time.perf_counter()
        observation = torch.zeros(rows, *spec.shape, device=device)
        logits, values = network(observation, torch.ones(rows, spec.actions, dtype=torch.bool, device=device))
        if not (logits.isfinite().all() and values.isfinite().all()):
            raise PolicyError("the network answers with values that are not finite")
        took_s = time.perf_counter() - started_s
    return took_s


class _Metrics:
    """As Ray exports them, each with `ray_` before its name."""

    def __init__(self) -> None:
        self._champion = Gauge(
            "league_serve_champion_info", description="1 for the policy that answers.", tag_keys=("policy", "sha256")
        )
        self._refused = Gauge(
            "league_serve_champion_refused", description="1 if the champion cannot be loaded and another one answers."
        )
        self._store_up = Gauge("league_serve_store_up", description="1 if the store answered the last look, else 0.")
        self._swaps = Counter("league_serve_swaps_total", description="Promotions that were followed.")
        self._tags: dict[str, str] | None = None

    def served(self, now: Served, before: Served | None) -> None:
        if self._tags is not None:
            self._champion.set(0, tags=self._tags)
        self._tags = {"policy": now.name, "sha256": now.promotion.digest[:12]}
        self._champion.set(1, tags=self._tags)
        if before is not None:
            self._swaps.inc()

    def looked(self, *, store_up: bool, refused: bool) -> None:
        self._store_up.set(int(store_up))
        self._refused.set(int(refused))
        if self._tags is not None:
            self._champion.set(1, tags=self._tags)
