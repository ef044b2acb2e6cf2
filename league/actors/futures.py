"""Everything that is under way: futures and what to do when each is ready or lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import ray
from ray.exceptions import ActorDiedError, RayActorError, RayTaskError

from league.errors import LeagueError, StoreUnreachableError


class LostError(Exception):
    """The actor died, or cannot be reached; Ray restarts it, and the call is lost."""


class Futures:
    """A set of Ray futures with a handler each. Not thread-safe: one loop owns it."""

    def __init__(self) -> None:
        self._pending: dict[Any, tuple[Callable[[Any], None], Callable[[Exception], None]]] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def watch(self, future: Any, done: Callable[[Any], None], failed: Callable[[Exception], None]) -> None:
        """Call `done` with the result, or `failed` with a `LostError` or a `LeagueError`, once the future is ready."""
        self._pending[future] = (done, failed)

    def forget(self, future: Any) -> None:
        """Watch it no more."""
        self._pending.pop(future, None)

    def handle(self, timeout_s: float) -> None:
        """Wait until something is ready, at most `timeout_s`, and handle all that is.

        A failure that is neither a lost actor nor one of ours is a bug, and is raised here.
        """
        if not self._pending:
            time.sleep(timeout_s)
            return
        ready, _ = ray.wait(list(self._pending), num_returns=1, timeout=timeout_s)
        if ready:
            ready, _ = ray.wait(list(self._pending), num_returns=len(self._pending), timeout=0)
        for future in ready:
            done, failed = self._pending.pop(future)
            try:
                result = ray.get(future)
            except RayTaskError as error:
                cause = error.cause
                if not isinstance(cause, LeagueError):
                    raise
                failed(cause)
            except RayActorError as error:
                failed(_lost(error))
            else:
                done(result)


def _lost(error: RayActorError) -> Exception:
    """An actor whose constructor raised stays dead: its reason is an error of ours, or a bug."""
    text = str(error)
    if isinstance(error, ActorDiedError) and "creation task" in text:
        last = text.strip().splitlines()[-1].removeprefix("league.errors.")
        if last.startswith("StoreUnreachableError"):
            return StoreUnreachableError(last.partition(": ")[2])
        return LeagueError(last)
    return LostError(text.splitlines()[0])
