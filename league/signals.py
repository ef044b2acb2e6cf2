"""Ending in order when SIGINT (Ctrl-C) or SIGTERM arrives."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def interrupts(*, patient: bool = False) -> Iterator[threading.Event]:
    """An event that the first SIGINT or SIGTERM sets; outside the main thread, which alone gets signals, nobody does.

    A second one raises `KeyboardInterrupt`; where the ending is `patient` it changes nothing.
    """
    event = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        if event.is_set() and not patient:
            raise KeyboardInterrupt
        event.set()

    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
