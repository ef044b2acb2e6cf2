"""The actor that runs a league: a shell around its loop, so that whoever started it is always answered.

It holds no state that cannot be read again: Ray runs `__init__` anew after a crash, and the league goes on.
"""

from __future__ import annotations

import contextlib
import threading
import time
import traceback
from collections.abc import Callable
from typing import NamedTuple

import ray

from league.actors.league import League
from league.actors.place import Place
from league.actors.waiting import until_available
from league.errors import LeagueError, StoreFullError, StoreUnavailableError
from league.foreign import standing
from league.games.patience import PATIENCE_S
from league.status import Phase

LOOK_S = 0.5
"""How often is looked whether a game that is being built hangs."""


class State(NamedTuple):
    """How a coordinator is, as it tells whoever started it."""

    phase: Phase
    failure: str | None
    """Why it failed; None if it did not."""
    steps: int | None
    """Steps of all learners together, since the league began; None until the store has been read."""
    waits: str | None
    """What is wrong with the store, while nothing can be written."""
    stage: str
    """What starts now; nothing once it trains."""
    trouble: str | None
    """Why the run would not have gone well if it ended now: nothing was ever decided."""


class Coordinator:
    """Works in a thread of its own once it was told to start."""

    def __init__(self, place: Place) -> None:
        """Where Ray has restarted the actor, it goes on by itself."""
        self.place = place
        self.phase: Phase = "starting"
        self.failure: str | None = None
        self.waits: str | None = None
        self._waits_since = 0.0
        self._league: League | None = None
        """None until it has been opened, whole."""
        self._stopping = threading.Event()
        self._closing_s = 0.0
        self._thread = threading.Thread(target=self._run, name="league", daemon=True)
        self._restarted = bool(ray.get_runtime_context().was_current_actor_reconstructed)
        if self._restarted:
            self.start()

    def start(self) -> None:
        """Begin, unless it has begun."""
        if self._thread.ident is None:
            self._thread.start()
            threading.Thread(target=self._watch_building, daemon=True).start()

    def state(self, share: float | None = None) -> State:
        """How the coordinator is at this moment; answered at once.

        `share` is how much of what the run was asked for is done, in [0, 1]; None: it goes on until it is stopped.
        """
        league = self._league
        if league is None:
            stage = self._opening()
            return State(self.phase, self.failure, None, self.waits, stage, None)
        league.roster.share = share
        stage = league.training.awaited if self.phase == "starting" else ""
        trouble = league.roster.outcomes.failure
        return State(self.phase, self.failure, league.training.steps, self.waits, stage, trouble)

    def _opening(self) -> str:
        """What is done before the league is open."""
        at = standing(self._thread.ident)
        return "the coordinator reads the store" if at is None else f"the coordinator builds the game ({at})"

    def _watch_building(self) -> None:
        """Fail, or stop, where a game hangs while it is built: in a thread it hears no signal."""
        since: float | None = None
        while self._league is None and self._thread.is_alive() and self.failure is None:
            at = standing(self._thread.ident)
            if at is not None and self._stopping.is_set():
                self.phase = "stopped"  # Nothing has begun.
                return
            since = None if at is None else since or time.monotonic()
            if since is not None and time.monotonic() - since > PATIENCE_S:
                self._fail(f"the game is not built after {PATIENCE_S:.0f} s: {at}")
            time.sleep(LOOK_S)

    def stop(self, closing_s: float) -> None:
        """Save everything and end; first play matches, at most `closing_s` seconds, until the ratings are settled."""
        self._closing_s = closing_s
        self._stopping.set()

    def _run(self) -> None:
        try:
            league = self._league = until_available(lambda: League.open(self.place), self._wait)
            league.roster.totals["restarts"]["coordinator"] += self._restarted
            while not self._stopping.is_set():
                self._retry(league, lambda: self._tick(league))
            self.phase = "closing"
            self._retry(league, lambda: league.close(self._closing_s))
            self._retry(league, lambda: league.tell("stopped"))
            self.phase = "stopped"
        except LeagueError as error:
            self._fail(str(error))
        except Exception:
            self._fail(traceback.format_exc())

    def _tick(self, league: League) -> None:
        self.phase = league.tick(self.phase)

    def _fail(self, reason: str) -> None:
        """Say so to the driver and, as far as it can be reached, in the store. The autoscaler hears no more."""
        self.phase, self.failure = "failed", reason
        if self._league is not None:
            with contextlib.suppress(LeagueError):
                self._league.roster.say("failed", reason.strip().splitlines()[-1])
                self._league.tell("failed")

    def _retry(self, league: League, step: Callable[[], None]) -> None:
        """Go through with one step; a store that is not available is waited for, however long it takes."""
        until_available(step, self._wait)
        if self.waits is not None:
            seconds = time.monotonic() - self._waits_since
            league.roster.say("store", f"back: the league waited {seconds:.0f} s and lost nothing ({self.waits})")
            self.waits = None

    def _wait(self, error: StoreUnavailableError) -> None:
        """What is away comes back; a store that is full needs a person, who must not wait for it to save."""
        if self._stopping.is_set() and isinstance(error, StoreFullError):
            raise LeagueError(f"the league could not save, and its last checkpoint stays: {error}") from error
        if self.waits is None:
            self.waits, self._waits_since = str(error), time.monotonic()


CoordinatorActor = ray.remote(Coordinator)
