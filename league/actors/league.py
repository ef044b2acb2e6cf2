"""A league at work: it reads the store, asks `ladder` what to do next, and writes what came of it.

It never waits for one worker: everything that is under way is one set of futures, and whatever is ready first is
handled. It writes under the lease of its run (`league.pool.lease`), with a token of its own, so that learners of a
coordinator that died cannot write beside those of the next.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Self

from league.actors.evaluation import Evaluation
from league.actors.futures import Futures
from league.actors.keeper_handle import KeeperHandle
from league.actors.place import Place
from league.actors.roster import Roster
from league.actors.training import Training
from league.cluster.capacity import Capacity
from league.cluster.census import Census
from league.errors import DivergedError
from league.every import Every
from league.pool.lease import RENEW_EVERY_S
from league.pool.store import Store
from league.status import Phase, Status

STATUS_EVERY_S = 1.0
SAVING_S = 60.0
"""How long learners have to finish and save when the league ends."""
TIDYING_S = 20.0
"""How long retention has then."""


class League:
    """Everything of one league, and its next step."""

    def __init__(self, place: Place, store: Store) -> None:
        """Read the store, which has the fence of `place`; start nobody yet."""
        self.place = place
        self.store = store
        self.started_s = store.now_s()
        self.roster = Roster(store)
        self.futures = Futures()
        self.training = Training(place, self.roster, self.futures)
        self.evaluation = Evaluation(place, self.roster, self.futures)
        self.keeper = KeeperHandle(place, self.roster, self.futures, in_play=self._in_play)
        self.capacity = Capacity(place.league, self.roster.config.capacity)
        self.census = Census()
        self._renewing = Every(RENEW_EVERY_S)
        self._telling = Every(STATUS_EVERY_S, at_once=True)
        self._trouble: str | None = None
        """Whether it was said already that nothing is decided, and in which words it began."""

    @classmethod
    def open(cls, place: Place) -> Self:
        """Take the lease and read the store; may be called again where it raises.

        Raises what the store's own methods do, `LeaseError` where another run has the league.
        """
        store = place.open()
        try:
            store.fence = store.acquire(place.holder)
            return cls(dataclasses.replace(place, fence=store.fence), store)
        except BaseException:
            store.close()
            raise

    def tick(self, phase: Phase) -> Phase:
        """Give idle workers their next task and handle what is ready; the phase after that.

        Raises `DivergedError` where every learner was given up, `LeaseError` where another run has taken over.
        """
        self._keep_up(phase)
        self.training.assign()
        self.evaluation.review(self.training.placement.nodes)
        self.evaluation.assign()
        self._ask_for_room()
        self.keeper.assign()
        self.futures.handle(timeout_s=0.0 if self.evaluation.unrecorded else 0.2)
        if self.training.all_stopped:
            raise DivergedError(self.training.why_stopped)
        return "training" if phase == "starting" and self.training.ready else phase

    def _in_play(self) -> set[str]:
        """Names of everyone whose weights somebody has, or is about to load."""
        learning = (name for names in self.roster.in_play.values() for name in names)
        return {*learning, *self.evaluation.in_play}

    def _ask_for_room(self) -> None:
        """Tell the autoscaler, where there is one, what all learners and matches would use."""
        placement = self.training.placement
        if placement.autoscaled:
            self.capacity.want([*self.training.bundles, *self.evaluation.bundles], placement.nodes)

    def close(self, closing_s: float) -> None:
        """Let learners finish, save them, then play until the ratings are settled or `closing_s` seconds are over."""
        self._drain(lambda: self.training.busy, SAVING_S)
        self.training.save_all()
        self._drain(lambda: self.training.busy, SAVING_S)
        self.capacity.take_back(self.training.placement.nodes)
        deadline = time.monotonic() + closing_s
        while time.monotonic() < deadline and not self.evaluation.settled:
            self.evaluation.assign(resting=False)
            self._drain(lambda: False, 0.0)
        self._drain(lambda: self.evaluation.busy, SAVING_S if closing_s else 0.0)
        self._drain(lambda: bool(self.evaluation.unrecorded) or (closing_s > 0 and self._tidying()), TIDYING_S)

    def _tidying(self) -> bool:
        """Whether retention has something to do still, which is begun; nobody is started for it any more."""
        if self.keeper.actor is None:
            return False
        self.keeper.assign()
        return self.keeper.busy or (self.keeper.ready and self.keeper.due)

    def _drain(self, under_way: Callable[[], bool], limit_s: float) -> None:
        """Handle what comes in once, and on while `under_way`, at most `limit_s` seconds."""
        deadline = time.monotonic() + limit_s
        while True:
            self.futures.handle(timeout_s=0.2)
            self.evaluation.record()
            self._keep_up("closing")
            if not under_way() or time.monotonic() >= deadline:
                return

    def _keep_up(self, phase: Phase) -> None:
        """Read the pool, write events, lease and status, each when due."""
        self.roster.refresh()
        self.roster.tell()
        if self._renewing.due:
            self.store.renew(self.place.holder)
            self._renewing.begin()
        trouble = self.roster.outcomes.trouble
        if (trouble is None) != (self._trouble is None):
            self.roster.say("undecided", trouble or "games are decided now")
        self._trouble = trouble
        if self._telling.due:
            self.tell(phase)

    def tell(self, phase: Phase) -> None:
        """Write every event that is not written yet, and the status: a heartbeat, on which only its totals depend."""
        self.roster.tell()
        self._telling.begin()
        self.store.set_status(self.status(phase).to_json())

    def status(self, phase: Phase) -> Status:
        """What `league status`, the live panel, the page and monitors show."""
        roster = self.roster
        return Status(
            phase=phase,
            started_s=self.started_s,
            game=roster.config.game,
            steps=self.training.steps,
            snapshots=len(roster.snapshots),
            matches=roster.matches,
            champion=roster.champion.policy if roster.champion else None,
            dropped_games=roster.dropped,
            missing=self.training.missing,
            trouble=self.roster.outcomes.trouble,
            first_error=self.roster.outcomes.first_error,
            unreadable=tuple(sorted(roster.unreadable)),
            learners={learner.name: learner.status for learner in self.training.learners},
            arena=self.evaluation.status,
            nodes=dict(self.census.alive),
            totals={what: dict(numbers) for what, numbers in roster.totals.items()},
        )
