"""The redis-py client as the pool uses it: reconnecting for a while, and failing in our own words.

The one place where errors of redis-py become errors of `league.errors`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import redis
from redis import exceptions
from redis.backoff import FullJitterBackoff
from redis.retry import Retry

from league.errors import (
    StoreCommandError,
    StoreError,
    StoreFullError,
    StorePermissionError,
    StoreReadOnlyError,
    StoreUnreachableError,
)
from league.pool.address import FILES, Address
from league.pool.embedded import EmbeddedServer

LONGEST_PAUSE_S: Final = 0.1
"""Short, so that a server whose connections seldom last is asked often within the time."""

_WITHOUT_COUNT: Final = -1
_REFUSED: Final = (exceptions.AuthenticationError, exceptions.AuthorizationError, exceptions.NoPermissionError)
_REFUSALS: Final = ("NOAUTH", "WRONGPASS", "NOPERM", "DENIED")
_FULL: Final = "command not allowed when used memory"
_ABSENT: Final = "unknown command"
_ELSEWHERE: Final = ("MOVED ", "ASK ", "CROSSSLOT", "TRYAGAIN")
_OF_A_CLUSTER: Final = (exceptions.AskError, exceptions.TryAgainError, exceptions.ClusterDownError)


@contextmanager
def translated(client: Any, shown: str) -> Iterator[None]:
    """Turn redis-py's errors into ours; `shown` is the address without a password. `WatchError` passes."""
    try:
        yield
    except exceptions.WatchError:
        raise
    except exceptions.RedisError as error:
        ours = _translation(error, shown)
        if isinstance(ours, StoreReadOnlyError):  # After a failover the name leads elsewhere: ask for it anew.
            client.connection_pool.disconnect()
        raise ours from error


def _translation(error: exceptions.RedisError, shown: str) -> StoreError:
    # In a pipeline redis-py puts the command with its arguments, such as weights, before the server's words.
    text = " ".join(str(error).rpartition("of pipeline caused error: ")[2].split())[:300].rstrip(".")
    if isinstance(error, _REFUSED) or text.startswith(_REFUSALS):
        return StorePermissionError(
            f"{shown} refuses us: {text}; check LEAGUE_REDIS_USERNAME, LEAGUE_REDIS_PASSWORD and the user's rights"
        )
    if text.removeprefix("OOM ").startswith(_FULL):
        return StoreFullError(f"{shown} is full, nothing was written: raise its maxmemory, or free some")
    if text.startswith("MISCONF"):
        return StoreFullError(f"{shown} cannot write to its disk, so nothing was written: {text}")
    if isinstance(error, exceptions.MasterDownError) or text.startswith("NOREPLICAS"):
        return StoreReadOnlyError(f"{shown} takes no writes now: {text}")
    if isinstance(error, _OF_A_CLUSTER) or text.startswith(_ELSEWHERE):
        return StoreError(
            f"{shown} is a node of a Redis Cluster, which spreads keys over servers: a league needs one server that is "
            "not in cluster mode"
        )
    if text.removeprefix("ERR ").lower().startswith(_ABSENT):
        return StoreCommandError(f"{shown} lacks a command: {text}")
    if isinstance(error, exceptions.InvalidResponse):
        return StoreError(f"{shown} is not a Redis server: it answers something else")
    if isinstance(error, exceptions.ReadOnlyError):
        return StoreReadOnlyError(f"{shown} is a read-only replica: give the primary's address")
    if isinstance(error, exceptions.TimeoutError):
        return StoreUnreachableError(f"{shown} does not answer in time: {text}")
    if isinstance(error, LostInTransactionError):
        return StoreUnreachableError(f"{shown} loses each connection while it is written to: {text}")
    if isinstance(error, exceptions.ConnectionError):
        return StoreUnreachableError(f"no server answers at {shown}: {text}")
    return StoreError(f"{shown} failed: {text}")


class LostInTransactionError(exceptions.ConnectionError):
    """A connection was lost between a transaction's WATCH and its EXEC: all of it has to be done again."""


class _Pauses(FullJitterBackoff):
    """Of redis-py, whose pauses double without end: after a thousand failures, a minute of ours, they overflow."""

    def compute(self, failures: int) -> float:
        return super().compute(min(failures, 10))


class Reconnect(Retry):
    """Repeats what a lost connection interrupted, but not what the server refused.

    redis-py does so for each command and each handshake, and `Connection` for each whole operation, of which redis-py
    repeats parts only. They may nest: each gives up by the clock, counted from its first loss. An embedded server that
    died, as when its disk was full, is started again first. Every write of the pool may be repeated: it sets what it
    set before, or it watches a key that it changes.
    """

    def __init__(self, timeout_s: float, server: EmbeddedServer | None) -> None:
        """Repeat for about `timeout_s` seconds."""
        # At random: even pauses keep step with what cuts connections off, and those of many processes with each other.
        pauses = _Pauses(cap=LONGEST_PAUSE_S, base=0.01)
        super().__init__(pauses, _WITHOUT_COUNT, supported_errors=(exceptions.ConnectionError,))
        self._timeout_s = timeout_s
        self._server = server

    def __deepcopy__(self, memo: dict[int, Any]) -> Reconnect:
        # redis-py copies it for each connection; the share in the server stays one.
        return Reconnect(self._timeout_s, self._server)

    def call_with_retry(self, do: Any, fail: Any, *args: Any, **options: Any) -> Any:
        """Call `do` until no connection is lost, and `fail` after each loss; raises what `do` raises."""
        first_s: float | None = None

        def worth_repeating(error: Exception) -> bool:
            nonlocal first_s
            if isinstance(error, _REFUSED):
                return False
            now_s = time.monotonic()
            first_s = now_s if first_s is None else first_s
            if self._server is not None:
                self._server.ensure()  # May take long, and is followed by an attempt nevertheless.
            return now_s - first_s < self._timeout_s

        options["is_retryable"] = worth_repeating
        return super().call_with_retry(do, fail, *args, **options)


def connect(address: Address, server: EmbeddedServer | None, timeout_s: float) -> Any:
    """Make a client, without contacting the server yet.

    Args:
        address: where.
        server: this process's share in the embedded server, for a folder.
        timeout_s: seconds that a reply may take, and for which a lost connection is tried again.

    Returns:
        A `redis.Redis` whose replies are bytes; redis-py's types leave them open as `bytes | str`, hence `Any`.

    Raises:
        StoreError: the URL holds an option that redis-py refuses, or names a file that is not here.
    """
    for name in address.options.keys() & set(FILES):
        if not Path(address.options[name]).exists():
            raise StoreError(f"--store {address}: the file that {name} names is not on this machine")
    options: dict[str, Any] = {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "retry": Reconnect(timeout_s, server),
        # The same plain replies from any server; the push messages of RESP3 are of no use here.
        "protocol": 2,
    }
    credentials = {"username": address.username, "password": address.password}
    options |= {key: value for key, value in credentials.items() if value}
    url = address.url if server is None else f"unix://{quote(str(server.socket))}"
    try:
        pool = redis.ConnectionPool.from_url(url, **options)
        pool.make_connection()
    except (TypeError, ValueError, exceptions.RedisError):
        # The reason may quote a value of the URL, such as the password.
        raise StoreError(f"--store {address}: the options in the URL do not fit together") from None
    return redis.Redis(connection_pool=pool)
