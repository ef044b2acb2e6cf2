"""What has become of a run's games: whether anything is ever decided, and if not, why."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

ALL_LOST = 20
"""Games without a result, and none with one, after which that is said."""
ALL_DRAWN = 200
"""Games that ended equal for every seat, and none that did not, after which that is said."""
SOON_S = 30.0
"""Where games are slow: so long after the first one has ended, a few of them are enough."""
A_FEW = 10
NEVER_S = 50.0
"""After so long without the end of a game, that is said."""
DRAWN_AT_END = 30
"""A run in which so many games were drawn and none was decided has not gone well."""


@dataclass
class _Count:
    games: int = 0
    """With a result."""
    decided: int = 0
    dropped: int = 0
    error: str | None = None
    """What was wrong with the first one that was dropped."""

    @property
    def lost(self) -> bool:
        """Whether games ended, and not one of them with a result."""
        return self.dropped > 0 and not self.games


@dataclass
class Outcomes:
    """Counts of one run. It forgets with its process: what was decided before the run says nothing of the game now."""

    training: _Count = field(default_factory=_Count)
    matches: _Count = field(default_factory=_Count)
    broken: str | None = None
    """What was wrong with a game that a learner looked at before it learned from any."""
    began_at: float | None = None
    """When the first move was asked for, by the monotonic clock."""
    ended_at: float | None = None
    """When the first game ended."""
    lately: _Count = field(default_factory=_Count)
    """Of games of training, those that were dropped since the last one with a result."""
    lately_from: float = 0.0
    """When the first of these ended."""

    def begin(self) -> None:
        """Somebody is asked to play: he may come to nothing, or not answer at all."""
        if self.began_at is None:
            self.began_at = time.monotonic()

    def add(self, *, training: bool, games: int, decided: int, dropped: int, error: str | None) -> None:
        """Count games of training, or of a match; `error`: what was wrong with those that were dropped."""
        count = self.training if training else self.matches
        if (games or dropped) and self.ended_at is None:
            self.ended_at = time.monotonic()
        if dropped and count.error is None:
            count.error = error
        count.games += games
        count.decided += decided
        count.dropped += dropped
        if training and games:
            self.lately = _Count()
        elif training and dropped:
            if not self.lately.dropped:
                self.lately, self.lately_from = _Count(error=error), time.monotonic()
            self.lately.dropped += dropped

    @property
    def trouble(self) -> str | None:
        """Why nothing is decided, in one line, as soon as it can be told; None: all is well, or it is early."""
        now = time.monotonic()
        late = self.ended_at is not None and now - self.ended_at > SOON_S
        if self.training.lost and (self.training.dropped >= ALL_LOST or late):
            return self._lost
        if self.matches.lost and (self.matches.dropped >= ALL_LOST or late):
            return self._lost
        if self._broken:
            return self._all_broken
        games = self.training.games + self.matches.games
        if self._drawn and (games >= ALL_DRAWN or (late and games >= A_FEW)):
            return self._all_drawn
        return self._unended

    @property
    def first_error(self) -> str | None:
        """What was wrong with the first game that was dropped."""
        return self.training.error or self.matches.error or self.broken

    @property
    def failure(self) -> str | None:
        """Why a run that ends now has not gone well; None: it has."""
        if self.training.lost or self.matches.lost:
            return self._lost
        if self._broken:
            return self._all_broken
        return self._all_drawn if self._drawn and self.training.games >= DRAWN_AT_END else self._unended

    @property
    def _unended(self) -> str | None:
        waited = 0.0 if self.began_at is None or self.ended_at is not None else time.monotonic() - self.began_at
        if waited <= NEVER_S:
            return None
        return (
            f"no game has ended yet, {waited:.0f} s after play began, and nothing is learned before: "
            f"{self.broken or '`league check` says how slow the game is, or where it hangs'}"
        )

    @property
    def _broken(self) -> bool:
        """Whether games of training had results, and have none any more."""
        return self.lately.dropped >= ALL_LOST and time.monotonic() - self.lately_from > SOON_S

    @property
    def _all_broken(self) -> str:
        dropped, error = self.lately.dropped, self.lately.error
        return f"every game of training is dropped by now, {dropped:,} in a row: {error or 'nobody says why'}"

    @property
    def _drawn(self) -> bool:
        return self.training.games > 0 and not self.training.decided and not self.matches.decided

    @property
    def _lost(self) -> str:
        count, what = (self.training, "training") if self.training.lost else (self.matches, "matches")
        return f"every game of {what} is dropped, {count.dropped:,} so far: {count.error or 'nobody says why'}"

    @property
    def _all_drawn(self) -> str:
        games = self.training.games + self.matches.games
        return (
            f"all {games:,} games were drawn: no seat was ever paid more than another, so there is nothing to win; "
            "rewards never come, or all seats share them"
        )
