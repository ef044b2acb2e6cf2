"""Where the candidates of a race for the champion's place stand, in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from league.ladder.comparison import Interval
from league.ladder.records import Match
from league.ladder.sprt import Sprt


class Wanted(NamedTuple):
    """A match that a race needs."""

    row: str
    column: str
    games: int
    gate: bool
    """Part of the sequential test."""
    check: bool = False
    """Part of the regression check."""
    batch: int | None = None
    """Of a sequential test, its place in the order in which batches were handed out, counted from 0."""

    def mark(self, match: Match) -> Match:
        """The match that came of it, with what it was played for."""
        return replace(match, gate=self.gate, check=self.check, batch=self.batch)


@dataclass(frozen=True, kw_only=True)
class Regression:
    """What the pool has against a candidate."""

    pending: tuple[Wanted, ...]
    """Matches to be played before it is known."""
    beaten_by: str | None
    """A snapshot that beats the candidate clearly and did not beat the champion clearly."""
    snapshots: int
    """How many snapshots of the pool the candidate has met."""
    games: int
    """How many games it has played against them."""


Outcome = Literal["running", "passed", "refused", "beaten", "outrun", "undecided"]
"""Of a candidate: `beaten` in the regression check, `outrun` by a better candidate, `undecided` at the cap."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Where one candidate's test against the champion and the pool stands."""

    candidate: str
    champion: str | None
    test: Sprt | None
    """None where there is no champion to be tested against."""
    regression: Regression | None
    """None before the test is passed."""
    outcome: Outcome
    succession: bool = False
    """It had to prove not to be weaker, instead of stronger."""

    @property
    def reason(self) -> str:
        """Why it is champion, in a few words."""
        if self.test is None:
            return "no champion to be tested against"
        if self.succession:
            claim = "longer trained and no weaker than"
        else:
            claim = "stronger than" if self.test.bounds.elo1 > 0 else "no weaker than"
        return f"{claim} {self.champion}: Elo {_shown(self.test.elo)}"

    @property
    def summary(self) -> str:
        """One line for people, with the numbers."""
        parts = []
        if self.test is None:
            parts.append(f"{self.candidate}: no champion to be tested against")
        else:
            bounds = self.test.bounds
            parts.append(
                f"{self.candidate} against {self.champion}: {self.test.decision}, evidence {self.test.llr:+z.2f} "
                f"({bounds.lower:+z.2f} refuses, {bounds.upper:+z.2f} passes), {self.test.games} games, "
                f"Elo {_shown(self.test.elo)}"
            )
        if self.regression is not None:
            found = self.regression.beaten_by
            verdict = f"{found} beats it clearly" if found else "no snapshot beats it clearly that did not before"
            parts.append(f"{verdict} ({self.regression.snapshots} tried, {self.regression.games} games)")
        if self.outcome == "outrun":
            parts.append("dropped, another candidate is better")
        return "; ".join(parts)

    def to_json(self) -> dict[str, Any]:
        """The numbers as plain data: the evidence of a promotion."""
        data: dict[str, Any] = {"against": self.champion, "outcome": self.outcome}
        if self.test is not None:
            data |= self.test.to_json()
        if self.regression is not None:
            keys = ("beaten_by", "snapshots", "games")
            data["regression"] = {key: getattr(self.regression, key) for key in keys}
        return data


def _shown(elo: Interval) -> str:
    return f"{elo.value:+z.0f} ({elo.low:+z.0f} to {elo.high:+z.0f})".replace("inf", "∞")
