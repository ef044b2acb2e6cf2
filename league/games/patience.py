"""Calls of an environment that do not come back: each is ended by an exception in the line where it stands."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Final, NoReturn, TypeVar

T = TypeVar("T")

PATIENCE_S: Final = 60.0
"""A call that takes longer does not come back."""
LEAST_S: Final = 0.05
SLOWER: Final = 10.0
"""A call may always take so many times as long as one that came back."""


class NoAnswerError(BaseException):
    """No `Exception`, which an environment may catch by the dozen while it tries again for ever."""


class Patience:
    """How long the next call is waited for: after each one that did not come back, half as long as before.

    Where all games hang, a board a minute would be the whole run. Where no call has come back yet it is a sixteenth:
    a process whose environment cannot even begin is ready to say so a minute after its start.
    """

    def __init__(self) -> None:
        self._hung = 0
        self._slowest = 0.0

    @property
    def seconds(self) -> float:
        """That the next call may take."""
        left = 1 / 2 if self._slowest else 1 / 16
        return min(PATIENCE_S, max(PATIENCE_S * left**self._hung, SLOWER * self._slowest, LEAST_S))

    def wait(self, call: Callable[[], T]) -> T:
        """What `call` returns; raises `NoAnswerError` in it where it does not.

        To be called where `end_call` handles SIGALRM. Other threads than the main one get no signals, so there a call
        may take for ever; so may one that never comes back to Python.
        """
        if threading.current_thread() is not threading.main_thread():
            return call()
        began = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, self.seconds)
        try:
            answer = call()
        except NoAnswerError:
            self._hung += 1
            raise
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        self._slowest = max(self._slowest, time.monotonic() - began)
        return answer


PATIENCE: Final = Patience()
"""Of this process, which plays one game."""


def end_call(number: int, frame: FrameType | None) -> NoReturn:
    """The handler of SIGALRM while an environment is at work."""
    raise NoAnswerError(f"it has not come back for {PATIENCE.seconds:.0f} s")
