"""What visitors of a page are told when something goes wrong, and what is written down for whoever runs the page."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Final

from league.errors import LeagueError, StoreUnavailableError
from league.every import Every

AGAIN_S: Final = 10.0
"""An error that everyone meets, such as a store that is lost, is written down at most so often."""


def note(text: str) -> None:
    """Print one line on the standard error, with the time."""
    print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}  {text}", file=sys.stderr, flush=True)


class Visitors:
    """Whoever looks at a page: they read what happened, its operator in the log also where."""

    def __init__(self) -> None:
        self._every = Every(AGAIN_S, at_once=True)
        self._away = False
        """Whether the store was not there when it was last asked."""

    def told(self, error: LeagueError) -> str:
        """What they read of an error; where its message says more, that is noted."""
        if error.outside is not None and self._every.claim():
            note(str(error))
        self._away = self._away or isinstance(error, StoreUnavailableError)
        return error.for_visitors

    def answered(self) -> None:
        """The store has answered; noted where it had not before."""
        if self._away:
            self._away = False
            self._every = Every(AGAIN_S, at_once=True)  # Who loses it again hears of it.
            note("the store answers")
