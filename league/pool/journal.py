"""What the league is doing, for people and monitors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from league.pool.connection import Connection, dumps, read_json

EVENTS_KEPT: Final = 1000

EVENT_KINDS: Final = (
    "lost",
    "diverged",
    "corrupt",
    "pruned",
    "imported",
    "store",
    "checkpoint",
    "reset",
    "room",
    "device",
    "memory",
    "version",
    "dropped",
    "undecided",
    "learning",
    "gate",
    "failed",
)
"""Everything that is said; `docs/operations.md` explains each."""


class Journal(Connection):
    """Part of the store: the coordinator's status and the last events."""

    def set_status(self, status: Mapping[str, Any], now_s: float | None = None) -> None:
        """Replace the status by plain data, with the time (Unix, s; default: the server's) added as `heartbeat_s`."""

        def attempt(pipe: Any) -> None:
            heartbeat_s = self._clock.set(pipe.execute_command("TIME")) if now_s is None else now_s
            pipe.multi()
            pipe.execute_command("SET", self._keys.status, dumps({**status, "heartbeat_s": heartbeat_s}))

        self._transact([], attempt)

    def status(self) -> dict[str, Any] | None:
        """What was set last, with its `heartbeat_s`, by which `now_s` tells its age; None if nothing ever was."""
        data, now = self._together(("GET", self._keys.status), ("TIME",))
        self._clock.set(now)
        return None if data is None else read_json(dict, data)

    def add_event(self, kind: str, text: str, now_s: float) -> None:
        """Note one event for people, at `now_s` (Unix time, s), and count it; only the last 1000 are kept.

        Raises `ValueError` for a `kind` that is none of `EVENT_KINDS`.
        """
        if kind not in EVENT_KINDS:
            raise ValueError(f"events are of the kinds {', '.join(EVENT_KINDS)}, not {kind!r}")
        self._write(*self._noting(kind, text, now_s))

    def add_refusal(self, outcome: str, text: str, now_s: float) -> None:
        """Note as an event of kind `gate` that a candidate whom a person put forward was not promoted, and count it.

        `outcome`: what it came to (`league.ladder.trials.Outcome`).
        """
        self._write(*self._noting("gate", text, now_s), ("HINCRBY", self._keys.refusals, outcome, 1))

    def _noting(self, kind: str, text: str, now_s: float) -> tuple[tuple[str | int | bytes, ...], ...]:
        event = dumps({"kind": kind, "text": text, "at_s": now_s})
        return (
            ("LPUSH", self._keys.events, event),
            ("LTRIM", self._keys.events, 0, EVENTS_KEPT - 1),
            ("HINCRBY", self._keys.event_counts, kind, 1),
        )

    def events(self, count: int = 20) -> list[dict[str, Any]]:
        """The last events, newest first, at most `count`: `kind`, `text`, `at_s`."""
        # One more: of none, the last index would mean all.
        return [read_json(dict, event) for event in self._call("LRANGE", self._keys.events, 0, count)[:count]]


def read_event_counts(stored: Mapping[bytes, bytes]) -> dict[str, int]:
    """How many events of each of `EVENT_KINDS` there were since the league began, from how they are stored."""
    return dict.fromkeys(EVENT_KINDS, 0) | {kind.decode(): int(count) for kind, count in stored.items()}
