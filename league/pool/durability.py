"""Whether the server of a league may forget what the league needs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from league.errors import EvictingStoreError, StoreCommandError, StoreError, StorePermissionError
from league.pool.address import Address
from league.pool.connection import Connection

NEARLY_FULL: Final = 0.9
"""Share of `maxmemory` from which on a server is said to be nearly full."""

WRITES: Final = {
    "append": "aof_last_write_status",
    "rewrite": "aof_last_bgrewrite_status",
    "dump": "rdb_last_bgsave_status",
}
"""What a server writes to its disk, and where INFO says how the last time went."""


@dataclass(frozen=True, kw_only=True)
class Health:
    """What a server says of its memory and its disk."""

    memory_bytes: int
    """What it uses, for all leagues on it."""
    memory_limit_bytes: int
    """What it may use: its `maxmemory`, else all of its machine's; 0 where it does not tell."""
    written: Mapping[str, bool]
    """Whether its last write of each kind, keys of `WRITES`, came to the disk; those of which it says nothing are not
    there."""


class Durability(Connection):
    """Part of the store: checks of the server's settings, as far as the user may read them."""

    def health(self) -> Health | None:
        """How the server is now; None where it does not say (`INFO`)."""
        info = self._information()
        if "used_memory" not in info:
            return None
        return Health(
            memory_bytes=int(info["used_memory"]),
            memory_limit_bytes=int(info.get("maxmemory") or info.get("total_system_memory") or 0),
            written={what: info[field] == "ok" for what, field in WRITES.items() if field in info},
        )

    def refuse_eviction(self) -> None:
        """Raise `EvictingStoreError` if the server may delete keys when its memory is full."""
        policy = self._information().get("maxmemory_policy", "noeviction")
        if policy != "noeviction":
            raise EvictingStoreError(self._evicts(policy))

    def server_warnings(self) -> list[str]:
        """One line for each setting with which this server may lose or forget what the league needs."""
        info = self._information()
        if "maxmemory_policy" not in info or "aof_enabled" not in info:
            return [
                f"{self.address} lets this user not read its settings (command INFO, ACL rule +info): "
                "whether it keeps an append-only file and evicts nothing could not be checked"
            ]
        warnings = []
        if info["maxmemory_policy"] != "noeviction":
            warnings.append(self._evicts(info["maxmemory_policy"]))
        if not info["aof_enabled"]:
            warnings.append(self._forgets(info))
        used, most = info.get("used_memory", 0), info.get("maxmemory", 0)
        if most and used >= NEARLY_FULL * most:
            warnings.append(
                f"{self.address} uses {used / most:.0%} of its maxmemory of {most / 2**20:,.0f} MiB: once it is full "
                "nothing can be written, and the league waits; raise it, or let retention prune"
            )
        return warnings

    def _information(self) -> dict[str, Any]:
        """What INFO says; nothing where the user may not ask, or the server knows no such question."""
        try:
            info: dict[str, Any] = self._call("INFO")
        except (StorePermissionError, StoreCommandError):
            return {}
        return info

    def _evicts(self, policy: str) -> str:
        return (
            f"{self.address} has maxmemory-policy {policy} and would delete parts of the league when its memory is "
            "full: set `maxmemory-policy noeviction` in its redis.conf, or CONFIG SET maxmemory-policy noeviction"
        )

    def _forgets(self, info: dict[str, Any]) -> str:
        """What would be lost if the server ended now."""
        if self._dumps() == "":
            lost = "neither append-only file nor dumps: all snapshots, matches, ratings and checkpoints die with it"
        else:
            at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(info.get("rdb_last_save_time", 0)))
            changes = info.get("rdb_changes_since_last_save", 0)
            lost = (
                "no append-only file: snapshots, matches, ratings and checkpoints since its last dump "
                f"({at}, {changes:,} changes ago) die with it"
            )
        return f"{self.address} has {lost}; set `appendonly yes`"

    def _dumps(self) -> str | None:
        """When the server dumps by itself, as in `save 3600 1`; empty for never, None where the user may not ask."""
        try:
            found = self._call("CONFIG", "GET", "save")
        except StoreError:  # Hosted servers have no such command.
            return None
        values = list(found.values()) if isinstance(found, dict) else found[1::2]
        return "".join(value.decode() if isinstance(value, bytes) else str(value) for value in values)


def disk(address: str) -> tuple[int, int] | None:
    """Free bytes and all bytes of the disk that holds a store; None unless it is a folder that is there.

    The server need not run: on a full disk it cannot. Of a server that is reached by its address no client can tell.
    """
    folder = Address.parse(address).folder
    if folder is None:
        return None
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return usage.free, usage.total
