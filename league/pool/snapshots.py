"""The frozen policies in the pool, and how people name them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final, Literal, NamedTuple

from league.errors import CorruptSnapshotError, StoreError, UnknownPolicyError, nearest
from league.ladder.payoff import check_policy_name
from league.ladder.records import Promotion, Snapshot
from league.pool.connection import Connection, dumps, sha256

CHAMPION: Final = "champion"
"""The word for whoever is the champion; no snapshot may have this name."""

SHORTEST_PREFIX: Final = 4


class Named(NamedTuple):
    """What a word of the user stands for."""

    kind: Literal["snapshot", "bot"]
    name: str
    digest: str | None
    """sha256 of the weights; None for a bot."""


class Snapshots(Connection):
    """Part of the store: immutable snapshots by name, their weights by content hash."""

    def add_snapshot(self, snapshot: Snapshot, weights: bytes) -> None:
        """Add a frozen policy; adding the same one again changes nothing.

        Raises:
            StoreError: the weights are not those of the digest, the name cannot be used, or is taken by another
                snapshot.
            WrongLeagueError: there is no league.
        """
        _check_new(snapshot, weights)

        def attempt(pipe: Any) -> None:
            self._require_config(pipe.execute_command)
            known = pipe.execute_command("HGET", self._keys.snapshots, snapshot.name)
            if known is not None:
                digest = Snapshot.from_json(json.loads(known)).digest
                if digest != snapshot.digest:
                    raise StoreError(f"snapshot {snapshot.name} exists with hash {digest[:12]}, not with this one")
                return
            pipe.multi()
            pipe.execute_command("SET", self._keys.weights(snapshot.digest), weights, "NX")
            pipe.execute_command("HSET", self._keys.snapshots, snapshot.name, dumps(snapshot.to_json()))
            pipe.execute_command("RPUSH", self._keys.snapshot_order, snapshot.name)

        self._transact([self._keys.meta, self._keys.snapshots], attempt)

    def snapshots(self) -> list[Snapshot]:
        """All of them, oldest first."""
        order, known = self._together(("LRANGE", self._keys.snapshot_order, 0, -1), ("HGETALL", self._keys.snapshots))
        return [Snapshot.from_json(json.loads(known[name])) for name in order if name in known]

    def snapshot(self, name: str) -> Snapshot:
        """One by its full name; raises `UnknownPolicyError`."""
        data = self._call("HGET", self._keys.snapshots, name)
        if data is None:
            raise UnknownPolicyError(f"no snapshot {name!r} in league {self.league!r}{nearest(name, self._names())}")
        return Snapshot.from_json(json.loads(data))

    def weights(self, digest: str) -> bytes:
        """The weights with that sha256, hashed again; raises `CorruptSnapshotError` if missing or changed."""
        data: bytes | None = self._call("GET", self._keys.weights(digest))
        if data is not None and sha256(data) == digest:
            return data
        names = [snapshot.name for snapshot in self.snapshots() if snapshot.digest == digest]
        fault = "are missing" if data is None else f"are not what was stored ({len(data)} bytes, another hash)"
        raise CorruptSnapshotError(f"the weights of {' and '.join(names) or 'no snapshot'}, hash {digest}, {fault}")

    def resolve(self, word: str, bots: Iterable[str]) -> Named:
        """Find what `word` stands for: `champion`, a snapshot, a bot, or the start of one snapshot's hash.

        Names are case-sensitive. A start of a hash has 4 or more hexadecimal digits; it may fit several snapshots only
        if their weights are the same, and then means the oldest.

        Raises:
            UnknownPolicyError: nothing fits, or several things; the message names the nearest or all of them.
        """
        known = {snapshot.name: snapshot for snapshot in self.snapshots()}
        if word == CHAMPION:
            last = self._call("LINDEX", self._keys.promotions, -1)
            if last is None:
                raise UnknownPolicyError(f"league {self.league!r} has no champion yet")
            champion = Promotion.from_json(json.loads(last))
            return Named("snapshot", champion.policy, champion.digest)
        if word in known:
            return Named("snapshot", word, known[word].digest)
        bots = list(bots)
        if word in bots:
            return Named("bot", word, None)
        fitting = [s for s in known.values() if len(word) >= SHORTEST_PREFIX and s.digest.startswith(word)]
        if not fitting:
            close = nearest(word, [*known, *bots, CHAMPION])
            raise UnknownPolicyError(f"no policy {word!r} in league {self.league!r}{close}")
        if len({s.digest for s in fitting}) > 1:
            fits = ", ".join(f"{s.name} ({s.digest[:12]})" for s in fitting)
            raise UnknownPolicyError(f"{word!r} is the start of several hashes: {fits}")
        return Named("snapshot", fitting[0].name, fitting[0].digest)

    def _names(self) -> list[str]:
        return [name.decode() for name in self._call("LRANGE", self._keys.snapshot_order, 0, -1)]


def _check_new(snapshot: Snapshot, weights: bytes) -> None:
    try:
        check_policy_name(snapshot.name)
    except ValueError as error:
        raise StoreError(str(error)) from error
    if snapshot.name == CHAMPION:
        raise StoreError(f"a snapshot cannot be named {CHAMPION!r}: that word stands for the champion")
    found = sha256(weights)
    if found != snapshot.digest or len(weights) != snapshot.bytes:
        raise StoreError(
            f"snapshot {snapshot.name}: the weights are {len(weights)} bytes with hash {found[:12]}, "
            f"but {snapshot.bytes} bytes with hash {snapshot.digest[:12]} were announced"
        )
