"""People who play against policies: their games, and a rating pool of their own.

Nothing of it enters the league: a policy's rating, its payoff and who becomes champion follow from the match log alone.
The arithmetic is that of `league.ladder.ratings`, so people stand on the scale of the leaderboard. An opponent begins
in this pool with its rating of the league, and from then on is rated here by how it does against people; one that the
league does not know, such as a snapshot with a search, begins as anyone does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, Self

from league.config import RatingConfig
from league.ladder.ratings import Elo, Rating, Ratings, elo, rate
from league.ladder.records import Match, Plain, Tally

LONGEST: Final = 40
"""Characters of a person's name."""

Result = Literal["won", "drawn", "lost"]


@dataclass(frozen=True, kw_only=True)
class PersonGame(Plain):
    """One game of a person against a policy, from the person's side."""

    game_id: str
    person: str
    opponent: str
    """The policy with its strength, such as `main-0007+search200` or `main-0007+temperature0.5`."""
    seat: int
    """The person's."""
    result: Result
    seed: int
    """Of the game's chance and the policy's."""
    moves: tuple[int, ...]
    """The action of every ply; of a game that was resigned those until then."""
    played_s: float
    """When it ended, in seconds of Unix time."""
    resigned: bool = False
    helped: bool = False
    """A move was taken back, or the policy was asked what it thinks: it counts for no rating."""

    def to_json(self) -> dict[str, Any]:
        """Plain data for JSON, under the names of the fields."""
        return {**vars(self), "moves": list(self.moves)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`; raises `TypeError` for other names."""
        return cls(**{**data, "moves": tuple(data["moves"])})


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody with games in the pool of people, or an opponent in it."""

    rating: Rating
    score: Tally = field(default_factory=Tally)
    """Of the games that count."""

    def to_json(self) -> list[Any]:
        """Plain data: the rating and the score."""
        return [self.rating.to_json(), list(self.score)]

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """The inverse of `to_json`; raises `TypeError` or `ValueError` for what is none."""
        rating, score = data
        return cls(rating=Rating.from_json(rating), score=Tally(*score))


@dataclass(frozen=True, kw_only=True)
class PersonRow:
    """One person on the list of people."""

    rank: int
    person: str
    elo: float
    """On the scale of the league's leaderboard."""
    interval: float
    """Half the width of the 95% interval, in Elo."""
    games: int
    score: Tally

    def to_json(self) -> dict[str, Any]:
        """Plain data: `results` are the games by their end, `score` the points per game of them, in [0, 1]."""
        return {**vars(self), "results": self.score._asdict(), "score": self.score.score}


def name_fault(name: str) -> str | None:
    """What is wrong with a person's name, None if nothing is: 1 to 40 printable characters."""
    if not name.strip():
        return "a name has at least one letter"
    if len(name) > LONGEST:
        return f"the name has {len(name)} characters: at most {LONGEST}"
    if not name.isprintable() or name != name.strip():
        return f"name {name!r}: must be printable text without blanks at its ends"
    return None


def rated(person: Person, opponent: Person, result: Result, config: RatingConfig) -> tuple[Person, Person]:
    """Both after a game that counts, whose `result` is the person's."""
    tally = Tally(*(int(result == one) for one in ("won", "drawn", "lost")))
    match = Match(match_id="", row="person", column="opponent", results={"01": tally}, played_s=0.0)
    after = rate({"person": person.rating, "opponent": opponent.rating}, match, config)
    return (
        Person(rating=after["person"], score=person.score.plus(tally)),
        Person(rating=after["opponent"], score=opponent.score.plus(tally.mirrored())),
    )


def person_rows(people: Mapping[str, Person], league: Ratings, config: RatingConfig) -> list[PersonRow]:
    """The people, the strongest first; `league`: its ratings, whose `uniform` is the zero of the scale."""

    def points(person: Person) -> Elo:
        return elo(person.rating, league, config)

    order = sorted(people.items(), key=lambda item: (item[1].rating.games == 0, -item[1].rating.mu, item[0]))
    rows = []
    for rank, (name, person) in enumerate(order, start=1):
        shown = points(person)
        games = person.rating.games
        rows.append(
            PersonRow(
                rank=rank, person=name, elo=shown.points, interval=shown.interval, games=games, score=person.score
            )
        )
    return rows


def newcomer(rating: Rating | None, config: RatingConfig) -> Person:
    """Somebody without games in the pool, with the rating that they bring along."""
    return Person(rating=Rating.new(config) if rating is None else replace(rating, games=0))
