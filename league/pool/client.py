"""The redis-py client as the pool uses it: reconnecting for a while, and failing in our own words.

The one place where errors of redis-py become errors of `league.errors`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote

import redis
from redis import exceptions
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from league.errors import StoreError, StoreFullError, StorePermissionError, StoreReadOnlyError, StoreUnreachableError
from league.pool.address import Address
from league.pool.embedded import EmbeddedServer

LONGEST_PAUSE_S: Final = 0.5
_REFUSED: Final = (exceptions.AuthenticationError, exceptions.AuthorizationError, exceptions.NoPermissionError)
_REFUSALS: Final = ("NOAUTH", "WRONGPASS", "NOPERM", "DENIED")
_FULL: Final = "command not allowed when used memory"
_DOWN: Final = (exceptions.MasterDownError, exceptions.ClusterDownError)


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
    if isinstance(error, exceptions.ReadOnlyError):
        return StoreReadOnlyError(f"{shown} is a read-only replica: give the primary's address")
    if isinstance(error, _DOWN) or text.startswith("NOREPLICAS"):
        return StoreReadOnlyError(f"{shown} takes no writes now: {text}")
    if isinstance(error, exceptions.TimeoutError):
        return StoreUnreachableError(f"{shown} does not answer in time: {text}")
    if isinstance(error, exceptions.ConnectionError):
        return StoreUnreachableError(f"no server answers at {shown}: {text}")
    return StoreError(f"{shown} failed: {text}")


class Reconnect(Retry):
    """Repeats what a lost connection interrupted, but not what the server refused.

    An embedded server that died, as when its disk was full, is started again first. Every write of the pool may be
    repeated: it sets what it set before, or it watches a key that it changes.
    """

    def __init__(self, timeout_s: float, server: EmbeddedServer | None) -> None:
        """Repeat for about `timeout_s` seconds."""
        pauses = ExponentialBackoff(cap=LONGEST_PAUSE_S, base=0.01)
        retries, waited_s = 0, 0.0
        while waited_s < timeout_s:
            retries += 1
            waited_s += pauses.compute(retries)
        super().__init__(pauses, retries, supported_errors=(exceptions.ConnectionError,))
        self._timeout_s = timeout_s
        self._server = server

    def __deepcopy__(self, memo: dict[int, Any]) -> Reconnect:
        # redis-py copies it for each connection; the share in the server stays one.
        return Reconnect(self._timeout_s, self._server)

    def call_with_retry(self, do: Any, fail: Any, *args: Any, **options: Any) -> Any:
        """Call `do`, as redis-py does for each command; raises what it raises."""
        options["is_retryable"] = self._worth_repeating
        return super().call_with_retry(do, fail, *args, **options)

    def _worth_repeating(self, error: Exception) -> bool:
        if isinstance(error, _REFUSED):
            return False
        if self._server is not None:
            self._server.ensure()
        return True


class Losses:
    """How often a connection was lost in the middle of one transaction, and for how long that goes on.

    redis-py calls it a `WatchError`, as if another one had written; only what it followed tells them apart.
    """

    def __init__(self, timeout_s: float, shown: str) -> None:
        """Bear losses for `timeout_s` seconds from the first; `shown` is the address without a password."""
        self._timeout_s = timeout_s
        self._shown = shown
        self._pauses = ExponentialBackoff(cap=LONGEST_PAUSE_S, base=0.01)
        self._count = 0
        self._first = 0.0

    def after(self, error: exceptions.WatchError) -> None:
        """Wait before the next attempt, longer each time; at once where another one has written.

        Raises `StoreUnreachableError` once it has gone on for too long.
        """
        cause = error.__context__
        if not isinstance(cause, exceptions.ConnectionError | exceptions.TimeoutError):
            return
        self._count += 1
        if self._count == 1:
            self._first = time.monotonic()
        elif time.monotonic() - self._first > self._timeout_s:
            raise StoreUnreachableError(
                f"{self._shown} lost the connection {self._count} times while it was written to: {cause}"
            ) from cause
        time.sleep(self._pauses.compute(self._count))


def connect(address: Address, server: EmbeddedServer | None, timeout_s: float) -> Any:
    """Make a client, without contacting the server yet.

    Args:
        address: where.
        server: this process's share in the embedded server, for a folder.
        timeout_s: seconds that a reply may take, and for which a lost connection is tried again.

    Returns:
        A `redis.Redis` whose replies are bytes; redis-py's types leave them open as `bytes | str`, hence `Any`.

    Raises:
        StoreError: the URL holds an option that redis-py does not know.
    """
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
        raise StoreError(f"--store {address}: an option in the URL is unknown or has a wrong value") from None
    return redis.Redis(connection_pool=pool)
