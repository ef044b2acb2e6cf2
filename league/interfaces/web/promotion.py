"""A promotion that was asked for on the page: one at a time, in a thread, with its progress for all to see."""

from __future__ import annotations

import dataclasses
import sys
import threading
import traceback
from dataclasses import dataclass
from typing import Final, Literal

from league.errors import LeagueError
from league.matches.contest import Result, compete, force
from league.pool.store import Store
from league.view.visitors import note

ENDING_S: Final = 5.0
"""How long the end of the page waits for a match under way."""

Outcome = Literal["running", "promoted", "not promoted", "stopped", "failed"]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """The promotion that somebody asked for."""

    policy: str
    by: str
    reason: str | None
    forced: bool


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What has come of a wish so far."""

    wish: Wish
    outcome: Outcome
    lines: tuple[str, ...]
    """For people, the newest last."""


class _StoppedError(Exception):
    """Somebody has stopped the test."""


class Promoter:
    """Fulfils one wish after another. What it plays is recorded, so a test that was stopped goes on where it ended."""

    def __init__(self, address: str, league: str) -> None:
        self._address = address
        self._league = league
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.attempt: Attempt | None = None
        """Of the last wish, None before the first."""

    def take(self, wish: Wish, *, at: str) -> bool:
        """Begin, and note who asked, `at` which address, and what comes of it; False if another one is under way."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return False
            self._stop.clear()
            how = "to be forced" if wish.forced else "to be tested"
            note(f"promotion: {wish.policy!r} {how}, asked for by {wish.by!r} from {at}, reason {wish.reason!r}")
            self.attempt = Attempt(wish=wish, outcome="running", lines=("the games begin",))
            self._thread = threading.Thread(target=self._run, args=(wish,), name="promotion", daemon=True)
            self._thread.start()
            return True

    def stop(self) -> None:
        """End the test after the match under way."""
        self._stop.set()

    def close(self) -> bool:
        """Stop, and wait a moment for the match under way; whether nothing is under way any more."""
        self.stop()
        if self._thread is None:
            return True
        self._thread.join(ENDING_S)
        return not self._thread.is_alive()

    def _run(self, wish: Wish) -> None:
        reason = ""
        try:
            result = self._promote(wish)
            lines = (*(trial.summary for trial in result.trials), result.note)
            self._say(*lines, outcome="promoted" if result.promotion is not None else "not promoted")
        except _StoppedError:
            self._say("stopped; the games so far are recorded, and a new test goes on from them", outcome="stopped")
        except LeagueError as error:
            self._say(error.for_visitors, outcome="failed")
            reason = str(error)
        except Exception:
            traceback.print_exc(file=sys.stderr)
            self._say("a bug: the page's own log has the traceback", outcome="failed")
        assert self.attempt is not None
        note(f"promotion: {wish.policy!r}: {self.attempt.outcome}: {reason or self.attempt.lines[-1]}")

    def _promote(self, wish: Wish) -> Result:
        with Store.open(self._address, self._league, create=False) as store:
            config = store.require_config()
            if wish.forced:
                return force(store, config, wish.policy, by=wish.by, reason=wish.reason)
            return compete(
                store, config, wish.policy, by=wish.by, reason=wish.reason, watch=self._watch, note=self._say
            )

    def _watch(self, line: str) -> None:
        if self._stop.is_set():
            raise _StoppedError
        self._say(line)

    def _say(self, *lines: str, outcome: Outcome = "running") -> None:
        assert self.attempt is not None
        self.attempt = dataclasses.replace(self.attempt, outcome=outcome, lines=lines)
