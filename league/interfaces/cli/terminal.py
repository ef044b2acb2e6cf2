"""The terminal under a live view."""

from __future__ import annotations

import contextlib
import os
import sys
import termios
from collections.abc import Iterator

_LFLAGS = 3
"""Place of the local modes among what `termios.tcgetattr` gives."""


@contextlib.contextmanager
def quiet_keys() -> Iterator[None]:
    """What is typed does not show meanwhile: `^C`, or an empty line, would stand in the middle of what is drawn.

    Keys keep their effect. A terminal that is not ours, as of a job in the background, is left alone.
    """
    try:
        number = sys.stdin.fileno()
        before = termios.tcgetattr(number) if os.tcgetpgrp(number) == os.getpgrp() else None
    except (AttributeError, OSError, ValueError, termios.error):  # No terminal, or no file at all, as in a notebook.
        before = None
    if before is None:
        yield
        return
    quiet = [*before]
    quiet[_LFLAGS] &= ~(termios.ECHO | termios.ECHOCTL)
    termios.tcsetattr(number, termios.TCSADRAIN, quiet)
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(number, termios.TCSADRAIN, before)
