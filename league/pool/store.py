"""The opponent pool: the only state of a league that matters."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Final, Self

from league.config import LeagueConfig
from league.errors import ConfigError, StoreError, StoreUnreachableError, WrongLeagueError
from league.pool.address import Address, is_embedded, redacted
from league.pool.backup import Backups
from league.pool.client import connect
from league.pool.connection import OLDEST_SCHEMA, dumps
from league.pool.durability import Durability
from league.pool.embedded import EmbeddedServer
from league.pool.evidence import Evidence
from league.pool.journal import Journal
from league.pool.latest import Latest
from league.pool.log import Watch
from league.pool.matches import RULES
from league.pool.people import People
from league.pool.repair import Repairs
from league.pool.restoration import Restoration
from league.pool.snapshots import Named
from league.pool.verification import Verification

__all__ = ["Named", "Store", "Verification", "is_embedded", "redacted"]

AT_ONCE: Final = 20_000
"""Matches of a log of an older version up to which it is counted anew by whoever opens it."""


class Store(Repairs, Backups, Restoration, Journal, Latest, Evidence, People, Durability):
    """One league on its server. Each process opens its own by address; threads may share one.

    Every method may raise `StoreUnavailableError` and `StorePermissionError` beside what it says. A write that raises
    `StoreUnreachableError` may have been made: repeat it, each of them bears that.
    """

    _server: EmbeddedServer | None = None

    @classmethod
    def open(
        cls, address: str, league: str = "league", *, timeout_s: float = 5.0, create: bool = True, refused: bool = False
    ) -> Self:
        """Connect to the league called `league` at an address, which need not exist yet; use as a context manager.

        Args:
            address: a folder, whose embedded server is started if need be, or a Redis URL (`Address.parse`).
            league: its name on that server.
            timeout_s: seconds that a reply may take, and for which a lost connection is tried again.
            create: make a folder, or a server's files in it, that are not there.
            refused: open also a league whose configuration this version refuses, to mend it.

        Raises:
            StoreUnreachableError: no server answers.
            StorePermissionError: the server or the folder refuses us.
            StoreSchemaError: the league was written by a newer version.
            WrongLeagueError: there is no such folder and `create` is False.
            ConfigError: this version refuses the league's configuration.
            StoreError: the address or the name is wrong, or the embedded server does not start.
        """
        parsed = Address.parse(address)
        folder = parsed.folder
        if not create and folder is not None and not folder.is_file() and not (folder / "appendonlydir").exists():
            raise WrongLeagueError(f"no league at {parsed}: start one with league train --store {parsed}")
        server = None if parsed.folder is None else EmbeddedServer(parsed.folder)
        try:
            client = connect(parsed, server, timeout_s)
            home = None if server is None else server.folder
            store = cls(client, league, str(parsed), folder=home)
            store._server = server
            # Answers, lets us in, and has no newer schema.
            found = store.settings() if refused else store.config()
            # A long log takes minutes, which are `league train`'s to take, and to show. Whoever trains now may be of an
            # older version, which goes on by its own rules.
            if found is not None and not refused and store.match_count() <= AT_ONCE and store.lease() is None:
                store.follow_rules()
        except BaseException:
            if server is not None:
                server.close()
            raise
        return store

    @property
    def removed(self) -> bool:
        """Whether its folder was removed, which it never survives: another one in its place is opened anew."""
        return self._server is not None and self._server.removed

    def close(self) -> None:
        """Disconnect. The embedded server ends when the last process has."""
        self._redis.connection_pool.disconnect()
        if self._server is not None:
            self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def create(self, config: LeagueConfig) -> None:
        """Start the league; what exists already stays as it is, configuration included.

        Raises `WrongLeagueError` if it plays another game.
        """

        created_s = self.now_s()

        def attempt(pipe: Any) -> None:
            present = self.config(pipe.execute_command)
            if present is not None:
                self._check_game(present, config)
                return
            pipe.multi()
            fields = {
                "schema": OLDEST_SCHEMA,
                "game": config.game,
                "config": dumps(config.to_dict()),
                "created_s": created_s,
                "rules": RULES,
            }
            pipe.execute_command("HSET", self._keys.meta, *(word for field in fields.items() for word in field))

        self._transact([self._keys.meta], attempt)

    def mend(self, config: LeagueConfig) -> None:
        """Replace a configuration that this version refuses; ratings are derived anew where theirs has changed.

        Raises `WrongLeagueError` where there is no league, and `ConfigError` where it plays another game.
        """

        def attempt(pipe: Any) -> bool:
            found = self.settings(pipe.execute_command)
            if found is None:
                return False
            stored = found[1]()
            if stored.get("game", config.game) != config.game:
                raise ConfigError(f"game = {config.game!r}: the league plays {stored['game']!r}")
            pipe.multi()
            pipe.execute_command("HSET", self._keys.meta, "config", dumps(config.to_dict()))
            return True

        if not self._transact([self._keys.meta], attempt):
            self.require_config()
        self.rebuild()

    def follow_rules(self, watch: Watch = lambda line: None) -> None:
        """Derive payoff and ratings anew, once, where an older version counted by other rules (`RULES`).

        The log, and with it the history, stays as it is. Whoever may not write reads what is stored; a log that cannot
        be read is for `repair`.

        Raises `StoreUnreachableError` where the server does not answer: it is to be done again.
        """
        rules = self._call("HGET", self._keys.meta, "rules")
        if int(rules or 1) >= RULES:
            return
        try:
            self.rebuild(watch)
        except StoreUnreachableError:
            raise
        except StoreError:
            return

    def ping(self) -> float:
        """Seconds until the server has answered the smallest request."""
        started = time.perf_counter()
        self._call("TIME")  # A server that cannot write to its disk refuses PING, and still answers who reads.
        return time.perf_counter() - started
