"""The match log: the newest matches one by one, older ones by segments, the oldest perhaps in an archive.

Whoever reads sees one log. Sealing makes a segment of the oldest matches in one transaction; archiving writes its file,
reads it back, and only then lets the store forget it. So a match is always in one place at least, and whoever is killed
in between leaves nothing to put right: a file that nobody refers to is written again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from league.config import LogConfig
from league.errors import SegmentError, StoreError
from league.ladder.records import Match
from league.pool.archive import Archive, is_url, read
from league.pool.connection import SCHEMA, Connection, dumps, read_json, sha256
from league.pool.entries import CHUNK, Entry, entry_number, read_entries, read_match
from league.pool.segments import Numbered, Segment, decode, encode

IN_FOLDER: Final = "archive"
"""The archive of a folder store, in its folder."""

Watch = Callable[[str], None]
Damaged = Callable[[StoreError], None]


def _raise(error: StoreError) -> None:
    raise error


class Log(Connection):
    """Part of the store: all matches, wherever they are."""

    def match_count(self) -> int:
        """How many matches there are."""
        matches, tail = self._together(("HGET", self._keys.sealed, "matches"), ("XLEN", self._keys.matches))
        return int(matches or 0) + int(tail)

    def archived(self) -> dict[str, int]:
        """How many `matches` are in `segments`, and in how many."""
        matches, segments = self._call("HMGET", self._keys.sealed, "matches", "segments")
        return {"matches": int(matches or 0), "segments": int(segments or 0)}

    def segments(self) -> list[Segment]:
        """The oldest first; raises `DamagedStoreError` for what is none."""
        stored = self._call("HGETALL", self._keys.segments)
        found = [read_json(Segment.from_json, data) for data in stored.values()]
        return sorted(found, key=lambda segment: segment.number)

    def segment_bytes(self, segment: Segment) -> bytes:
        """The file of a segment, wherever it is; raises `SegmentError` where it is missing, or is not what it was."""
        if segment.place is None:
            data: bytes | None = self._call("GET", self._keys.segment(segment.number))
            if data is None:  # Archived meanwhile, or lost.
                stored = self._call("HGET", self._keys.segments, segment.number)
                now = None if stored is None else read_json(Segment.from_json, stored)
                if now is None or now.place is None:
                    raise SegmentError(f"{segment.about} is missing in the store: restore the last backup")
                return self.segment_bytes(now)
            where = "the store"
        else:
            where = self._located(segment.place)
            try:
                data = read(where)
            except SegmentError as error:
                raise SegmentError(f"{segment.about}: {error}; bring the file back, from a backup perhaps") from error
        if sha256(data) != segment.sha256:
            raise SegmentError(f"{segment.about} in {where} is not what was archived: bring it back from a backup")
        return data

    def segment_matches(self, segment: Segment) -> Iterator[Numbered]:
        """The matches of a segment, in their order; raises as `segment_bytes`."""
        return decode(self.segment_bytes(segment))

    def history(
        self, after: int = 0, until: int | None = None, damaged: Damaged = _raise, watch: Watch = lambda line: None
    ) -> Iterator[Numbered]:
        """Every match whose number is above `after` and at most `until`, the oldest first, also beside sealing.

        No more than a segment of it is in memory. What cannot be read is given to `damaged`, which raises by default,
        and passed over. `watch` is called with a line of progress after each piece.
        """
        for piece in self._pieces(after, until):
            matches = self._of_segment(piece, damaged) if isinstance(piece, Segment) else _of_chunk(piece, damaged)
            for number, match in matches:
                # Some of a piece may have been in the last one: those that have become a segment since.
                if number > after and (until is None or number <= until):
                    yield number, match
                    after = number
            watch(f"{after:,} matches of the log so far")

    def _of_segment(self, segment: Segment, damaged: Damaged) -> Iterator[Numbered]:
        try:
            yield from self.segment_matches(segment)
        except SegmentError as error:
            damaged(error)

    def _pieces(self, after: int, until: int | None = None) -> Iterator[Segment | list[Entry]]:
        """The log from the match after that number on: segments first, then entries by the chunk.

        Whether the next matches have become a segment is asked after reading them, so that none is missed.
        """
        last = "+" if until is None else f"{until}-0"
        while until is None or after < until:
            reply, sealed = self._together(
                ("XRANGE", self._keys.matches, f"({after}-0", last, "COUNT", CHUNK),
                ("HGET", self._keys.sealed, "last"),
            )
            if after < int(sealed or 0):
                for segment in self.segments():
                    if segment.last > after and (until is None or segment.first <= until):
                        yield segment
                after = int(sealed)
                continue
            chunk = read_entries(reply)
            if not chunk:
                return
            yield chunk
            after = entry_number(chunk[-1][0])

    def matches(self, count: int | None = None, *, newest_first: bool = False) -> Iterator[Match]:
        """Read the log, in its order or from its end; at most `count` of them.

        Raises `StoreError` at what is not a match, `SegmentError` at a segment that cannot be read.
        """
        numbered = self._backwards(count) if newest_first else self.history()
        left = count
        for _, match in numbered:
            if left is not None:
                if left <= 0:
                    return
                left -= 1
            yield match

    def _backwards(self, count: int | None) -> Iterator[Numbered]:
        below = None
        size = CHUNK if count is None else max(1, min(CHUNK, count))
        while True:
            end = "+" if below is None else f"({below}-0"
            chunk = read_entries(self._call("XREVRANGE", self._keys.matches, end, "-", "COUNT", size))
            if not chunk:
                break
            yield from _of_chunk(chunk, _raise)
            below = entry_number(chunk[-1][0])
        for segment in reversed(self.segments()):
            if below is None or segment.first < below:
                found = list(self.segment_matches(segment))
                yield from (one for one in reversed(found) if below is None or one[0] < below)

    def seal(self, config: LogConfig, watch: Watch = lambda line: None) -> int:
        """Put the oldest matches together, a segment at a time, until at most `keep` and a segment are left; how many.

        May run beside whoever records, and be killed at any moment.

        Args:
            config: how many to keep and to put together.
            watch: called with a line of progress after each segment.

        Raises:
            StoreError: one of them is not a match: `league repair` removes it.
            WrongLeagueError: there is no league.
        """
        count = 0
        while sealed := self._seal_one(config):
            count += sealed
            left = int(self._call("XLEN", self._keys.matches)) - config.keep
            watch(f"folding the match log: {count:,} matches done, {max(0, left):,} to go")
        return count

    def _seal_one(self, config: LogConfig) -> int:
        before, length = self._together(("HGETALL", self._keys.sealed), ("XLEN", self._keys.matches))
        if int(length) < config.keep + config.segment:
            return 0
        after = int(before.get(b"last", 0))
        entries: list[Entry] = []
        while len(entries) < config.segment:
            start = f"({entries[-1][0]}" if entries else "-"
            size = min(CHUNK, config.segment - len(entries))
            chunk = read_entries(self._call("XRANGE", self._keys.matches, start, "+", "COUNT", size))
            if not chunk:
                return 0  # Somebody else was faster.
            entries += chunk
        matches = list(_of_chunk(entries, _raise))
        data = encode(matches)
        segment = Segment(
            number=int(before.get(b"segments", 0)) + 1,
            first=matches[0][0],
            last=matches[-1][0],
            matches=len(matches),
            bytes=len(data),
            sha256=sha256(data),
        )
        if segment.first <= after:
            return 0
        self._take_in(segment, data, after, [match.match_id for _, match in matches])
        return len(matches)

    def _take_in(self, segment: Segment, data: bytes, after: int, ids: list[str]) -> None:
        """Make a segment of what stood in the stream: all of it or nothing, and nothing if somebody else did."""
        keys = self._keys

        def attempt(pipe: Any) -> None:
            self.require_config(pipe.execute_command)
            if int(pipe.execute_command("HGET", keys.sealed, "last") or 0) != after:
                return
            pipe.multi()
            queue = pipe.execute_command
            queue("SET", keys.segment(segment.number), data)
            queue("HSET", keys.segments, segment.number, dumps(segment.to_json()))
            queue("HSET", keys.sealed, "last", segment.last, "segments", segment.number)
            queue("HINCRBY", keys.sealed, "matches", segment.matches)
            queue("XTRIM", keys.matches, "MINID", f"{segment.last + 1}-0")
            for start in range(0, len(ids), CHUNK):
                queue("HDEL", keys.match_index, *ids[start : start + CHUNK])
            queue("HSET", keys.meta, "schema", SCHEMA)

        # Not the log itself: it is appended to all the time, and what becomes a segment never changes.
        self._transact([keys.meta, keys.sealed], attempt)

    def archive(self, place: str | None, watch: Watch = lambda line: None) -> int:
        """Move the segments that the store holds to files; how many.

        Args:
            place: of the archive (`LogConfig.archive`); None: of a folder store `IN_FOLDER` in it, else nowhere.
            watch: called with a line of progress after each.

        Raises:
            StoreFullError: the disk of the archive is full; the store keeps what is not moved.
            SegmentError: the archive cannot be written, or a segment is not what was sealed.
        """
        if place is None:
            if self._folder is None:
                return 0
            place = IN_FOLDER
        held = [segment for segment in self.segments() if segment.place is None]
        archive = Archive(self._located(place))
        for done, segment in enumerate(held, start=1):
            data = self.segment_bytes(segment)
            name = f"{self.league}-{segment.number:06}-{segment.sha256[:16]}.parquet"
            archive.write(name, data)
            self._let_go(segment, f"{place.rstrip('/')}/{name}")
            watch(f"archiving the match log: {done:,} of {len(held):,} segments")
        return len(held)

    def _let_go(self, segment: Segment, place: str) -> None:
        moved = Segment(**{**segment.to_json(), "place": place})

        def attempt(pipe: Any) -> None:
            stored = pipe.execute_command("HGET", self._keys.segments, segment.number)
            if stored is None or read_json(Segment.from_json, stored) != segment:
                return
            pipe.multi()
            pipe.execute_command("HSET", self._keys.segments, segment.number, dumps(moved.to_json()))
            pipe.execute_command("DEL", self._keys.segment(segment.number))

        self._transact([self._keys.segments], attempt)

    def _located(self, place: str) -> str:
        """A relative path is one below the store's folder, so that the folder may be moved."""
        if is_url(place) or Path(place).is_absolute():
            return place
        if self._folder is None:
            raise SegmentError(f"the archive {place!r} is below the folder of another store: archive it anew there")
        return str(self._folder / place)

    def _log(self, *, last: str = "+", key: str | None = None) -> Iterator[Entry]:
        """Raw entries up to the id `last` of the stream `key`, by default that of the newest matches."""
        start, key = "-", key or self._keys.matches
        while chunk := read_entries(self._call("XRANGE", key, start, last, "COUNT", CHUNK)):
            yield from chunk
            start = f"({chunk[-1][0]}"


def _of_chunk(entries: Iterable[Entry], damaged: Damaged) -> Iterator[Numbered]:
    for entry, fields in entries:
        try:
            match = read_match(entry, fields)
        except StoreError as error:
            damaged(error)
        else:
            yield entry_number(entry), match
