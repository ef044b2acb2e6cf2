"""Bringing a league back from a backup, whole or not at all.

The file is read twice: once to see that it is whole, and once to write. What is written stands aside under keys that no
league has (`Keys.aside`), each part in a transaction of its own, until one last transaction gives all of it its name.
So a restore that fails, or that is killed, leaves no league; the next one removes what it left.
"""

from __future__ import annotations

import contextlib
import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from league.config import LeagueConfig, RatingConfig
from league.disk import has_room, no_room
from league.errors import BackupError, StoreError, StoreFullError, WrongLeagueError
from league.ladder.payoff import match_counts
from league.ladder.ratings import Rating, rate
from league.ladder.records import Match
from league.ladder.standings import Standings, count
from league.pool.backup import OF_ONE_MOMENT, Backup
from league.pool.backup_file import naming, read_backup, read_json
from league.pool.connection import dumps, sha256
from league.pool.entries import read_match, read_replays
from league.pool.keys import Keys
from league.pool.lease import Leases
from league.pool.matches import RULES, read_kinds
from league.pool.segments import Segment, decode

Commands = list[tuple[Any, ...]]

_ASIDE: Final = "restoring-"
_WRITE: Final = {"hash": "HSET", "list": "RPUSH", "string": "SET"}
_SCANNED: Final = 1000
"""Keys that the server looks at per request."""


class Restoration(Leases):
    """Part of the store: what a restore writes."""

    def restore(self, path: Path, backup: Backup, watch: Callable[[str], None] = lambda line: None) -> None:
        """Bring back the league of a backup, under the name of this one, of which there must be nothing.

        Payoff, ratings and index are derived from its matches. Whoever still trains the league that was backed up may
        not write to this one: its fencing token is newer.

        Args:
            path: the file.
            backup: what `check_backup` said of it.
            watch: called with a line of progress after each part.

        Raises:
            BackupError: as `check_backup` raises it, or a part is not what it should be.
            WrongLeagueError: there is something of a league of this name already.
            StoreFullError: there is no room for it.
        """
        self._refuse_present(backup)
        if self._folder is not None and not has_room(self._folder, backup.bytes):
            raise StoreFullError(f"nothing was written: {no_room(self._folder, backup.bytes)}")
        self._clear(f"{self._keys.prefix}{_ASIDE}*")
        aside = Keys(self.league, f"{_ASIDE}{uuid.uuid4().hex}:")
        try:
            _Writing(self, aside).write(path, watch)
            self._publish(aside)
        except BaseException:
            with contextlib.suppress(StoreError):
                if self._folder is None or has_room(self._folder):  # Else the next restore removes it.
                    self._clear(f"{aside.prefix}*")
            raise

    def _refuse_present(self, backup: Backup) -> None:
        """Raise where there is anything of a league, but for the token of one that never began."""
        lease = self.lease()
        present = self.config()
        if lease is not None:
            holder = lease.holder
            raise WrongLeagueError(f"league {self.league!r} at {self._shown} is being trained, by {holder}{_ELSE}")
        if present is not None:
            raise WrongLeagueError(
                f"{self._shown} holds a league {self.league!r} already, of {present.game}; the backup is of "
                f"{backup.game}{_ELSE}"
            )
        mine = {key for key in self._scan(f"{self._keys.prefix}*") if _ASIDE not in key} - {self._keys.fence}
        if mine:
            raise WrongLeagueError(f"{self._shown} is not empty: it holds {min(mine)}{_ELSE}")

    def _publish(self, aside: Keys) -> None:
        """Give all that stands aside the league's name, at once; where there is no league meanwhile."""
        staged = sorted(self._scan(f"{aside.prefix}*"))

        def attempt(pipe: Any) -> None:
            read = pipe.execute_command
            if not read("EXISTS", aside.meta):
                return  # A lost reply hid that it is done.
            if self.config(read) is not None or read("EXISTS", self._keys.lease):
                raise WrongLeagueError(f"a league {self.league!r} has begun at {self._shown} meanwhile{_ELSE}")
            newest = max(int(read("GET", key) or 0) for key in (aside.fence, self._keys.fence))
            pipe.multi()
            for key in staged:
                pipe.execute_command("RENAME", key, f"{self._keys.prefix}{key.removeprefix(aside.prefix)}")
            pipe.execute_command("SET", self._keys.fence, newest + 1)

        self._transact([self._keys.meta, self._keys.lease, aside.meta], attempt)

    def _scan(self, pattern: str) -> Iterator[str]:
        cursor = 0
        while True:
            cursor, keys = self._call("SCAN", cursor, "MATCH", pattern, "COUNT", _SCANNED)
            yield from (key.decode() for key in keys)
            if not int(cursor):
                return

    def _clear(self, pattern: str) -> None:
        for key in list(self._scan(pattern)):
            self._call("DEL", key)


_ELSE: Final = ": give another --store, or another --league"


class _Writing:
    """The second reading: part by part into keys that stand aside."""

    def __init__(self, store: Restoration, aside: Keys) -> None:
        self.store = store
        self.keys = aside
        self.ratings: dict[str, Rating] = {}
        self.standings: Standings = {}
        self.kinds = read_kinds({})
        self.config: RatingConfig | None = None
        self.segments: dict[int, Segment] = {}

    def write(self, path: Path, watch: Callable[[str], None]) -> None:
        written = 0
        with naming(path):
            for name, data in read_backup(path):
                self._apply(name, self._commands(name, data))
                written += len(data)
                watch(f"writing {name}: {written / 1e6:,.0f} MB so far")
        for kind in ("ratings", "standings"):
            derived = getattr(self, kind).items()
            if words := [word for name, one in derived for word in (name, dumps(one.to_json()))]:
                self._apply(kind, [("HSET", getattr(self.keys, kind), *words)])
        self.store._write(("DEL", self._done))

    @property
    def _done(self) -> str:
        """A set of the parts that are written."""
        return f"{self.keys.prefix}done"

    def _apply(self, name: str, commands: Commands) -> None:
        """Write a part once, also where the reply to an attempt was lost."""

        def attempt(pipe: Any) -> None:
            if pipe.execute_command("SISMEMBER", self._done, name):
                return
            pipe.multi()
            for command in (*commands, ("SADD", self._done, name)):
                pipe.execute_command(*command)

        self.store._transact([self._done], attempt)

    def _commands(self, name: str, data: bytes) -> Commands:
        try:
            match name.split("/"):
                case ["backup.json" | "damaged.json"]:
                    return []
                case ["state", file]:
                    return self._state(file.removesuffix(".json"), read_json(data))
                case ["checkpoints", learner, "state"]:
                    fields = ("state", data, "digest", sha256(data))
                    return [("HSET", self.keys.checkpoint(learner), *fields), ("SADD", self.keys.learners, learner)]
                case ["checkpoints", learner, "progress.json"]:
                    return [("HSET", self.keys.checkpoint(learner), "progress", dumps(read_json(data)))]
                case ["segments", file]:
                    return self._segment(int(file.removesuffix(".parquet")), data)
                case ["matches", _]:
                    return self._matches(data)
                case ["replays", _]:
                    found = _entries(data, "games", read_replays)
                    return [("XADD", self.keys.replays, *entry) for entry in found]
                case ["weights", digest] if sha256(data) == digest:
                    return [("SET", self.keys.weights(digest), data)]
        except (ValueError, TypeError, KeyError, AttributeError, StoreError) as error:
            raise BackupError(f"{name} in it does not hold what it should: {error}") from error
        raise BackupError(f"it holds {name!r}, which no backup of this version does")

    def _state(self, name: str, value: Any) -> Commands:
        kind, key = OF_ONE_MOMENT[name], getattr(self.keys, name)
        if name == "meta":
            self.config = LeagueConfig.from_dict(json.loads(value["config"])).ratings
            value["rules"] = str(RULES)  # By ours all that follows from the log is derived here.
        if name == "snapshots":
            self.kinds = read_kinds({one.encode("utf-8", "surrogateescape"): data for one, data in value.items()})
        if name == "segments":
            segments = [Segment.from_json(json.loads(data)) for data in value.values()]
            self.segments = {segment.number: segment for segment in segments}
            # The store holds them all, until they are archived anew.
            value = {str(one.number): dumps({**one.to_json(), "place": None}) for one in segments}
        if not value:
            return []
        words = [word for field in value.items() for word in field] if kind == "hash" else value
        words = [words] if kind == "string" else words
        return [(_WRITE[kind], key, *(word.encode("utf-8", "surrogateescape") for word in words))]

    def _segment(self, number: int, data: bytes) -> Commands:
        """A segment as it is, and what follows from it."""
        if number not in self.segments or sha256(data) != self.segments[number].sha256:
            raise BackupError(f"segment {number} of its match log is not what was sealed")
        counts = Counter[str]()
        for _, match in decode(data):
            self._count(match, counts)
        return [("SET", self.keys.segment(number), data), *self._payoff(counts)]

    def _payoff(self, counts: Counter[str]) -> Commands:
        return [("HINCRBY", self.keys.payoff, field, count) for field, count in counts.items()]

    def _count(self, match: Match, counts: Counter[str]) -> None:
        if self.config is None:
            raise BackupError("its matches come before its configuration")
        counts.update(match_counts(match))
        self.ratings.update(rate(self.ratings, match, self.config))
        count(self.standings, match, self.kinds)

    def _matches(self, data: bytes) -> Commands:
        """A part of the log, and what follows from it; ratings and standings are kept until all is written."""
        commands, counts = Commands(), Counter[str]()
        for entry, field, text in _entries(data, "match", read_match):
            match = read_match(entry, {b"match": text.encode()})
            commands.append(("XADD", self.keys.matches, entry, field, text))
            commands.append(("HSET", self.keys.match_index, match.match_id, entry))
            self._count(match, counts)
        return [*commands, *self._payoff(counts)]


def _entries(
    data: bytes, field: str, check: Callable[[str, dict[bytes, bytes]], Any]
) -> Iterator[tuple[str, str, str]]:
    """Entries of a stream: id, field and value, as they were stored."""
    for line in data.decode().split("\n")[:-1]:
        number, value = json.loads(line)
        entry, text = f"{int(number)}-0", dumps(value)
        check(entry, {field.encode(): text.encode()})
        yield entry, field, text
