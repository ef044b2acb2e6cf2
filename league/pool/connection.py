"""What all parts of the store share: a connection, two ways to use it, and the schema of what is stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any, Final, TypeVar

from redis.exceptions import WatchError

from league.config import LeagueConfig
from league.errors import LeaseError, StoreSchemaError, WrongLeagueError
from league.pool.client import translated
from league.pool.keys import Keys

T = TypeVar("T")

SCHEMA: Final = 1
"""Version of the layout that `keys` describes. A store with a higher one is refused."""

Command = Callable[..., Any]
"""Runs or queues one Redis command: `command("HGET", key, field)`."""


class Connection:
    """A connection to the server of one league. Its errors are those of `league.errors`."""

    def __init__(self, client: Any, league: str, shown: str) -> None:
        """Use a client of `league.pool.client.connect`; `shown` is the address without a password."""
        self._redis = client
        self._keys = Keys(league)
        self._shown = shown
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

    def config(self, read: Command | None = None) -> LeagueConfig | None:
        """The league's configuration, None if there is no league; raises `StoreSchemaError` for a newer one.

        `read` makes it part of a transaction; so it does in other methods that take it.
        """
        schema, config = (read or self._call)("HMGET", self._keys.meta, "schema", "config")
        if schema is None:
            return None
        if int(schema) > SCHEMA:
            raise StoreSchemaError(
                f"league {self.league!r} at {self._shown} has schema {int(schema)} and this version reads up to "
                f"{SCHEMA}: install a newer version of league"
            )
        return LeagueConfig.from_dict(json.loads(config))

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
        with translated(self._redis, self._shown):
            return self._redis.execute_command(*command)

    def _transact(self, watched: list[str], attempt: Callable[[Any], T]) -> T:
        """Read and write as one, in Redis's optimistic way.

        `attempt(pipe)` reads, calls `pipe.multi()` and queues its writes, or returns without. Had any of the `watched`
        keys changed since its reads, or the connection been lost, nothing is written and it is called again; so
        it must not change anything else, and must find out whether a lost reply hid its own success.

        Raises `LeaseError`, and writes nothing, where another run has a newer token than our `fence`.
        """
        while True:
            with translated(self._redis, self._shown), self._redis.pipeline() as pipe:
                try:
                    pipe.watch(self._keys.fence, *watched)
                    self._check_fence(pipe)
                    value = attempt(pipe)
                    if pipe.command_stack:
                        pipe.execute()
                    return value
                except WatchError:
                    continue

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
        """Read by several commands in one transaction; the replies, in order."""
        with translated(self._redis, self._shown), self._redis.pipeline() as pipe:
            for command in commands:
                pipe.execute_command(*command)
            replies: list[Any] = pipe.execute()
            return replies


def sha256(data: bytes) -> str:
    """The hash that names weights and checkpoints, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def dumps(data: Any) -> str:
    """JSON as it is stored: floats by `repr`, so that they come back to the last bit; NaN is refused."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False)
