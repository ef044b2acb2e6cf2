"""Whether a league runs, by the age of what its coordinator said last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

STALE_S: Final = 10.0
"""A coordinator says something every second; after so many without a word it is not running."""

_ENDED: Final = ("stopped", "failed")


def heartbeat_age_s(status: Mapping[str, Any] | None, now_s: float) -> float | None:
    """Seconds since the last heartbeat, None if there never was one."""
    return None if status is None else max(0.0, now_s - float(status["heartbeat_s"]))


def phase(status: Mapping[str, Any] | None, now_s: float) -> str:
    """The coordinator's phase; `not running` if it fell silent without having ended, `never run` without a status."""
    age_s = heartbeat_age_s(status, now_s)
    if status is None or age_s is None:
        return "never run"
    said = str(status.get("phase", "unknown"))
    return said if said in _ENDED or age_s <= STALE_S else "not running"
