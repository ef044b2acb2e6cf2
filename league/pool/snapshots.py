"""The frozen policies in the pool, and how people name them."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Literal, NamedTuple

from league.errors import (
    CorruptSnapshotError,
    DamagedStoreError,
    PolicyError,
    PrunedPolicyError,
    StoreError,
    UnknownPolicyError,
    nearest,
)
from league.ladder.payoff import check_policy_name
from league.ladder.records import Promotion, Snapshot
from league.ladder.retention import Pruned
from league.pool.connection import Command, Connection, dumps, read_json, sha256

CHAMPION: Final = "champion"
"""The word for whoever is the champion; no snapshot may have this name."""

SHORTEST_PREFIX: Final = 4


class Named(NamedTuple):
    """What a word of the user stands for."""

    kind: Literal["snapshot", "bot"]
    name: str
    digest: str | None
    """sha256 of the weights; None for a bot."""

    def require_digest(self, otherwise: str = "it has no weights to export") -> str:
        """The sha256 of its weights; raises `PolicyError` for a bot, of which `otherwise` says why it will not do."""
        if self.digest is None:
            raise PolicyError(f"{self.name} is a fixed bot: {otherwise}")
        return self.digest


class Snapshots(Connection):
    """Part of the store: immutable snapshots by name, their weights by content hash."""

    def add_snapshot(self, snapshot: Snapshot, weights: bytes) -> None:
        """Add a frozen policy; adding the same one again changes nothing, but brings back weights that were pruned.

        Raises:
            StoreError: the weights are not those of the digest, the name cannot be used, or is taken by another
                snapshot.
            WrongLeagueError: there is no league.
        """
        self.add_snapshots([(snapshot, weights)])

    def add_snapshots(self, new: Sequence[tuple[Snapshot, bytes]]) -> None:
        """Like `add_snapshot` for several, oldest first, of different names: all of them or none."""
        for snapshot, weights in new:
            _check_new(snapshot, weights)

        def attempt(pipe: Any) -> None:
            read: Command = pipe.execute_command
            self.require_config(read)
            pruned = self.pruned(read)
            names = [snapshot.name for snapshot, _ in new]
            keys = (self._keys.snapshots, self._keys.standings)
            stored, met = (read("HMGET", key, *names) if names else [] for key in keys)
            for (snapshot, _), data in zip(new, stored, strict=True):
                digest = None if data is None else read_json(Snapshot.from_json, data).digest
                if digest is not None and digest != snapshot.digest:
                    raise StoreError(f"snapshot {snapshot.name} exists with hash {digest[:12]}, not with this one")
            pipe.multi()
            for (snapshot, weights), data in zip(new, stored, strict=True):
                if data is None or snapshot.digest in pruned:
                    pipe.execute_command("SET", self._keys.weights(snapshot.digest), weights, "NX")
                    pipe.execute_command("HDEL", self._keys.pruned, snapshot.digest)
                if data is None:
                    pipe.execute_command("HSET", self._keys.snapshots, snapshot.name, dumps(snapshot.to_json()))
                    pipe.execute_command("RPUSH", self._keys.snapshot_order, snapshot.name)
            if any(data is None and standing is not None for data, standing in zip(stored, met, strict=True)):
                # Whoever met it took it for a bot: standings are counted anew by whoever opens the store next.
                pipe.execute_command("HDEL", self._keys.meta, "rules")

        self._transact([self._keys.meta, self._keys.snapshots, self._keys.pruned], attempt)

    def prune(self, names: Collection[str], *, by: str, now_s: float) -> list[Snapshot]:
        """Delete the weights of these snapshots, and note it; everything else that is known of them stays.

        Left alone are, as of the moment of the deletion, whoever is or was champion, and weights that a snapshot which
        is not named has, too.

        Args:
            names: of snapshots; those that were pruned before are passed over.
            by: the user who asked for it, or `coordinator`.
            now_s: the server's time (Unix, s).

        Returns:
            The snapshots whose weights were deleted just now, oldest first.

        Raises:
            UnknownPolicyError: a name is no snapshot's.
            WrongLeagueError: there is no league.
        """
        record = Pruned(by=by, pruned_s=now_s)

        def attempt(pipe: Any) -> list[Snapshot]:
            read: Command = pipe.execute_command
            self.require_config(read)
            known, pruned = self._known(read), self.pruned(read)
            for name in names:
                if name not in known:
                    raise UnknownPolicyError(f"no snapshot {name!r} in league {self.league!r} to prune")
            promotions = read("LRANGE", self._keys.promotions, 0, -1)
            needed = {read_json(Promotion.from_json, data).digest for data in promotions}
            needed |= {snapshot.digest for name, snapshot in known.items() if name not in names}
            # One with just this record: a lost reply hid that it is done.
            gone = [s for name, s in known.items() if name in names and pruned.get(s.digest, record) == record]
            gone = [snapshot for snapshot in gone if snapshot.digest not in needed]
            pipe.multi()
            for digest in {snapshot.digest for snapshot in gone}:
                pipe.execute_command("DEL", self._keys.weights(digest))
                pipe.execute_command("HSET", self._keys.pruned, digest, dumps(record.to_json()))
            return gone

        watched = [self._keys.meta, self._keys.snapshots, self._keys.promotions, self._keys.pruned]
        return self._transact(watched, attempt)

    def present(self) -> list[Snapshot]:
        """Every snapshot whose weights were not pruned, oldest first."""
        pruned = self.pruned()
        return [snapshot for snapshot in self.snapshots() if snapshot.digest not in pruned]

    def pruned(self, read: Command | None = None) -> dict[str, Pruned]:
        """By digest, what was pruned: a snapshot has weights exactly if its digest is not among these."""
        stored = (read or self._call)("HGETALL", self._keys.pruned)
        return {digest.decode(): read_json(Pruned.from_json, data) for digest, data in stored.items()}

    def note_mixture(self, mixture: Mapping[str, float]) -> None:
        """Note who matters, as retention has found it: whoever only shows it need not fit everything anew."""
        self._write(("SET", self._keys.mixture, dumps(dict(mixture))))

    def mixture(self) -> dict[str, float] | None:
        """The Nash mixture that was noted last, by name; None before the first, and where it cannot be read."""
        data = self._call("GET", self._keys.mixture)
        with suppress(DamagedStoreError):
            return None if data is None else read_json(_mixture, data)
        return None

    def snapshots(self) -> list[Snapshot]:
        """All of them, oldest first, also those that were pruned."""
        order, known = self._together(("LRANGE", self._keys.snapshot_order, 0, -1), ("HGETALL", self._keys.snapshots))
        return _in_order(order, known)

    def snapshot(self, name: str) -> Snapshot:
        """One by its full name; raises `UnknownPolicyError`."""
        data = self._call("HGET", self._keys.snapshots, name)
        if data is None:
            close = nearest(name, [snapshot.name for snapshot in self.snapshots()])
            raise UnknownPolicyError(f"no snapshot {name!r} in league {self.league!r}{close}")
        return read_json(Snapshot.from_json, data)

    def weights(self, digest: str) -> bytes:
        """The weights with that sha256, hashed again.

        Raises:
            PrunedPolicyError: they were pruned.
            CorruptSnapshotError: they are missing or changed.
        """
        data: bytes | None = self._call("GET", self._keys.weights(digest))
        if data is not None and sha256(data) == digest:
            return data
        names = " and ".join(s.name for s in self.snapshots() if s.digest == digest) or "no snapshot"
        pruned = self.pruned().get(digest)
        if data is None and pruned is not None:
            raise pruned_error(names, pruned)
        fault = "are missing" if data is None else f"are not what was stored ({len(data)} bytes, another hash)"
        raise CorruptSnapshotError(f"the weights of {names}, hash {digest}, {fault}")

    def resolve(self, word: str, bots: Iterable[str], *, pruned_too: bool = False) -> Named:
        """Find what `word` stands for: `champion`, a snapshot, a bot, or the start of one snapshot's hash.

        Names are case-sensitive. A start of a hash has 4 or more hexadecimal digits; it may fit several snapshots only
        if their weights are the same, and then means the oldest.

        Raises:
            UnknownPolicyError: nothing fits, or several things; the message names the nearest or all of them.
            PrunedPolicyError: it is a snapshot that was pruned, unless `pruned_too`.
        """
        named = self._named(word, list(bots))
        pruned = self.pruned().get(named.digest) if named.digest is not None and not pruned_too else None
        if pruned is not None:
            raise pruned_error(named.name, pruned)
        return named

    def _named(self, word: str, bots: Sequence[str]) -> Named:
        known = {snapshot.name: snapshot for snapshot in self.snapshots()}
        if word == CHAMPION:
            last = self._call("LINDEX", self._keys.promotions, -1)
            if last is None:
                raise UnknownPolicyError(f"league {self.league!r} has no champion yet: name a snapshot or a bot")
            champion = read_json(Promotion.from_json, last)
            return Named("snapshot", champion.policy, champion.digest)
        if word in known:
            return Named("snapshot", word, known[word].digest)
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

    def _known(self, read: Command) -> dict[str, Snapshot]:
        """All snapshots by name, oldest first; read by `read` to be part of a transaction."""
        order, known = read("LRANGE", self._keys.snapshot_order, 0, -1), read("HGETALL", self._keys.snapshots)
        return {snapshot.name: snapshot for snapshot in _in_order(order, known)}


def _mixture(data: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(weight) for name, weight in data.items()}


def pruned_error(names: str, pruned: Pruned) -> PrunedPolicyError:
    """Who was pruned, when, and what remains."""
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(pruned.pruned_s))
    return PrunedPolicyError(
        f"{names} was pruned on {when} by {pruned.by}: its weights are gone, its metadata, rating and matches remain; "
        "league pool import brings it back from an archive that holds it"
    )


def _in_order(order: Iterable[bytes], known: Mapping[bytes, bytes]) -> list[Snapshot]:
    return [read_json(Snapshot.from_json, known[name]) for name in order if name in known]


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
