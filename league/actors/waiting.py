"""Patience with the store: what clusters do to a server passes, and a league waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from league.errors import StoreUnavailableError

T = TypeVar("T")

RETRY_S = 1.0


def until_available(step: Callable[[], T], waits: Callable[[StoreUnavailableError], None] = lambda error: None) -> T:
    """What `step` returns. It is called again as long as the store is not available, each time after `waits`."""
    while True:
        try:
            return step()
        except StoreUnavailableError as error:
            waits(error)
            time.sleep(RETRY_S)
