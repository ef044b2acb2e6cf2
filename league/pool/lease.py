"""Who trains a league: one run at a time, also on a server that several machines reach.

A lease alone does not keep a run from writing that was paused for longer than its lease and does not know it yet. So
each acquisition gives out a fencing token, one more than any before, and every write of a run carries its token: the
transaction that writes refuses an older one (`Connection.fence`). M. Kleppmann, "How to do distributed locking", 2016;
C. Gray and D. Cheriton, "Leases", SOSP 1989.
"""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
from dataclasses import dataclass
from typing import Any, Final, Self

from league.errors import LeaseError
from league.ladder.records import Plain
from league.pool.connection import Connection, dumps

LEASE_S: Final = 15.0
"""How long a lease holds without being renewed, by the server's clock."""

RENEW_EVERY_S: Final = 3.0


@dataclass(frozen=True, kw_only=True)
class Holder(Plain):
    """A run of `league train`, as others see it."""

    host: str
    pid: int
    """Of the process that a person started."""
    run: str
    """Random: what tells runs apart. Host and pid are for people."""
    since_s: float
    """Unix time by its own clock, for display only."""

    @classmethod
    def here(cls) -> Self:
        """A new run of this process."""
        return cls(host=socket.gethostname(), pid=os.getpid(), run=uuid.uuid4().hex, since_s=time.time())

    def __str__(self) -> str:
        return f"pid {self.pid} on {self.host}"


@dataclass(frozen=True, kw_only=True)
class Lease:
    """A lease as it stands."""

    holder: Holder
    token: int
    expires_in_s: float
    """By the server's clock. It only grows where the holder has renewed its lease."""


class Leases(Connection):
    """Part of the store: the lease of the one run that trains the league."""

    def acquire(self, holder: Holder, lasts_s: float = LEASE_S, *, force: bool = False) -> int:
        """Take the lease if it is free, expired, or held by the same run; the token to set as `fence`.

        Args:
            holder: who takes it.
            lasts_s: until when it holds unless it is renewed, in seconds from now.
            force: take it from a holder that is known to be dead.

        Returns:
            A fencing token, greater than all before. From here on, writes with an older one are refused.

        Raises:
            LeaseError: another run holds it.
        """

        def attempt(pipe: Any) -> int:
            stored, fence = pipe.execute_command("MGET", self._keys.lease, self._keys.fence)
            present = _holder(stored)
            if present is not None and present.run != holder.run and not force:
                since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(present.since_s))
                raise LeaseError(
                    f"league {self.league!r} at {self.address} is being trained already, by {present} since {since}: "
                    "end that one first, or give another --league"
                )
            token = int(fence or 0) + 1
            pipe.multi()
            pipe.execute_command("SET", self._keys.fence, token)
            pipe.execute_command(*self._set(holder, lasts_s))
            return token

        # A lost reply may hide that it was acquired: then it is acquired once more, by the same run.
        return self._transact([self._keys.lease, self._keys.fence], attempt)

    def renew(self, holder: Holder, lasts_s: float = LEASE_S) -> None:
        """Hold the lease for `lasts_s` seconds from now; also where it had expired and nobody has taken it.

        Raises `LeaseError` if this store's `fence` is not the newest token.
        """
        self._write(self._set(holder, lasts_s))

    def release(self, holder: Holder) -> None:
        """Give the lease back if this run holds it; the token stays given out."""

        def attempt(pipe: Any) -> None:
            present = _holder(pipe.execute_command("GET", self._keys.lease))
            if present is not None and present.run == holder.run:
                pipe.multi()
                pipe.execute_command("DEL", self._keys.lease)

        self._transact([self._keys.lease], attempt)

    def lease(self) -> Lease | None:
        """The lease as it stands, None if nobody holds it."""
        stored, left_ms, fence = self._together(
            ("GET", self._keys.lease), ("PTTL", self._keys.lease), ("GET", self._keys.fence)
        )
        holder = _holder(stored)
        if holder is None:
            return None
        return Lease(holder=holder, token=int(fence or 0), expires_in_s=max(0, left_ms) / 1000)

    def _set(self, holder: Holder, lasts_s: float) -> tuple[Any, ...]:
        return "SET", self._keys.lease, dumps(holder.to_json()), "PX", round(1000 * lasts_s)


def _holder(stored: bytes | None) -> Holder | None:
    return None if stored is None else Holder.from_json(json.loads(stored))
