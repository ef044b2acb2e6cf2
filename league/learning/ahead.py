"""Playing on while the learner takes gradient steps."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

import torch

T = TypeVar("T")


class Ahead(Generic[T]):
    """Plays fragment after fragment: each when it is asked for, or the next one meanwhile, in a thread of its own.

    torch lets go of Python's lock in every operation, so two threads of small operations keep two cores busy where one
    thread of two cores would not. What is played ahead is one update older than what is learned by then. Weights and
    opponents change between fragments only, so equal seeds play equal games.
    """

    def __init__(self, play: Callable[[], T], *, overlaps: bool) -> None:
        """`overlaps`: play the next fragment meanwhile."""
        self._play = play
        self._thread = ThreadPoolExecutor(1, "play", lambda: torch.set_num_threads(1)) if overlaps else None
        self._next: Future[T] | None = None
        self._changes: list[Callable[[], None]] = []

    def take(self) -> T:
        """The next fragment; raises what playing it did."""
        if self._thread is None:
            return self._play()
        played = (self._next or self._begin(self._thread)).result()
        self._next = self._begin(self._thread)
        return played

    def change(self, change: Callable[[], None]) -> None:
        """Make a change before the next fragment that is not being played yet: now, where none is."""
        self._changes.append(change)
        if self._next is None:
            self._make_changes()

    def drop(self) -> None:
        """Wait for what is being played, and let it go."""
        if self._next is not None:
            self._next.exception()
            self._next = None

    def _begin(self, thread: ThreadPoolExecutor) -> Future[T]:
        self._make_changes()
        return thread.submit(self._play)

    def _make_changes(self) -> None:
        changes, self._changes = self._changes, []
        for change in changes:
            change()
