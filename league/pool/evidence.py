"""The games of races, found in a log that is mostly something else: what the next race knows of those before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

from league.errors import SegmentError
from league.ladder.records import Match
from league.pool.entries import CHUNK, Entry, entry_number, read_entries, read_match
from league.pool.log import Log
from league.pool.segments import Segment, unrated

_MARKS: Final = (b'"gate":true', b'"check":true')
"""Of an entry with a match that is not rated, as `connection.dumps` writes it: few are parsed for it."""


class Evidence(Log):
    """Part of the store: matches that were played for a race, its gate and its check. What is lost is passed over."""

    def evidence_since(self, oldest_s: float) -> Iterator[Match]:
        """Those played since that Unix time, the newest first, as far back as one that was played before."""
        below, end = None, "+"
        while chunk := read_entries(self._call("XREVRANGE", self._keys.matches, end, "-", "COUNT", CHUNK)):
            yield from (match for match in _of_races(chunk) if match.played_s >= oldest_s)
            if read_match(*chunk[-1]).played_s < oldest_s:
                return
            below = entry_number(chunk[-1][0])
            end = f"({below}-0"
        for segment in reversed(self.segments()):
            if below is None or segment.first < below:
                with suppress(SegmentError):  # `league status --verify` names it.
                    found, first_s = unrated(self.segment_bytes(segment))
                    yield from (
                        one for n, one in reversed(found) if one.played_s >= oldest_s and (not below or n < below)
                    )
                    if first_s < oldest_s:
                        return

    def evidence_after(self, number: int) -> tuple[list[Match], int]:
        """Those after the match with that number, in the order of the log, and the number of the last match."""
        found: list[Match] = []
        for piece in self._pieces(number):
            if isinstance(piece, Segment):
                with suppress(SegmentError):
                    found += [match for n, match in unrated(self.segment_bytes(piece))[0] if n > number]
                number = max(number, piece.last)
            else:
                found += _of_races([entry for entry in piece if entry_number(entry[0]) > number])
                number = entry_number(piece[-1][0])
        return found, number


def _of_races(entries: Iterable[Entry]) -> list[Match]:
    marked = (one for one in entries if any(mark in one[1].get(b"match", b"") for mark in _MARKS))
    return [match for match in (read_match(*one) for one in marked) if not match.rated]
