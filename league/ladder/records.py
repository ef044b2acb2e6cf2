"""What a league remembers: matches, promotions and who was frozen when. Plain values that go to JSON and back.

Policies are named by strings: a snapshot by its name (`main-0007`; `main-0007+search200` where it looks ahead), a fixed
bot by its own (`negamax-4`).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import zip_longest
from typing import Any, Final, Literal, NamedTuple, Self, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Tally(NamedTuple):
    """Games counted from one side."""

    wins: int = 0
    draws: int = 0
    losses: int = 0

    @property
    def games(self) -> int:
        """How many games there were."""
        return self.wins + self.draws + self.losses

    @property
    def score(self) -> float:
        """Points per game in `[0, 1]`, a draw counts half; NaN without games."""
        return (self.wins + self.draws / 2) / self.games if self.games else float("nan")

    def plus(self, other: Tally) -> Tally:
        """The games of both tallies, counted from the same side."""
        return Tally(self.wins + other.wins, self.draws + other.draws, self.losses + other.losses)

    @staticmethod
    def sum(tallies: Iterable[Tally]) -> Tally:
        """The games of all tallies, counted from the same side."""
        wins = draws = losses = 0
        for won, drawn, lost in tallies:
            wins, draws, losses = wins + won, draws + drawn, losses + lost
        return Tally(wins, draws, losses)

    def mirrored(self) -> Tally:
        """The same games from the other side."""
        return Tally(self.losses, self.draws, self.wins)


class Tallies(dict[Key, Tally]):
    """Games counted apart, such as those against each opponent."""

    def add(self, key: Key, tally: Tally) -> None:
        """Count these games beside those of `key` so far, of which there may be none."""
        self[key] = self.get(key, Tally()).plus(tally)


class Replay(NamedTuple):
    """One game of a match: with it the game can be played again, exactly, without the policies."""

    seating: str
    """Who sat where, written as in `Match.results`."""
    points: float | None
    """Of `row`: 1, 1/2 or 0; None if the game was dropped."""
    seed: int
    """Of the game's own chance."""
    opening: int
    """Plies at the beginning that were random."""
    moves: tuple[int, ...]
    """The action of every ply."""

    @classmethod
    def from_json(cls, data: Sequence[Any]) -> Self:
        """From the list that JSON makes of it; raises `TypeError` or `ValueError` for what is none."""
        seating, points, seed, opening, moves = data
        return cls(
            str(seating), None if points is None else float(points), int(seed), int(opening), (*map(int, moves),)
        )


class Plain:
    """What a dataclass of plain values is to JSON."""

    def to_json(self) -> dict[str, Any]:
        """Plain data for JSON, under the names of the fields."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`; raises `TypeError` for other names."""
        return cls(**data)


@dataclass(frozen=True, kw_only=True)
class Match:
    """Games between two policies, `row` and `column`, over every seating that was played.

    A seating is a string with one character per seat: `0` where `row` sat and `1` where `column` sat. Two seats:
    `"01"` and `"10"`. With more seats one of the two sits alone and the other holds the rest, so that every game is
    still a comparison of two; a game is won by the policy whose seats have the better mean rank.
    """

    match_id: str
    row: str
    column: str
    results: Mapping[str, Tally]
    """From the point of view of `row`, by seating."""
    played_s: float
    """When, in seconds of Unix time."""
    dropped: int = 0
    """Games without a result: the environment raised, or the game was too long."""
    groups: tuple[int, ...] = ()
    """[2 G + 1], the groups of G games that shared an opening, one game per seating, by the half points that they
    brought `row`: of pairs, how many brought 0, 1/2, 1, 3/2 and 2 points. Groups with a dropped game are left out.
    Empty for a match that was recorded before groups were."""
    gate: bool = False
    """Played to decide whether `row` replaces `column` as champion: part of a sequential test, and its evidence."""
    check: bool = False
    """Played to see whether anybody in the pool speaks against `row` as champion."""
    batch: int | None = None
    """Of a sequential test, its place in the order in which batches were handed out and count, counted from 0; None for
    one that was recorded before batches were numbered."""
    replays: tuple[Replay, ...] = field(default=(), compare=False, repr=False)
    """Every game, move by move. Not part of the log: the store keeps those of the last matches beside it."""

    def __post_init__(self) -> None:
        if self.row == self.column:
            raise ValueError(f"a match of {self.row!r} against itself says nothing")

    @property
    def rated(self) -> bool:
        """Whether it counts for ratings and payoff: who played a race, and for how long, followed from its results."""
        return not (self.gate or self.check)

    @property
    def total(self) -> Tally:
        """All seatings together, from the point of view of `row`."""
        return Tally.sum(self.results.values())

    def plus(self, later: Match) -> Match:
        """The games of both as one match of these two, under this one's id, without `replays`."""
        results = Tallies(self.results)
        for seating, tally in later.results.items():
            results.add(seating, tally)
        return replace(
            self,
            results=results,
            played_s=later.played_s,
            dropped=self.dropped + later.dropped,
            groups=tuple(map(sum, zip_longest(self.groups, later.groups, fillvalue=0))),
            replays=(),
        )

    def to_json(self) -> dict[str, Any]:
        """The match as plain data for JSON, without `replays`."""
        plain = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "replays"}
        results = {seating: list(tally) for seating, tally in self.results.items()}
        return {**plain, "results": results, "groups": list(self.groups)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """A match from what `to_json` gave, also from before it had `groups`, `gate`, `check` and `batch`."""
        results = {seating: Tally(*tally) for seating, tally in data["results"].items()}
        return cls(**{**data, "results": results, "groups": tuple(data.get("groups", ()))})


@dataclass(frozen=True, kw_only=True)
class Snapshot(Plain):
    """A frozen policy: what the pool knows of it beside its weights."""

    name: str
    """Unique in the league, such as `main-0007`."""
    digest: str
    """sha256 of the weights' bytes, in hexadecimal."""
    learner: str
    """Name of the learner that it was frozen from."""
    steps: int
    """Steps that the learner had made."""
    created_s: float
    """When, in seconds of Unix time."""
    bytes: int
    """Size of the stored weights, in bytes."""
    parent: str | None = None
    """The snapshot before it, of the same learner."""

    @property
    def role(self) -> str:
        """Role of its learner: the learner's name without a number at its end."""
        return self.learner.rstrip("0123456789")

    @property
    def imported(self) -> bool:
        """Whether it came from another league: no learner of this one has a dot in its name."""
        return "." in self.learner

    @property
    def landmark(self) -> bool:
        """Whether it stands for its time as an anchor: the first of its learner, and one more each time that it has
        twice as many, so that they are few and spread over the ladder.

        Snapshots are numbered from 0 at the end of their names, so these are 0, 1, 3, 7, 15 and so on.
        """
        number = self.name.rpartition("-")[2]
        return number.isdecimal() and (int(number) + 1).bit_count() == 1


How = Literal["automatic", "asked", "forced", "rollback", "unpinned"]
"""By the league's own test; by a person and the same test; by a person without a test; back to the champion before; or
no change, but handed back to the league by the person who had pinned it."""

_EARLIER: Final[Mapping[str, How]] = {"rolled_back": "rollback", "unpinned_s": "unpinned", "forced": "forced"}
"""Keys of the evidence that said so before `Promotion.how` was a field."""


@dataclass(frozen=True, kw_only=True)
class Promotion(Plain):
    """One entry of the champion's history, which is only appended to."""

    policy: str
    digest: str
    by: str
    """`coordinator`, or the user who typed the command."""
    reason: str
    promoted_s: float
    """When, in seconds of Unix time."""
    pinned: bool = False
    """A person forced it or rolled back to it: the coordinator leaves it alone until one that is not pinned."""
    how: How = "asked"
    """Which way this entry came about."""
    against: str | None = None
    """The champion that it was tested against, or that was taken back; None: there was none, or no test."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """The numbers behind it, for people."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`; an entry that was written before `how` is read by its evidence."""
        if "how" not in data:
            evidence = data.get("evidence", {})
            how = next((how for key, how in _EARLIER.items() if key in evidence), None)
            tested = "automatic" if data.get("by") == "coordinator" else "asked"
            against = evidence.get("rolled_back" if how == "rollback" else "against")
            data = {**data, "how": how or tested, "against": against}
        return cls(**data)
