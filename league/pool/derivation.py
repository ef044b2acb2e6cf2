"""Payoff, ratings and index derived anew from the whole log, beside whoever appends to it.

The log is folded up to where it ended at some moment, without keeping anybody waiting. What the store held at that same
moment is compared with it. A repair then folds the few matches that came since in the transaction that writes it, and
writes only what differs: the transaction is as short as that of a match.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from league.config import LeagueConfig
from league.errors import WrongLeagueError
from league.ladder.records import Match, Plain
from league.ladder.standings import Kind, Kinds
from league.pool.connection import Command, dumps
from league.pool.entries import entry_number, read_entries
from league.pool.folding import Fold, Hash, Seen
from league.pool.log import Damaged, Watch, _raise
from league.pool.matches import RULES, Matches, read_kinds


@dataclass(frozen=True, kw_only=True)
class Rebuild(Plain):
    """What was derived anew from the match log."""

    matches: int
    ratings: int
    repaired: tuple[str, ...]
    """One line for each value in which the store differed from the log; none if they agreed, to the last bit."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What the store held at one moment."""

    last: int
    """Number of the last match in the log."""
    sealed: int
    """Number of the last match in a segment; those after it are in the index."""
    rules: int
    """By which it was derived: `RULES`, or those of an older version."""
    kinds: Kinds
    """Of the policies, as of the snapshots at that moment."""
    index: Hash
    payoff: Hash
    ratings: Hash
    standings: Hash


class Derivation(Matches):
    """Part of the store: what follows from the log, from the log alone."""

    def rebuild(self, watch: Watch = lambda line: None) -> Rebuild:
        """Derive payoff, standings, ratings and index anew, also beside a league: the repair of what `verify` finds.

        Returns:
            What was derived, and in what the store differed from it until now.

        Raises:
            WrongLeagueError: there is no league.
            StoreError: an entry of the log is not a match.
            SegmentError: a segment of it cannot be read.
        """
        while True:
            config = self.require_config()
            stored = self.stored()
            fold, seen = Fold(config.ratings, stored.sealed, stored.kinds), Seen()
            self.fold(fold, seen, until=stored.last, watch=watch)
            wrong = {kind: fold.differing(kind, getattr(stored, kind)) for kind in _KINDS}
            # What an older version did not count is not wrong.
            counted = [kind for kind in _KINDS if kind != "standings" or stored.rules >= RULES]
            lines = [line for kind in counted for line in _lines(kind, getattr(stored, kind), fold, wrong[kind])]
            rebuilt, right = fold.matches, stored.rules >= RULES and not any(wrong.values())
            fold.touched.clear()
            if right or self._put_right(config, fold, seen, wrong):
                return Rebuild(matches=rebuilt, ratings=len(fold.ratings), repaired=tuple(lines))

    def stored(self) -> Stored:
        """Everything that is derived, as of one moment."""
        newest, sealed, rules, snapshots, *hashes = self._together(
            ("XREVRANGE", self._keys.matches, "+", "-", "COUNT", 1),
            ("HGET", self._keys.sealed, "last"),
            ("HGET", self._keys.meta, "rules"),
            ("HGETALL", self._keys.snapshots),
            *(("HGETALL", key) for key in self._derived_keys.values()),
        )
        last = next((entry_number(entry) for entry, _ in read_entries(newest)), int(sealed or 0))
        derived = ({_text(field): value for field, value in found.items()} for found in hashes)
        return Stored(
            last=last,
            sealed=int(sealed or 0),
            rules=int(rules or 1),
            kinds=read_kinds(snapshots),
            **dict(zip(_KINDS, derived, strict=True)),
        )

    def fold(
        self,
        fold: Fold,
        seen: Seen,
        until: int | None = None,
        *,
        damaged: Damaged = _raise,
        twice: Callable[[int, Match], None] = lambda number, match: None,
        watch: Watch = lambda line: None,
    ) -> None:
        """Fold the log from where `fold` is. An id that comes again, which only tampering makes, is passed over.

        `twice` is told of such a match and its number. `damaged` is told of what cannot be read; by default it raises.
        """
        for number, match in self.history(fold.last, until, damaged, watch):
            if seen.add(match.match_id) and self._first(match.match_id, number) is not None:
                twice(number, match)
                fold.last = number
            else:
                fold.add(number, match)

    def _first(self, match_id: str, before: int) -> int | None:
        """Number of the first match with that id, of those before a number."""
        earlier = self.history(until=before - 1, damaged=lambda error: None)
        return next((number for number, match in earlier if match.match_id == match_id), None)

    @property
    def _derived_keys(self) -> dict[str, str]:
        return {kind: getattr(self._keys, name) for kind, name in _KINDS.items()}

    def _put_right(self, config: LeagueConfig, fold: Fold, seen: Seen, wrong: Mapping[str, set[str]]) -> bool:
        """Write what was wrong as it should be now; False where the ratings' configuration has changed meanwhile."""

        def attempt(pipe: Any) -> bool:
            read: Command = pipe.execute_command
            if self.require_config(read).ratings != config.ratings:
                return False
            fold.kinds = read_kinds(read("HGETALL", self._keys.snapshots))
            self.fold(fold, seen)  # What has come since; a second attempt goes on from here.
            sealed = int(read("HGET", self._keys.sealed, "last") or 0)
            pipe.multi()
            pipe.execute_command("HSET", self._keys.meta, "rules", RULES)
            # A wrong rating spreads to whomever its policy meets.
            ratings = wrong["ratings"] | fold.touched if wrong["ratings"] else set()
            for kind, fields in {**wrong, "ratings": ratings}.items():
                for field in fields:
                    value = fold.value(kind, field)
                    if value is None or (kind == "index" and fold.index[field] <= sealed):
                        pipe.execute_command("HDEL", self._derived_keys[kind], _bytes(field))
                    else:
                        pipe.execute_command("HSET", self._derived_keys[kind], _bytes(field), value)
            return True

        keys = [self._keys.meta, self._keys.matches, self._keys.sealed, self._keys.ratings, self._keys.standings]
        return self._transact(keys, attempt)

    def update_config(self, config: LeagueConfig) -> None:
        """Replace the configuration. If its ratings section changed, all ratings are derived anew from the log.

        Raises `WrongLeagueError` if there is no league or it plays another game.
        """
        fold, seen = Fold(config.ratings, sys.maxsize, lambda name: Kind.of(None)), Seen()
        present = self.require_config()
        self._check_game(present, config)
        if present.ratings != config.ratings:
            self.fold(fold, seen)

        def attempt(pipe: Any) -> None:
            present = self.require_config(pipe.execute_command)
            self._check_game(present, config)
            anew = present.ratings != config.ratings
            if anew:
                self.fold(fold, seen)
            pipe.multi()
            pipe.execute_command("HSET", self._keys.meta, "config", dumps(config.to_dict()))
            if anew:
                pipe.execute_command("DEL", self._keys.ratings)
                self._queue_ratings(pipe.execute_command, fold.ratings)

        self._transact([self._keys.meta, self._keys.matches, self._keys.sealed], attempt)

    def _check_game(self, present: LeagueConfig, config: LeagueConfig) -> None:
        if present.game != config.game:
            raise WrongLeagueError(
                f"league {self.league!r} at {self.address} plays {present.game}, not {config.game}: "
                f"give another --store, or --game {present.game}"
            )


_KINDS: Final = {"index": "match_index", "payoff": "payoff", "ratings": "ratings", "standings": "standings"}
"""Fields of `Stored`, with the properties of `Keys`."""


def _text(field: bytes) -> str:
    return field.decode("utf-8", "surrogateescape")


def _bytes(field: str) -> bytes:
    return field.encode("utf-8", "surrogateescape")


def _lines(kind: str, stored: Hash, fold: Fold, wrong: set[str]) -> Iterator[str]:
    """One line for each field of a hash that is not what follows from the log."""
    for field in sorted(wrong):
        was, now = (
            (value or b"nothing").decode(errors="replace") for value in (stored.get(field), fold.value(kind, field))
        )
        yield f"{kind} {_bytes(field).decode(errors='replace')}: stored {was}, the match log gives {now}"
