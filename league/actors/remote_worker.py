"""An actor that works for the coordinator, seen from there."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from typing import Any, ClassVar

import ray

from league.actors.futures import Futures, LostError
from league.actors.roster import Roster
from league.errors import CorruptSnapshotError, PrunedPolicyError, StoreUnavailableError

DEATHS_LIMIT = 5
"""One that is lost so many times in a row, without doing anything in between, is asked no more."""


class RemoteWorker(ABC):
    """Does one thing at a time. When it is lost, Ray starts it again, and it is asked once it answers.

    What was asked of it and did not come about is not repeated here: it is due again, and whoever gives out the work
    asks anew.
    """

    kind: ClassVar[str]
    """As restarts are counted (`league.interfaces.exporter.metrics.VALUES`)."""

    def __init__(self, name: str, roster: Roster, futures: Futures) -> None:
        """`name` tells it from all others of its league."""
        self.name = name
        self.roster = roster
        self.futures = futures
        self.actor: Any = None
        """None: it was not started, or Ray has not yet let go of its name."""
        self.ready = False
        """Whether it has answered since it was started, or started again by Ray."""
        self.asked = 0
        """How many calls it has not answered yet; Ray makes them one after the other."""
        self.rests_until = 0.0
        """By the monotonic clock; until then it is to be asked nothing."""
        self.deaths = 0
        """How often in a row it was lost, without playing through what it was asked in between; whoever asks counts."""

    @property
    def busy(self) -> bool:
        """Whether it was asked something and has not answered yet."""
        return self.asked > 0

    @property
    def idle(self) -> bool:
        """Whether it may be asked something now."""
        return self.ready and not self.busy and not self.given_up and time.monotonic() >= self.rests_until

    @property
    def given_up(self) -> bool:
        """Whether it has died so often in a row that whatever it is asked seems to kill it."""
        return self.deaths >= DEATHS_LIMIT

    def start(self, spawn: Callable[[], Any]) -> bool:
        """End it if it is there, then start it by `spawn`; False where Ray has not yet let go of the name."""
        self.end()
        try:
            self.actor = spawn()
        except ValueError:
            return False
        self._await()
        return True

    def end(self) -> None:
        """Kill the actor, if there is one; whatever it was asked is forgotten."""
        if self.actor is not None:
            self.futures.forget(self.actor)
            ray.kill(self.actor)
        self.actor = None
        self.ready, self.asked = False, 0

    def _await(self) -> None:
        """Ask nothing of it until Ray has started it, or started it again; it answers nothing that was asked before."""
        self.futures.forget(self.actor)
        self.ready, self.asked = False, 0

        def back(answer: Any) -> None:
            self.ready = True
            self.came(answer)

        self.futures.when_ready(self.actor, back)

    def ask(self, future: Any, done: Callable[[Any], None], *, loading: Collection[str] = ()) -> None:
        """Have `Futures.handle` call `done` with the answer to a call to the actor, unless the call fails.

        `loading` are the names of the policies that the actor may have to load for it.
        """
        self.asked += 1

        def finished(answer: Any) -> None:
            self.asked -= 1
            self.roster.lost.discard(self.name)
            done(answer)

        def failed(error: Exception) -> None:
            self.asked -= 1
            match error:
                case CorruptSnapshotError():
                    self.roster.quarantine(loading)
                    self.refused()
                case PrunedPolicyError():  # Between being drawn and being loaded: whoever is drawn next is there.
                    self.roster.stale = True
                    self.refused()
                case LostError():
                    self.deaths += 1
                    self.roster.count_lost(self.name, self.kind)
                    end = f"; lost {self.deaths} times in a row, it is given up" if self.given_up else ""
                    self.roster.say("lost", self.lost(error) + end)
                    if error.lives:
                        ray.kill(self.actor, no_restart=False)
                    self._await()
                case StoreUnavailableError():
                    self.put_off(error)
                case _:
                    raise error

        self.futures.watch(future, finished, failed, self.actor)

    @abstractmethod
    def came(self, answer: Any) -> None:
        """It is there: `answer` is what its method `ready` returned."""

    @abstractmethod
    def lost(self, error: LostError) -> str:
        """What is lost with the actor, in a line for people."""

    def refused(self) -> None:
        """A policy that it should load cannot be loaded: another one has to be drawn."""
        return

    def put_off(self, error: StoreUnavailableError) -> None:
        """The store did not take what it has, or did not give what it needs: it has tried for a while."""
        return
