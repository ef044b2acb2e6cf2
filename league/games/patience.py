"""Calls of an environment that do not come back: each is ended by an exception in the line where it stands."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, NoReturn, TypeVar

T = TypeVar("T")

PATIENCE_S: Final = 60.0
"""A call that takes longer does not come back."""
LEAST_S: Final = 0.05
SLOWER: Final = 10.0
"""A call may always take so many times as long as one that came back."""
ENOUGH: Final = 20
"""After so many calls in a row that did not come back, the next is not made before `REST_S` are over."""
REST_S: Final = 10.0


class NoAnswerError(BaseException):
    """No `Exception`, which an environment may catch by the dozen while it tries again for ever."""


class Patience:
    """How long the next call is waited for: after each one that did not come back, half as long as before.

    Where all games hang, a board a minute would be the whole run. Right after one that did not come back a call is
    waited for a sixteenth of that, and after `ENOUGH` it is not made: a process whose boards all hang, however many,
    is ready to say so after a minute.
    """

    def __init__(self) -> None:
        self._hung = 0
        self._slowest = 0.0
        self._in_row = 0
        """Calls since the last that came back."""
        self._last: BaseException | None = None
        self._last_at = 0.0

    @property
    def seconds(self) -> float:
        """That the next call may take."""
        left = PATIENCE_S * 2.0**-self._hung * 16.0**-self._in_row
        return min(PATIENCE_S, max(left, SLOWER * self._slowest, LEAST_S))

    @property
    def others(self) -> str:
        """Why it may take no longer, in words that follow."""
        return f", as {self._in_row} before it" if self._in_row else ""

    def wait(self, call: Callable[..., T], *arguments: Any, tells: bool = True) -> T:
        """What `call` returns; raises `NoAnswerError` in it where it does not.

        Not `tells`: that it comes back says nothing of the next one. To be called where `end_call` handles SIGALRM.
        Other threads than the main one get no signals, so there a call may take for ever; so may one that never comes
        back to Python.
        """
        if threading.get_ident() != threading.main_thread().ident:
            return call(*arguments)
        began, limit = time.monotonic(), self.seconds if self._hung else PATIENCE_S
        if self._in_row >= ENOUGH and began < self._last_at + REST_S:
            raise NoAnswerError(f"it is not called: the last {self._in_row} calls have not come back") from self._last
        signal.setitimer(signal.ITIMER_REAL, limit)
        try:
            return call(*arguments)
        except BaseException as error:
            if time.monotonic() - began >= limit:  # Whatever it has made of ours.
                self._last = error
            raise
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            took = time.monotonic() - began
            if took >= limit:
                self._hung += 1
                self._in_row += 1
                self._last_at = time.monotonic()
            elif tells:
                self._in_row = 0
                if took > self._slowest:
                    self._slowest = took


PATIENCE: Final = Patience()
"""Of this process, which plays one game."""


def end_call(number: int, frame: FrameType | None) -> NoReturn:
    """The handler of SIGALRM while an environment is at work."""
    raise NoAnswerError(f"it has not come back for {PATIENCE.seconds:.2g} s{PATIENCE.others}")
