"""What all parts of the store share: a connection, two ways to use it, and the schema of what is stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from redis.exceptions import RedisError, WatchError

from league.config import LeagueConfig
from league.disk import has_room, no_room
from league.errors import ConfigError, DamagedStoreError, LeaseError, StoreFullError, StoreSchemaError, WrongLeagueError
from league.pool.client import LostInTransactionError, translated
from league.pool.clock import Clock
from league.pool.keys import Keys

T = TypeVar("T")

SCHEMA: Final = 2
"""Version of the layout that `keys` describes. A store with a higher one is refused."""

OLDEST_SCHEMA: Final = 1
"""Of a store without segments, which an older version of this project reads, too."""

Command = Callable[..., Any]
"""Runs or queues one Redis command: `command("HGET", key, field)`."""


class Connection:
    """A connection to the server of one league. Its errors are those of `league.errors`."""

    def __init__(self, client: Any, league: str, shown: str, *, folder: Path | None = None) -> None:
        """Use a client of `league.pool.client.connect`.

        Args:
            client: of the server.
            league: its name.
            shown: the address without a password.
            folder: of an embedded server, which ends when its disk is full, so that nothing is written without room.
        """
        self._redis = client
        self._keys = Keys(league)
        self._shown = shown
        self._clock = Clock()
        self._folder = folder
        self._parsed: tuple[bytes, LeagueConfig] | None = None
        """The configuration that was read last, as it was stored and as it is."""
        self.fence: int | None = None
        """Token of the run that writes here (`league.pool.lease`); None for a person's command, which always may."""

    @property
    def address(self) -> str:
        """Where the store is, for display: never with a password."""
        return self._shown

    @property
    def league(self) -> str:
        """The name of the league on its server."""
        return self._keys.league

    def now_s(self) -> float:
        """The server's time (Unix, s), by which everything in the store is dated.

        The server is asked the first time only; whatever reads or writes a status, or looks for news, sets it anew.
        """
        now_s = self._clock.now_s()
        return self._clock.set(self._call("TIME")) if now_s is None else now_s

    def config(self, read: Command | None = None) -> LeagueConfig | None:
        """The league's configuration, None if there is no league; raises `StoreSchemaError` for a newer one.

        `read` makes it part of a transaction; so it does in other methods that take it.
        """
        settings = self.settings(read)
        if settings is None:
            return None
        data, found = settings
        if self._parsed is None or self._parsed[0] != data:  # With every match that is recorded: it seldom changes.
            try:
                self._parsed = data, LeagueConfig.from_dict(found())
            except ConfigError as error:
                raise ConfigError(
                    f"league {self.league!r} at {self._shown} has a configuration that this version refuses: {error}; "
                    f"see league config --store {self._shown}"
                ) from error
        return self._parsed[1]

    def settings(self, read: Command | None = None) -> tuple[bytes, Callable[[], dict[str, Any]]] | None:
        """The league's configuration as it is stored, and what makes plain data of it, whether it is one or not."""
        schema, config = (read or self._call)("HMGET", self._keys.meta, "schema", "config")
        if schema is None:
            return None
        try:
            number = int(schema)
        except ValueError as error:
            raise DamagedStoreError(
                f"the schema of league {self.league!r} at {self._shown} cannot be read: restore the last backup"
            ) from error
        if number > SCHEMA:
            raise StoreSchemaError(
                f"league {self.league!r} at {self._shown} has schema {number} and this version reads up to {SCHEMA}: "
                "install a newer version of league"
            )

        def plain() -> dict[str, Any]:
            try:
                return dict(json.loads(config))
            except (TypeError, ValueError) as error:
                raise DamagedStoreError(
                    f"the configuration of league {self.league!r} at {self._shown} cannot be read: restore the last "
                    "backup"
                ) from error

        return config, plain

    def require_config(self, read: Command | None = None) -> LeagueConfig:
        """Like `config`, but raises `WrongLeagueError` if there is no league."""
        config = self.config(read)
        if config is None:
            raise WrongLeagueError(
                f"no league {self.league!r} at {self._shown}: start one with league train --store {self._shown}"
            )
        return config

    def _call(self, *command: Any) -> Any:
        """Run one command; repeated after a lost connection, so it must bear that."""
        return self._repeated(lambda: self._redis.execute_command(*command))

    def _repeated(self, operation: Callable[[], T]) -> T:
        """Do all of an operation anew after a lost connection: redis-py does not where it takes one from its pool."""
        with translated(self._redis, self._shown):
            result: T = self._redis.get_retry().call_with_retry(operation, lambda lost: None)
            return result

    def _transact(self, watched: list[str], attempt: Callable[[Any], T]) -> T:
        """Read and write as one, in Redis's optimistic way.

        `attempt(pipe)` reads, calls `pipe.multi()` and queues its writes, or returns without. Had any of the `watched`
        keys changed since its reads, or the connection been lost, nothing is written and it is called again; so
        it must not change anything else, and must find out whether a lost reply hid its own success.

        Raises `LeaseError`, and writes nothing, where another run has a newer token than our `fence`; `StoreFullError`
        where what would be written has no room; `StoreUnreachableError` where connections are lost for `timeout_s`.
        """
        return self._repeated(lambda: self._optimistically(watched, attempt))

    def _optimistically(self, watched: list[str], attempt: Callable[[Any], T]) -> T:
        while True:
            with self._redis.pipeline() as pipe:
                try:
                    pipe.watch(self._keys.fence, *watched)
                    self._check_fence(pipe)
                    value = attempt(pipe)
                    if pipe.command_stack:
                        self._check_room(pipe)
                        pipe.execute()
                    return value
                except WatchError as error:
                    # redis-py calls a lost connection so, too; only what it followed tells them apart.
                    if isinstance(error.__context__, RedisError):
                        raise LostInTransactionError(str(error.__context__)) from error

    def _check_room(self, pipe: Any) -> None:
        if self._folder is None:
            return
        size = sum(len(word) for command, _ in pipe.command_stack for word in command if isinstance(word, str | bytes))
        if not has_room(self._folder, size):
            raise StoreFullError(f"nothing was written: {no_room(self._folder, size)}")

    def _check_fence(self, pipe: Any) -> None:
        if self.fence is None:
            return
        newest = pipe.execute_command("GET", self._keys.fence)
        if newest is None:
            raise WrongLeagueError(
                f"{self._shown} has forgotten league {self.league!r}: it was emptied, or restarted without its files; "
                "restore them, or begin anew"
            )
        if int(newest) != self.fence:
            raise LeaseError(f"league {self.league!r} at {self._shown} was taken over by another run: this one ends")

    def _write(self, *commands: tuple[Any, ...]) -> None:
        """Write in one transaction, without reading before; raises `LeaseError` as `_transact` does."""

        def attempt(pipe: Any) -> None:
            pipe.multi()
            for command in commands:
                pipe.execute_command(*command)

        self._transact([], attempt)

    def _together(self, *commands: tuple[Any, ...]) -> list[Any]:
        """Read by several commands in one transaction; the replies, in order.

        A full server queues nothing, so of that they are read one after another.
        """

        def read(transaction: bool) -> list[Any]:
            with self._redis.pipeline(transaction=transaction) as pipe:
                for command in commands:
                    pipe.execute_command(*command)
                replies: list[Any] = pipe.execute()
                return replies

        try:
            return self._repeated(lambda: read(transaction=True))
        except StoreFullError:
            return self._repeated(lambda: read(transaction=False))


def read_json(read: Callable[[Any], T], data: bytes) -> T:
    """What `read` makes of stored JSON; raises `DamagedStoreError` for what is none, or not of its kind."""
    try:
        return read(json.loads(data))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DamagedStoreError(
            f"the store holds what cannot be read, {data[:40]!r}…: league status --verify names what is damaged, "
            "league repair puts right what can be"
        ) from error


def sha256(data: bytes) -> str:
    """The hash that names weights and checkpoints, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def dumps(data: Any) -> str:
    """JSON as it is stored: floats by `repr`, so that they come back to the last bit; NaN is refused."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False)
