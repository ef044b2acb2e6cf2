"""The actor that runs a league: it reads the store, asks `ladder` what to do next, and writes what came of it.

It holds no state that cannot be read again: Ray runs `__init__` anew after a crash, and the league goes on. It never
waits for one worker: everything that is under way is one set of futures, and whatever is ready first is handled.

It writes under the lease of its run (`league.pool.lease`). Each coordinator takes a token of its own, so that learners
of one that died cannot write beside those of the next.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
import traceback
from collections.abc import Callable
from typing import Literal

import ray

from league.actors.evaluation import Evaluation
from league.actors.futures import Futures
from league.actors.roster import Roster
from league.actors.spawn import Place
from league.actors.training import Training
from league.actors.waiting import until_available
from league.cluster.capacity import Capacity
from league.cluster.census import Census
from league.cluster.plan import Bundle
from league.errors import DivergedError, LeagueError, StoreUnavailableError
from league.pool.lease import RENEW_EVERY_S
from league.pool.store import Store

Phase = Literal["starting", "training", "closing", "stopped", "failed"]

STATUS_EVERY_S = 1.0
SAVING_S = 60.0
"""How long learners have to finish and save when the league ends."""


class Coordinator:
    """Works in a thread of its own from the moment the actor exists."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.phase: Phase = "starting"
        self.failure: str | None = None
        self.steps = 0
        self.waits: str | None = None
        """What is wrong with the store, while nothing can be written."""
        self._waits_since = 0.0
        self._started_s = time.time()
        self._status_at = 0.0
        self._renewed_at = 0.0
        self._stopping = threading.Event()
        self._closing_s = 0.0
        self._restarted = bool(ray.get_runtime_context().was_current_actor_reconstructed)
        self.census = Census()
        threading.Thread(target=self._run, name="league", daemon=True).start()

    def state(self) -> tuple[Phase, str | None, int, str | None]:
        """The phase, why it failed if it did, the steps of all learners, and what it waits for, if it does."""
        return self.phase, self.failure, self.steps, self.waits

    def stop(self, closing_s: float) -> None:
        """Save everything and end; first play matches, at most `closing_s` seconds, until the ratings are settled."""
        self._closing_s = closing_s
        self._stopping.set()

    def _run(self) -> None:
        try:
            self._retry(self._open)
            while not self._stopping.is_set():
                self._retry(self._tick)
            self.phase = "closing"
            self._retry(self._close)
            self._retry(self._say_stopped)
            self.phase = "stopped"
        except LeagueError as error:
            self._fail(str(error))
        except Exception:
            self._fail(traceback.format_exc())

    def _fail(self, reason: str) -> None:
        """Say so to the driver and, as far as it can be reached, in the store. The desk for capacity hears no more."""
        self.phase, self.failure = "failed", reason
        with contextlib.suppress(LeagueError, AttributeError):  # Without a store or a roster there is nobody to tell.
            self.roster.say("failed", reason.strip().splitlines()[-1])
            self._write_status()

    def _retry(self, step: Callable[[], None]) -> None:
        """Go through with one step; a store that is not available is waited for, however long it takes."""
        until_available(step, self._wait)
        if self.waits is not None:
            seconds = time.monotonic() - self._waits_since
            self.roster.say("store", f"{self.waits}; the league waited {seconds:.0f} s and lost nothing")
            self.waits = None

    def _wait(self, error: StoreUnavailableError) -> None:
        if self.waits is None:
            self.waits, self._waits_since = str(error), time.monotonic()

    def _open(self) -> None:
        self.store = Store.open(self.place.store, self.place.league)
        self.store.fence = self.store.acquire(self.place.holder)
        self._renewed_at = time.monotonic()
        place = dataclasses.replace(self.place, fence=self.store.fence)
        self.roster = Roster(self.store)
        self.futures = Futures()
        self.training = Training(place, self.roster, self.futures)
        self.evaluation = Evaluation(place, self.roster, self.futures)
        self.roster.totals["restarts"]["coordinator"] += self._restarted
        self.capacity = Capacity(self.place.league, self.roster.config.capacity)

    def _tick(self) -> None:
        self._keep_up()
        self.training.assign()
        self.evaluation.review(self.training.placement.nodes)
        self.evaluation.assign()
        self._ask_for_room([*self.training.bundles, *self.evaluation.bundles])
        self.futures.handle(timeout_s=0.2)
        self.steps = self.training.steps
        if self.phase == "starting" and self.training.ready:
            self.phase = "training"
        if self.training.all_stopped:
            raise DivergedError("every learner has diverged: `league status` lists the events; lower learning.lr")

    def _ask_for_room(self, bundles: list[Bundle]) -> None:
        """Tell the autoscaler, where there is one, what all learners and matches would use."""
        placement = self.training.placement
        if placement.autoscaled:
            self.capacity.want(bundles, placement.nodes)

    def _close(self) -> None:
        """Let learners finish, save them, then play until the ratings are settled or the time is over."""
        self._drain(lambda: self.training.busy, SAVING_S)
        self.training.save_all()
        self._drain(lambda: self.training.busy, SAVING_S)
        self.capacity.take_back(self.training.placement.nodes)
        deadline = time.monotonic() + self._closing_s
        while time.monotonic() < deadline and not self.evaluation.settled:
            self.evaluation.assign(resting=False)
            self._drain(lambda: False, 0.0)
        self._drain(lambda: self.evaluation.busy, SAVING_S if self._closing_s else 0.0)

    def _say_stopped(self) -> None:
        self.roster.tell()
        self._write_status("stopped")

    def _drain(self, under_way: Callable[[], bool], limit_s: float) -> None:
        """Handle what comes in once, and on while `under_way`, at most `limit_s` seconds."""
        deadline = time.monotonic() + limit_s
        while True:
            self.futures.handle(timeout_s=0.2)
            self._keep_up()
            if not under_way() or time.monotonic() >= deadline:
                return

    def _keep_up(self) -> None:
        """Read the pool, write events, lease and status, each when due; raises `LeaseError` where the lease is lost."""
        self.roster.refresh()
        self.roster.tell()
        if time.monotonic() - self._renewed_at >= RENEW_EVERY_S:
            self.store.renew(self.place.holder)
            self._renewed_at = time.monotonic()
        if time.monotonic() - self._status_at >= STATUS_EVERY_S:
            self._write_status()

    def _write_status(self, phase: Phase | None = None) -> None:
        """What `league status`, the live panel and monitors show. A heartbeat: nothing depends on it but totals."""
        self._status_at = time.monotonic()
        self.steps = self.training.steps
        roster = self.roster
        self.store.set_status(
            {
                "phase": phase or self.phase,
                "started_s": self._started_s,
                "game": roster.config.game,
                "steps": self.steps,
                "snapshots": len(roster.snapshots),
                "matches": roster.matches,
                "champion": roster.champion.policy if roster.champion else None,
                "dropped_games": roster.dropped,
                "missing": self.training.missing,
                "unreadable": sorted(roster.unreadable),
                "learners": self.training.to_json(),
                "arena": self.evaluation.to_json(),
                "nodes": dict(self.census.alive),
                "totals": {what: dict(numbers) for what, numbers in roster.totals.items()},
            }
        )


CoordinatorActor = ray.remote(Coordinator)
