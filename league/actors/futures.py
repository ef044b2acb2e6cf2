"""Everything that is under way: futures and what to do when each is ready or lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import ray
from ray.exceptions import ActorUnschedulableError, RayActorError, RayError, RayTaskError

from league.actors.waiting import RETRY_S
from league.cluster.deaths import refusal
from league.errors import LeagueError

HANDLING_S = 0.01
"""Seconds after which what is ready waits for the next time: a lease has to be renewed, and others wait for work."""


class LostError(Exception):
    """The actor died, or cannot be reached; Ray restarts it, and the call is lost."""

    def __init__(self, reason: str, *, lives: bool = False) -> None:
        """`lives`: it is there, but a process or an object that it needs is not."""
        super().__init__(reason)
        self.lives = lives


class Futures:
    """A set of Ray futures with a handler each. Not thread-safe: one loop owns it."""

    def __init__(self) -> None:
        self._pending: dict[Any, tuple[Callable[[Any], None], Callable[[Exception], None], Any]] = {}
        """By future: what to do with its result, with its failure, and whose call it is."""
        self._later: list[tuple[float, Callable[[], None], Any]] = []

    def watch(
        self, future: Any, done: Callable[[Any], None], failed: Callable[[Exception], None], actor: Any = None
    ) -> None:
        """Call `done` with the result, or `failed` with a `LostError` or a `LeagueError`, once the future is ready.

        `actor`: whose call it is, so that it can be forgotten.
        """
        self._pending[future] = (done, failed, actor)

    def forget(self, actor: Any) -> None:
        """Watch no call to this actor any more: it has been ended."""
        self._pending = {future: entry for future, entry in self._pending.items() if entry[2] is not actor}
        self._later = [entry for entry in self._later if entry[2] is not actor]

    def when_ready(self, actor: Any, done: Callable[[Any], None]) -> None:
        """Call `done` with what `actor.ready()` returns, once Ray has started it, or started it again.

        Where its constructor raised, so does `handle`.
        """

        # Ray would repeat the call by itself, but tells the driver's terminal each time.
        def failed(error: Exception) -> None:
            if not isinstance(error, LostError):
                raise error
            self._later.append((time.monotonic() + RETRY_S, lambda: self.when_ready(actor, done), actor))

        self.watch(actor.ready.remote(), done, failed, actor)

    def handle(self, timeout_s: float) -> None:
        """Wait until something is ready, at most `timeout_s`, and handle what is, for about `HANDLING_S`.

        A failure that is neither a lost actor nor one of ours is a bug, and is raised here.
        """
        now = time.monotonic()
        due = [entry for entry in self._later if entry[0] <= now]
        self._later = [entry for entry in self._later if entry[0] > now]
        for _, call, _ in due:
            call()
        if not self._pending:
            time.sleep(timeout_s)
            return
        ready = self._ready(timeout_s)
        ends = time.monotonic() + HANDLING_S
        for future in ready:
            if future not in self._pending:  # Forgotten by one that was handled just now.
                continue
            if time.monotonic() > ends:  # The others are ready still, next time.
                return
            done, failed, _ = self._pending.pop(future)
            try:
                result = self._result(future)
            except RayTaskError as error:
                match error.cause:
                    case LeagueError() as cause:
                        failed(cause)
                    case RayError() as cause:
                        failed(LostError(str(cause).splitlines()[0], lives=True))
                    case _:
                        raise
            except (RayActorError, ActorUnschedulableError) as error:
                failed(refusal(error) or LostError(str(error).splitlines()[0]))
            else:
                done(result)

    def _ready(self, timeout_s: float) -> list[Any]:
        """All futures that are ready, once one of them is, or `timeout_s` are over."""
        ready, _ = ray.wait(list(self._pending), num_returns=1, timeout=timeout_s)
        if ready:
            ready, _ = ray.wait(list(self._pending), num_returns=len(self._pending), timeout=0)
        return list(ready)

    def _result(self, future: Any) -> Any:
        return ray.get(future)
