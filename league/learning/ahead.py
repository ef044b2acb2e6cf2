"""Playing on while the learner takes gradient steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

Begin = Callable[[], "Future[T]"]
"""Has an idle player take the newest weights and play a fragment of games."""


def _first(playing: list[Future[T]]) -> object:
    return wait(playing, return_when=FIRST_COMPLETED)


class _Played(NamedTuple, Generic[T]):
    updates: int
    """How many had been made when it was begun."""
    number: int
    """Of its player."""
    fragment: T


@dataclass(frozen=True, kw_only=True)
class Taken(Generic[T]):
    """What an update is made from."""

    fresh: tuple[T, ...]
    """Fragments to learn from, the oldest first; none where no player answered."""
    stale: tuple[T, ...]
    """Fragments that were played by weights from before the bound: too old to be learned from."""
    ages: tuple[int, ...]
    """For each fresh one, how many updates have been made since it was begun."""


class Ahead(Generic[T]):
    """Fragments of games, by one player or by many, each of whom plays on while the learner learns.

    An update takes whole fragments from whoever has brought them, so nobody waits for a player that is slow or gone.
    No more are begun than so many updates can use: what has to wait its turn is not played yet, and a fragment is only
    too old where its player was slower than the others. Weights change between fragments only.
    """

    def __init__(self, staleness: int, wait: Callable[[list[Future[T]]], object] = _first) -> None:
        """`staleness`: by how many updates what is learned from may be too old; 0: nobody plays during an update.

        `wait` returns once one of the fragments that are being played is there.
        """
        self.staleness = staleness
        self._wait = wait
        self._updates = 0
        self._playing: dict[int, tuple[Future[T], int]] = {}
        self._played: list[_Played[T]] = []

    def take(self, players: Mapping[int, Begin[T]], size: int, lost: Callable[[int, BaseException], None]) -> Taken[T]:
        """Wait for at least one and, while there are players, for `size` fragments; have everybody play on.

        Args:
            players: of those that are there, by number; one that is still playing is left to it.
            size: fragments of an update.
            lost: is told the number of a player that broke, and how; it is not begun again in this call.
        """
        gone: set[int] = set()
        while True:
            here = {number: begin for number, begin in players.items() if number not in gone}
            self._begin(here, (self.staleness + 1) * size)
            if len(self._fresh()) >= size or not self._playing:
                break
            self._wait([future for future, _ in self._playing.values()])
            for number in [number for number, (future, _) in self._playing.items() if future.done()]:
                future, updates = self._playing.pop(number)
                error = future.exception()
                if error is None:
                    self._played.append(_Played(updates, number, future.result()))
                else:
                    gone.add(number)
                    lost(number, error)
        taken = self._split(size)
        self._begin({number: begin for number, begin in players.items() if number not in gone}, self.staleness * size)
        self._updates += bool(taken.fresh)
        return taken

    def forget(self) -> None:
        """Let go of what has been played; what is being played will be too old."""
        self._played = []
        self._updates += self.staleness + 1

    def _begin(self, players: Mapping[int, Begin[T]], most: int) -> None:
        """Have idle players begin, as long as no more than `most` fragments are to be learned from by and by."""
        for number, begin in players.items():
            useful = sum(self._updates - updates <= self.staleness for _, updates in self._playing.values())
            if useful + len(self._fresh()) >= most:
                return
            if number not in self._playing:
                self._playing[number] = (begin(), self._updates)

    def _age(self, played: _Played[T]) -> int:
        return self._updates - played.updates

    def _fresh(self) -> list[_Played[T]]:
        return [played for played in self._played if self._age(played) <= self.staleness]

    def _split(self, size: int) -> Taken[T]:
        # By number among equals: where everybody waits for everybody, equal seeds make equal updates.
        fresh = sorted(self._fresh(), key=lambda played: (played.updates, played.number))
        stale = tuple(played.fragment for played in self._played if self._age(played) > self.staleness)
        now, self._played = fresh[:size], fresh[size:]
        ages = tuple(self._age(played) for played in now)
        return Taken(fresh=tuple(played.fragment for played in now), stale=stale, ages=ages)
