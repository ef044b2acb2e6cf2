"""The keeper, seen from the coordinator: what is due for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import ClassVar

from league.actors.futures import Futures, LostError
from league.actors.place import Place
from league.actors.remote_worker import RemoteWorker
from league.actors.roster import Roster
from league.actors.spawn import spawn_keeper
from league.actors.waiting import RETRY_S
from league.errors import StoreUnavailableError
from league.every import Every

LOG_EVERY_S = 60.0
"""Seconds between two looks at the match log."""
SLOW_S = 300.0
"""Seconds after which it is said that the match log's archive keeps the keeper waiting."""


class KeeperHandle(RemoteWorker):
    """Starts the keeper once there is something for it to do."""

    kind: ClassVar[str] = "keeper"

    def __init__(
        self, place: Place, roster: Roster, futures: Futures, *, in_play: Callable[[], Collection[str]]
    ) -> None:
        """`in_play`: names of those whose weights somebody has, or is about to load."""
        super().__init__("keeper", roster, futures)
        self.place = place
        self.in_play = in_play
        self._log = Every(LOG_EVERY_S, at_once=True)
        self._said: str | None = None
        self._slow_from: float | None = None
        """By the monotonic clock, when the present look at the log has taken too long; None: there is none, or it was
        said."""

    @property
    def due(self) -> bool:
        """Whether there is something for it to do now."""
        return self._retention_due or bool(self.roster.leaving) or self._log_due

    @property
    def _retention_due(self) -> bool:
        retention = self.roster.config.retention
        # Of fewer than these every one is kept.
        return retention.automatic and self.roster.grown and len(self.roster.pool()) > retention.newest

    @property
    def _log_due(self) -> bool:
        log = self.roster.config.log
        return self._log.due and self.roster.matches - self.roster.sealed >= log.keep + log.segment

    def came(self, answer: None) -> None:
        """It can work from here; what is due is due still."""

    def lost(self, error: LostError) -> str:
        """What it was doing is done again."""
        self._slow_from = None
        return f"the keeper of the pool and the match log: {error}"

    def put_off(self, error: StoreUnavailableError) -> None:
        """It is due again in a moment."""
        self._slow_from = None
        self.rests_until = time.monotonic() + RETRY_S

    def assign(self) -> None:
        """Have it do what is due, if it is idle."""
        if self._slow_from is not None and time.monotonic() >= self._slow_from:
            self._slow_from = None
            self.roster.say(
                "store",
                f"the match log's archive has not answered for {SLOW_S:.0f} s: until it does, old matches stay in the "
                "store, and no snapshot is pruned",
            )
        if not self.due:
            return
        if self.actor is None:
            self.start(lambda: spawn_keeper(self.place))
        if not self.idle:
            return
        if self.roster.leaving:
            self._prune()
        elif self._log_due:  # Once a minute: where a league freezes faster than it decides, the log has its turn, too.
            self._keep_log()
        else:
            self._decide()

    def _decide(self) -> None:
        self.roster.grown = False

        def decided(names: list[str]) -> None:
            # From here on nobody draws them; whoever has drawn one meanwhile keeps it until the next time.
            self.roster.let_go(set(names) - set(self.in_play()))

        self.ask(self.actor.leaving.remote(self.roster.config.retention, list(self.in_play())), decided)

    def _prune(self) -> None:
        names = sorted(self.roster.leaving)
        self.ask(self.actor.prune.remote(names), self.roster.forget)

    def _keep_log(self) -> None:
        self._slow_from = time.monotonic() + SLOW_S

        def kept(problem: str | None) -> None:
            self._slow_from = None
            self._log.begin()
            self.roster.count_sealed()
            if problem is not None and problem != self._said:
                self.roster.say("store", problem)
            self._said = problem

        self.ask(self.actor.keep_log.remote(self.roster.config.log), kept)
