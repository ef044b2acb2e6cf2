"""One candidate's test against the champion, batch by batch, in the order in which the batches were handed out.

Many workers play at once, and what they bring comes back in another order: batches of short games first. Where lost
games are longer than won ones, a test that decides on what has come back sees wins first, and promotes an equal in a
fifth of all cases instead of a twentieth with 32 workers (fishtest#933; `python -m benchmarks.sprt`). So a batch waits
until those before it are there, and what was handed out before the decision but comes after it changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import count

from league.ladder.records import Match
from league.ladder.sprt import Bounds, Sprt, sequential_test


class Batches:
    """A sequential test that is looked at after each batch."""

    def __init__(self, values: int, bounds: Bounds) -> None:
        """Nothing was played. `values`: [2 G + 1] of the points that a group of G games may bring, in halves."""
        self.test: Sprt = sequential_test([0] * values, bounds)
        """As of the batches that count."""
        self.tried = 0
        """Games of all batches that have come back, void ones included."""
        self.counted = 0
        """Those of the batches that count."""
        self._waiting: dict[int, Match] = {}
        """By number: they have come back, and one that was handed out earlier has not."""
        self._unplaced: list[Match] = []
        """Those that do not say their number, until it is clear from what is still being played."""
        self._out: set[int] = set()
        """Numbers that were handed out and have not come back, as far as was heard."""
        self._next = 0
        """Number of the next batch to count."""

    def add(self, match: Match) -> None:
        """A batch has come back; one of another kind of groups counts for nothing."""
        if len(match.groups) != len(self.test.counts):
            return
        self.tried += match.total.games + match.dropped
        number = match.batch
        if number is not None and (number < self._next or number in self._waiting):
            number = next(self._free(self._out))  # Somebody else played under this number, too.
        if number is None:
            self._unplaced.append(match)
            if len(self._unplaced) >= len(self._out):
                self._place(self._out)
        else:
            self._out.discard(number)
            self._waiting[number] = match
        self._count()

    def hand_out(self, under_way: Collection[int]) -> int:
        """The number of the next batch, while those of these numbers are being played: the first that is free.

        So the number of a batch that was lost, which leaves a gap in what has come back, is given out again.
        """
        self._place(self._out - set(under_way))
        self._count()
        number = next(self._free(under_way))
        self._out = {*under_way, number}
        return number

    def _place(self, back: Collection[int]) -> None:
        """The unplaced are of these numbers, in the order in which they came; of the first free ones if these end."""
        for number in sorted(back):
            if self._unplaced and number not in self._waiting and number >= self._next:
                self._waiting[number] = self._unplaced.pop(0)
                self._out.discard(number)
        if not self._out:
            for match in self._unplaced:
                self._waiting[next(self._free(()))] = match
            self._unplaced.clear()

    def _free(self, taken: Collection[int]) -> Iterator[int]:
        return (number for number in count(self._next) if number not in self._waiting and number not in taken)

    def _count(self) -> None:
        """Look at the test after each batch whose turn it is, until it is decided."""
        while self.test.decision == "undecided" and self._next in self._waiting:
            match = self._waiting.pop(self._next)
            self._next += 1
            self.counted += match.total.games + match.dropped
            counts = [a + b for a, b in zip(self.test.counts, match.groups, strict=True)]
            self.test = sequential_test(counts, self.test.bounds, looks=self._next)
