"""The log folded match by match: what follows from it so far, and which ids were in it."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Final

from league.config import RatingConfig
from league.ladder.payoff import match_counts
from league.ladder.ratings import Rating, rate
from league.ladder.records import Match
from league.ladder.standings import Kinds, Standings, count
from league.pool.connection import dumps

_FILTER: Final = 2**24
"""Bytes of the filter before the hashes of ids: of ten million, one in fourteen has to be looked for."""

_RECENT: Final = 250_000
"""Hashes of ids that are held as Python's numbers before they join the others, at 8 bytes each."""

Hash = dict[str, bytes]
"""A hash of the store: value by field."""


class Seen:
    """Which ids were seen, in 8 bytes each: may take an id for another once in 10^19 pairs."""

    def __init__(self) -> None:
        import numpy as np  # Not above: most commands derive nothing, and would wait for it.

        self._old = np.empty(0, dtype=np.uint64)
        self._recent: set[int] = set()
        self._filter = bytearray(_FILTER)
        """A bit for some part of the hash: whoever finds his own unset was not seen, and nobody has to look."""

    def add(self, name: str) -> bool:
        """Whether it, or one that has the same hash, was seen before."""
        code = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest())
        byte, bit = (code >> 3) % _FILTER, 1 << (code & 7)
        if not self._filter[byte] & bit:
            self._filter[byte] |= bit
            return self._remember(code)
        import numpy as np

        place = int(np.searchsorted(self._old, np.uint64(code)))
        if code in self._recent or (place < len(self._old) and int(self._old[place]) == code):
            return True
        return self._remember(code)

    def _remember(self, code: int) -> bool:
        self._recent.add(code)
        if len(self._recent) >= _RECENT:
            import numpy as np

            self._old = np.union1d(self._old, np.fromiter(self._recent, dtype=np.uint64))
            self._recent.clear()
        return False


class Fold:
    """What follows from the log so far."""

    def __init__(self, config: RatingConfig, sealed: int, kinds: Kinds) -> None:
        """Begin with an empty log; matches up to the number `sealed` are in no index."""
        self.config = config
        self.kinds = kinds
        self.last = self.matches = 0
        self.payoff: Counter[str] = Counter()
        self.ratings: dict[str, Rating] = {}
        self.standings: Standings = {}
        self.index: dict[str, int] = {}
        """Number of each match after `sealed`, by id."""
        self.touched: set[str] = set()
        """Who was in a match since this was emptied."""
        self._sealed = sealed

    def add(self, number: int, match: Match) -> None:
        """Count the next match of the log, whose number is higher than that of the one before."""
        self.last, self.matches = number, self.matches + 1
        self.payoff.update(match_counts(match))
        self.ratings.update(rate(self.ratings, match, self.config))
        count(self.standings, match, self.kinds)
        self.touched.add(match.row)
        self.touched.add(match.column)
        if number > self._sealed:
            self.index[match.match_id] = number

    def value(self, kind: str, field: str) -> bytes | None:
        """As the store holds it in the hash of that kind (`_KINDS`); None where it holds no such field."""
        match kind:
            case "index" if field in self.index:
                return f"{self.index[field]}-0".encode()
            case "payoff" if field in self.payoff:
                return str(self.payoff[field]).encode()
            case "ratings" if field in self.ratings:
                return dumps(self.ratings[field].to_json()).encode()
            case "standings" if field in self.standings:
                return dumps(self.standings[field].to_json()).encode()
        return None

    def differing(self, kind: str, stored: Hash) -> set[str]:
        """Fields of a stored hash that are not what follows from the log."""
        fields: set[str] = set(stored) | set(getattr(self, kind))
        return {field for field in fields if stored.get(field) != self.value(kind, field)}
