"""Ending in order when SIGINT (Ctrl-C) or SIGTERM arrives."""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from types import FrameType
from typing import TypeVar

T = TypeVar("T")


class Interruption:
    """Whether somebody wants this process to end.

    Not a `threading.Event`, whose lock a signal that arrives in the middle of `wait` or `set` would wait for, for ever:
    the handler runs in the thread that holds it. The queue's `put` bears that.
    """

    def __init__(self) -> None:
        self._wishes: queue.SimpleQueue[None] = queue.SimpleQueue()

    def set(self) -> None:
        """Somebody does; may be called from a signal's handler."""
        self._wishes.put(None)

    def is_set(self) -> bool:
        """Whether somebody wants it to end."""
        return not self._wishes.empty()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until somebody does, at most `timeout_s` seconds; whether somebody does."""
        with contextlib.suppress(queue.Empty):
            self._wishes.put(self._wishes.get(timeout=timeout_s))
        return self.is_set()


@contextlib.contextmanager
def at_once() -> Iterator[None]:
    """SIGINT raises `KeyboardInterrupt`, as ever; where that is lost it is raised anew at the end of the block.

    Imports lose it, and Ray's start may: what is raised in a callback of C, or caught with all else, ends nothing.
    """
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # As in a shell's background.
    if ignored or threading.current_thread() is not threading.main_thread():
        yield
        return
    interruption = Interruption()

    def handle(number: int, frame: FrameType | None) -> None:
        interruption.set()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
        if interruption.is_set():
            raise KeyboardInterrupt
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def entered_at_once(block: AbstractContextManager[T]) -> Iterator[T]:
    """A block of which `at_once` holds while it is entered."""
    with contextlib.ExitStack() as end:
        with at_once():
            value = end.enter_context(block)
        yield value


@contextlib.contextmanager
def interrupts(*, patient: bool = False) -> Iterator[Interruption]:
    """What the first SIGINT or SIGTERM sets; outside the main thread, which alone gets signals, nobody does.

    A second one raises `KeyboardInterrupt`; where the ending is `patient` it changes nothing.
    """
    interruption = Interruption()

    def handle(number: int, frame: FrameType | None) -> None:
        if interruption.is_set() and not patient:
            raise KeyboardInterrupt
        interruption.set()

    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
