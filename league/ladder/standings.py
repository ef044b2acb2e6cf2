"""What each policy's games came to: against each role together, and against each anchor.

The payoff has a row for every pair that ever met, millions in a league of weeks. What people and monitors look at most
is one line for each policy, so these lines are counted beside it, match by match.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Set
from typing import Any, Final, NamedTuple, Self

from league.ladder.payoff import OUTCOMES, SEPARATOR
from league.ladder.records import Match, Snapshot, Tally

BOT: Final = "bot"
"""The role of a fixed bot: of whoever plays without being a snapshot."""

Counts = dict[str, list[int]]
"""Wins, draws and losses, by what they are counted for."""


class Kind(NamedTuple):
    """What a policy is to those who meet it."""

    role: str
    anchor: bool
    """Whether games against it are counted by its name, too: it may tie ratings to something that does not change."""

    @classmethod
    def of(cls, snapshot: Snapshot | None) -> Self:
        """Of a snapshot; of None, which is no snapshot, that of a bot."""
        return cls(BOT, anchor=True) if snapshot is None else cls(snapshot.role, snapshot.landmark)


Kinds = Callable[[str], Kind]
"""What the policy of a name is."""


class Standing:
    """The rated games of one policy, from its own point of view."""

    __slots__ = ("anchors", "roles")

    def __init__(self, roles: Counts | None = None, anchors: Counts | None = None) -> None:
        self.roles: Counts = {} if roles is None else roles
        """By role of the opponent."""
        self.anchors: Counts = {} if anchors is None else anchors
        """By name, of those opponents that may be anchors."""

    @property
    def total(self) -> Tally:
        """Its games against everyone, bots included."""
        return Tally(*map(sum, zip(*self.roles.values(), strict=True))) if self.roles else Tally()

    def against(self, anchor: str) -> Tally:
        """Against one that may be an anchor."""
        return Tally(*self.anchors.get(anchor, ()))

    def anchored(self, anchors: Set[str]) -> int:
        """Games against these anchors together."""
        return sum([sum(counts) for name, counts in self.anchors.items() if name in anchors])

    def add(self, opponent: str, kind: Kind, wins: int, draws: int, losses: int) -> None:
        """Count games against one opponent."""
        counts = self.roles.setdefault(kind.role, [0, 0, 0])
        counts[0], counts[1], counts[2] = counts[0] + wins, counts[1] + draws, counts[2] + losses
        if kind.anchor:
            counts = self.anchors.setdefault(opponent, [0, 0, 0])
            counts[0], counts[1], counts[2] = counts[0] + wins, counts[1] + draws, counts[2] + losses

    def to_json(self) -> list[Counts]:
        """Plain data for JSON: wins, draws and losses by role, and by anchor."""
        return [self.roles, self.anchors]

    @classmethod
    def from_json(cls, data: Iterable[Mapping[str, Any]]) -> Self:
        """The inverse of `to_json`; raises `TypeError` or `ValueError` for what is none."""
        roles, anchors = ({name: [int(count) for count in counts] for name, counts in part.items()} for part in data)
        if any(len(counts) != len(OUTCOMES) for part in (roles, anchors) for counts in part.values()):
            raise ValueError("a standing counts wins, draws and losses")
        return cls(roles, anchors)

    def __eq__(self, other: object) -> bool:
        return self.to_json() == other.to_json() if isinstance(other, Standing) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Standing({self.roles!r}, {self.anchors!r})"


Standings = dict[str, Standing]
"""By policy; one without rated games has none."""


def count(standings: Standings, match: Match, kinds: Kinds) -> None:
    """Count one match for both of its policies, if it is rated and had games."""
    total = match.total
    if match.rated and total.games:
        count_games(standings, match.row, match.column, total, kinds)


def count_games(standings: Standings, row: str, column: str, games: Tally, kinds: Kinds) -> None:
    """Count games of two policies, from the point of view of the first, for both."""
    wins, draws, losses = games
    if row not in standings:
        standings[row] = Standing()
    if column not in standings:
        standings[column] = Standing()
    standings[row].add(column, kinds(column), wins, draws, losses)
    standings[column].add(row, kinds(row), losses, draws, wins)


def of_counts(counts: Mapping[str, int], kinds: Kinds) -> Standings:
    """All of them from the flat counts of a payoff (`Payoff.to_counts`); raises `ValueError` for what is none."""
    standings: Standings = {}
    for field, number in counts.items():
        try:
            row, column, _, outcome = field.split(SEPARATOR)
            side = OUTCOMES.index(outcome)
        except ValueError as error:
            raise ValueError(f"payoff field {field!r}: must be row|column|seating|w, d or l") from error
        games = [0, 0, 0]
        games[side] = number
        count_games(standings, row, column, Tally(*games), kinds)
    return standings


def met(standings: Standings, anchors: Collection[str]) -> dict[tuple[str, str], int]:
    """Games of each (first) with each of these anchors (second) that it has met."""
    return {
        (name, anchor): sum(standing.anchors[anchor])
        for name, standing in standings.items()
        for anchor in anchors
        if anchor in standing.anchors
    }
