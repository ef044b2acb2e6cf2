"""Who beats whom: the league's payoff table, and a learner's own faded view of it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, Final, Self

from league.ladder.records import Match, Tallies, Tally

SEPARATOR: Final = "|"
"""Separates the parts of a flat count's field, so a policy name must not contain it."""

OUTCOMES: Final = ("w", "d", "l")
"""Last parts of a flat count's field, in the order of `Tally`."""

TOGETHER: Final = 1 / 16
"""Of the games after which a live result fades to 1/e: results within so many are held as one."""

FORGOTTEN: Final = 7
"""Times as many games later it counts less than a thousandth, and is dropped."""


@lru_cache(maxsize=2**16)
def check_policy_name(name: str) -> str:
    """Return `name` if it can be a row of the table; raise `ValueError` if it is empty or holds a `|` or a blank."""
    if not name or SEPARATOR in name or any(character.isspace() for character in name):
        raise ValueError(f"policy name {name!r}: must not be empty, nor contain {SEPARATOR!r} or blanks")
    return name


class Payoff:
    """Rated games counted per ordered pair `(row, column)` and per seating, as they were played.

    Raw counts only: what is made of them (rates, ratings) is derived elsewhere. Folding the same matches in any order
    gives an equal table.
    """

    def __init__(self) -> None:
        self._games: dict[tuple[str, str], Tallies[str]] = {}

    def add(self, match: Match) -> None:
        """Count one match if it is rated; raises `ValueError` for a policy name that `check_policy_name` refuses."""
        if match.rated:
            self.count(match)

    def count(self, match: Match) -> None:
        """Count one match, whatever it was played for; raises as `add` does."""
        for name in (match.row, match.column):
            check_policy_name(name)
        for seating, tally in match.results.items():
            if tally.games:
                self._games.setdefault((match.row, match.column), Tallies()).add(seating, tally)

    def tally(self, row: str, column: str) -> Tally:
        """All games of two policies from the point of view of `row`, whichever of them was the row of the match."""
        return Tally.sum(self.by_seating(row, column).values())

    def by_seating(self, row: str, column: str) -> dict[str, Tally]:
        """Like `tally`, by seating: `"01"` is `row` in seat 0. Seatings without a game are left out."""
        seatings = Tallies(self._games.get((row, column), {}))
        for seating, tally in self._games.get((column, row), {}).items():
            seatings.add(seating.translate(_SWAP), tally.mirrored())
        return seatings

    def pairs(self) -> dict[tuple[str, str], Tally]:
        """Every pair with games once, all of its games from the point of view of the first, who comes first by name."""
        pairs: Tallies[tuple[str, str]] = Tallies()
        for (row, column), seatings in self._games.items():
            pair = (row, column) if row < column else (column, row)
            for tally in seatings.values():
                pairs.add(pair, tally if row < column else tally.mirrored())
        return pairs

    def among(self, names: Collection[str]) -> Self:
        """The games of these with each other."""
        part = type(self)()
        pairs = ((row, column) for row in names for column in names)
        part._games = {pair: Tallies(self._games[pair]) for pair in pairs if pair in self._games}
        return part

    def policies(self) -> list[str]:
        """Everyone with a game, by name."""
        return sorted({name for pair in self._games for name in pair})

    def to_counts(self) -> dict[str, int]:
        """Flat counts: field `row|column|seating|w` (or `d`, `l`) to a positive count; zeros are left out."""
        return {
            SEPARATOR.join((row, column, seating, outcome)): count
            for (row, column), seatings in self._games.items()
            for seating, tally in seatings.items()
            for outcome, count in zip(OUTCOMES, tally, strict=True)
            if count
        }

    @classmethod
    def from_counts(cls, counts: Mapping[str, int]) -> Self:
        """The inverse of `to_counts`; raises `ValueError` for a field that is not of that form."""
        cells: dict[tuple[str, str], dict[str, list[int]]] = {}
        for field, count in counts.items():
            parts = field.split(SEPARATOR)
            if len(parts) != 4 or parts[3] not in OUTCOMES:
                raise ValueError(f"payoff field {field!r}: must be row|column|seating|w, d or l")
            row, column, seating, outcome = parts
            cell = cells.setdefault((row, column), {}).setdefault(seating, [0, 0, 0])
            cell[OUTCOMES.index(outcome)] = count
        payoff = cls()
        payoff._games = {
            pair: Tallies({seating: Tally(*cell) for seating, cell in seatings.items()})
            for pair, seatings in cells.items()
        }
        return payoff

    def __eq__(self, other: object) -> bool:
        return self._games == other._games if isinstance(other, Payoff) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Payoff({self.to_counts()!r})"


_SWAP: Final = str.maketrans("01", "10")


def match_counts(match: Match) -> dict[str, int]:
    """What one match adds to the flat counts of `Payoff.to_counts`; raises as `Payoff.add`."""
    if not match.rated:
        return {}
    both = SEPARATOR.join((check_policy_name(match.row), check_policy_name(match.column)))
    return {
        SEPARATOR.join((both, seating, outcome)): count
        for seating, tally in match.results.items()
        for outcome, count in zip(OUTCOMES, tally, strict=True)
        if count
    }


class LivePayoff:
    """A learner's own results against each opponent, while both the learner and its results grow old.

    The learner changes with every update, so old games say less. Results are held as they were, in the order in which
    they came; on reading, one after which `n` games against the same opponent followed counts exp(-n / memory_games).
    Results that came within a small part of `memory_games` are held as one. Kept with the learner's checkpoint.
    """

    def __init__(self, memory_games: float) -> None:
        """Start empty; `memory_games` > 0 is the number of games after which a result has faded to 1/e."""
        self.memory_games = memory_games
        self._results: dict[str, list[Tally]] = {}

    def add(self, opponent: str, tally: Tally) -> None:
        """Take in games against `opponent`, from the learner's point of view."""
        held = self._results.setdefault(opponent, [])
        if held and held[-1].games + tally.games <= self.memory_games * TOGETHER:
            held[-1] = held[-1].plus(tally)
        else:
            held.append(tally)
        while sum(one.games for one in held[1:]) > self.memory_games * FORGOTTEN:
            del held[0]

    def _faded(self, opponent: str) -> tuple[float, float, float]:
        wins = draws = losses = after = 0.0
        for tally in reversed(self._results.get(opponent, [])):
            weight = math.exp(-after / self.memory_games)
            wins, draws, losses = (
                wins + weight * tally.wins,
                draws + weight * tally.draws,
                losses + weight * tally.losses,
            )
            after += tally.games
        return wins, draws, losses

    def games(self, opponent: str) -> float:
        """How many games are still remembered, at most about `memory_games` plus the last result."""
        return sum(self._faded(opponent))

    def win_rate(self, opponent: str) -> float:
        """Points per game in (0, 1), a draw counts half.

        One virtual drawn game is the prior: an unknown opponent has 0.5, and no rate is ever exactly 0 or 1.
        """
        wins, draws, losses = self._faded(opponent)
        return (wins + draws / 2 + 0.5) / (wins + draws + losses + 1.0)

    def to_json(self) -> dict[str, Any]:
        """Plain data: opponent to `[[wins, draws, losses], ...]`, oldest first; `memory_games` is a setting."""
        return {opponent: [list(tally) for tally in held] for opponent, held in self._results.items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], memory_games: float) -> Self:
        """The inverse of `to_json`; raises `ValueError` or `TypeError` for anything else."""
        live = cls(memory_games)
        live._results = {opponent: [Tally(*counts) for counts in held] for opponent, held in data.items()}
        return live

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LivePayoff):
            return NotImplemented
        return (self.memory_games, self._results) == (other.memory_games, other._results)

    __hash__ = None  # type: ignore[assignment]
