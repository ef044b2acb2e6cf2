"""Writing everything of a league to a file while it runs: as of one moment, a part at a time.

The parts, in their order; what is derived, the payoff, the ratings and the index of matches, follows from the log:

    backup.json                         format, schema, league, game, made_s
    checkpoints/LEARNER/state           bytes
    checkpoints/LEARNER/progress.json   as it is stored
    state/KEY.json                      what `OF_ONE_MOMENT` lists: a hash as an object, a list as an array, else text
    segments/000001.parquet …           the oldest matches, as `league.pool.segments` describes them
    matches/000001.jsonl …              the others: a line is [number, match]
    weights/SHA256                      bytes
    replays/000001.jsonl …              a line is [number, games]
    state/pruned.json                   also of weights that were pruned while the others were read
    damaged.json                        a line for people of each thing that could not be read, so that it is not here

Checkpoints come first, so that the pool is as old as they are or newer: as after a crash, from which a learner goes on.
The league's state is read in one transaction; matches and weights never change, so they may be read after it. A backup
holds the archived segments, too: a restored league has all of its log in its store, from where it is archived anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO, Final

from league.errors import CorruptSnapshotError, PrunedPolicyError, SegmentError, StoreError, WrongLeagueError
from league.ladder.records import Snapshot
from league.pool.connection import SCHEMA, dumps
from league.pool.entries import Entry, entry_number, read_entries, read_match, read_replays
from league.pool.learners import Learners
from league.pool.log import Log
from league.pool.parts import PartsWriter
from league.pool.segments import Segment
from league.pool.snapshots import Snapshots

FORMAT: Final = 1
"""Version of the layout of a backup."""

HEADER: Final = "backup.json"
DAMAGED: Final = "damaged.json"

OF_ONE_MOMENT: Final = {
    "meta": "hash",
    "snapshots": "hash",
    "snapshot_order": "list",
    "pruned": "hash",
    "promotions": "list",
    "status": "string",
    "fence": "string",
    "events": "list",
    "event_counts": "hash",
    "refusals": "hash",
    "segments": "hash",
    "sealed": "hash",
}
"""Properties of `Keys` that are read together, with the type of what is there."""

_READ: Final = {"hash": ("HGETALL",), "list": ("LRANGE", 0, -1), "string": ("GET",)}
_LINES: Final = 1000
"""Matches in a part, which the restore writes in one transaction."""
_BYTES: Final = 8 * 2**20
"""With as many a part ends sooner."""


@dataclass(frozen=True, kw_only=True)
class Backup:
    """What a backup holds, or what came of it."""

    league: str
    game: str
    made_s: float
    """When, in seconds of Unix time."""
    bytes: int
    """Size of the file."""
    matches: int
    snapshots: int
    """Those whose weights were pruned, too."""
    promotions: int
    checkpoints: int
    damaged: tuple[str, ...]
    """A line for each thing that could not be read in the store, so that it is not in the file."""

    def to_json(self) -> dict[str, Any]:
        """The report as plain data for JSON, under the names of the fields."""
        return asdict(self)


class Backups(Snapshots, Log, Learners):
    """Part of the store: what a backup reads. It writes nothing, and needs the rights to read and to use `MULTI`."""

    def back_up(self, file: BinaryIO, watch: Callable[[str], None] = lambda line: None) -> Backup:
        """Write everything of the league to `file`, while it runs or not; nothing else than one part is in memory.

        Args:
            file: written from where it stands, and left open.
            watch: called with a line of progress after each part.

        Raises:
            WrongLeagueError: there is no league, or it was replaced by another one meanwhile.
            StoreSchemaError: it was written by a newer version.
            OSError: what `file` raises.
        """
        game, made_s, created = self.require_config().game, self.now_s(), self._created()
        parts, damaged = PartsWriter(file), list[str]()

        def add(name: str, data: bytes) -> None:
            parts.add(name, data)
            watch(f"{name}: {parts.bytes / 1e6:,.0f} MB so far")

        header = {"format": FORMAT, "schema": SCHEMA, "league": self.league, "game": game, "made_s": made_s}
        add(HEADER, dumps(header).encode())
        checkpoints = self._add_checkpoints(add, damaged)
        state, newest = self._moment()
        for name, value in state.items():
            if name != "pruned":
                add(_file(name), dumps(value).encode())
        matches = self._add_segments(add, damaged, state["segments"])
        matches += self._add_entries(add, damaged, "matches", newest, int(state["sealed"].get("last", 0)))
        late = self._add_weights(add, damaged, state)
        self._add_entries(add, damaged, "replays", newest, 0)
        add(_file("pruned"), dumps(state["pruned"] | late).encode())
        add(DAMAGED, dumps(damaged).encode())
        if self._created() != created:
            raise WrongLeagueError(f"league {self.league!r} at {self.address} was replaced meanwhile: try again")
        parts.end()
        return Backup(
            league=self.league,
            game=game,
            made_s=made_s,
            bytes=parts.bytes,
            matches=matches,
            snapshots=len(state["snapshots"]),
            promotions=len(state["promotions"]),
            checkpoints=checkpoints,
            damaged=tuple(damaged),
        )

    def _created(self) -> bytes | None:
        created: bytes | None = self._call("HGET", self._keys.meta, "created_s")
        return created

    def _moment(self) -> tuple[dict[str, Any], str]:
        """What changes, all of one moment, by property of `Keys`, and the id of the last match then."""
        commands = []
        for name, kind in OF_ONE_MOMENT.items():
            word, *rest = _READ[kind]
            commands.append((word, getattr(self._keys, name), *rest))
        *replies, last = self._together(*commands, ("XREVRANGE", self._keys.matches, "+", "-", "COUNT", 1))
        state = {name: _text(reply) for name, reply in zip(OF_ONE_MOMENT, replies, strict=True)}
        return state, next((entry for entry, _ in read_entries(last)), f"{state['sealed'].get('last', 0)}-0")

    def _add_checkpoints(self, add: Callable[[str, bytes], None], damaged: list[str]) -> int:
        count = 0
        for learner in self.learners():
            try:
                found = self.checkpoint(learner)
            except (CorruptSnapshotError, ValueError) as error:
                damaged.append(str(error))
                continue
            if found is None:
                damaged.append(f"the checkpoint of learner {learner!r} is missing")
                continue
            state, progress = found
            add(f"checkpoints/{learner}/state", state)
            add(f"checkpoints/{learner}/progress.json", dumps(progress).encode())
            count += 1
        return count

    def _add_segments(self, add: Callable[[str, bytes], None], damaged: list[str], stored: dict[str, str]) -> int:
        """The files of all segments, wherever they are; how many matches are in them."""
        count = 0
        for data in stored.values():
            segment = Segment.from_json(json.loads(data))
            try:
                add(f"segments/{segment.number:06}.parquet", self.segment_bytes(segment))
            except SegmentError as error:
                damaged.append(str(error))
            else:
                count += segment.matches
        return count

    def _add_entries(
        self, add: Callable[[str, bytes], None], damaged: list[str], stream: str, newest: str, after: int
    ) -> int:
        """The entries of a stream after the number `after`, up to the id `newest`, in parts of some size; how many."""
        lines, size, part, count = list[str](), 0, 0, 0

        def end() -> None:
            nonlocal size, part
            part += 1
            add(f"{stream}/{part:06}.jsonl", "".join(lines).encode())
            lines.clear()
            size = 0

        for line in self._lines(stream, newest, after, damaged):
            lines.append(line)
            size, count = size + len(line), count + 1
            if len(lines) == _LINES or size >= _BYTES:
                end()
        if lines:
            end()
        return count

    def _lines(self, stream: str, newest: str, after: int, damaged: list[str]) -> Iterator[str]:
        """Of a match its JSON as it is stored, to the last digit, once it was read as one."""
        if stream == "replays":
            pieces: Iterable[Segment | list[Entry]] = [list(self._log(key=self._keys.replays, last=newest))]
        else:
            pieces = self._pieces(after, entry_number(newest))
        field, check = {"matches": (b"match", read_match), "replays": (b"games", read_replays)}[stream]
        for piece in pieces:
            if isinstance(piece, Segment):  # It was sealed meanwhile.
                for number, match in self.segment_matches(piece):
                    if after < number <= entry_number(newest):
                        yield f"[{number},{dumps(match.to_json())}]\n"
                        after = number
                continue
            for entry, fields in piece:
                try:
                    check(entry, fields)
                except StoreError as error:
                    damaged.append(str(error))
                else:
                    yield f"[{entry_number(entry)},{fields[field].decode()}]\n"
                after = entry_number(entry)

    def _add_weights(
        self, add: Callable[[str, bytes], None], damaged: list[str], state: dict[str, Any]
    ) -> dict[str, str]:
        """All weights that were there; the records of those that were pruned meanwhile."""
        late, digests = dict[str, str](), dict[str, None]()
        for name, data in state["snapshots"].items():
            try:
                digests[Snapshot.from_json(json.loads(data)).digest] = None
            except (TypeError, ValueError) as error:
                damaged.append(f"snapshot {name} cannot be read: {error}")
        for digest in digests:
            if digest in state["pruned"]:
                continue
            try:
                add(f"weights/{digest}", self.weights(digest))
            except PrunedPolicyError:
                late[digest] = dumps(self.pruned()[digest].to_json())
            except CorruptSnapshotError as error:
                damaged.append(str(error))
        return late


def _file(name: str) -> str:
    return f"state/{name}.json"


def _text(reply: Any) -> Any:
    """What Redis gave as text for JSON; a byte that is no UTF-8 comes back as it was."""
    match reply:
        case bytes():
            return reply.decode("utf-8", "surrogateescape")
        case dict():
            return {_text(field): _text(value) for field, value in reply.items()}
        case list():
            return [_text(one) for one in reply]
    return reply
