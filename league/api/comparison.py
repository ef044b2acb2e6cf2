"""Leagues of one game side by side: how strong each became over steps and time, and a match of their champions."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any, Self

from league.api.opened import OpenLeague
from league.errors import GameError, PolicyError, WrongLeagueError
from league.ladder.comparison import Interval, score_interval
from league.ladder.records import Promotion, Tally
from league.pool.keys import is_league_name
from league.view import plain


@dataclass(frozen=True, kw_only=True)
class Point:
    """One snapshot on the curve of its league, as it is rated today."""

    policy: str
    learner: str
    steps: int
    """Of its learner, when it was frozen."""
    seconds: float
    """After the league's first snapshot."""
    elo: float
    """Above `uniform`, which is at 0 in every league."""
    interval: float
    """Half the width of the 95% interval."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the leagues that are compared: its champion, and its strength by steps."""

    name: str
    """Its store, and its name there where it is not `league`."""
    champion: Promotion | None
    curve: tuple[Point, ...]
    """Its rated snapshots, oldest first."""

    @property
    def best(self) -> Point | None:
        """Its snapshot of the highest Elo, the champion or not; None where none is rated."""
        return max(self.curve, key=lambda point: point.elo, default=None)

    @property
    def line(self) -> tuple[Point, ...]:
        """The snapshots of the learner that brought the strongest: what is drawn, as steps are counted by learner."""
        best = self.best
        return () if best is None else tuple(point for point in self.curve if point.learner == best.learner)

    def to_json(self) -> dict[str, Any]:
        """One league as plain data for JSON: `name`, `champion` and `curve`."""
        champion = None if self.champion is None else plain.promotion(self.champion)
        return {"name": self.name, "champion": champion, "curve": [asdict(point) for point in self.curve]}


@dataclass(frozen=True, kw_only=True)
class Cross:
    """A match between the champions of two leagues."""

    row: str
    """Name of the league whose champion's side is taken."""
    row_policy: str
    column: str
    column_policy: str
    """The champions; those of two leagues often have the same name."""
    total: Tally
    """Games by how they ended for the row's champion."""

    @property
    def score(self) -> Interval:
        """Points per game of the row's champion, with its 95% interval."""
        return score_interval(self.total)

    def to_json(self) -> dict[str, Any]:
        """The match as plain data for JSON; scores are points per game, 0 to 1."""
        return {
            "row": self.row_policy,
            "row_league": self.row,
            "column": self.column_policy,
            "column_league": self.column,
            **plain.tally(self.total),
            **plain.interval("score", self.score),
        }


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What came of comparing leagues: the curve of each, and what their champions did against each other."""

    game: str
    sides: tuple[Side, ...]
    crosses: tuple[Cross, ...]

    def to_json(self) -> dict[str, Any]:
        """The comparison as plain data for JSON: `game`, `leagues` and `crosses`."""
        return {
            "game": self.game,
            "leagues": [side.to_json() for side in self.sides],
            "crosses": [cross.to_json() for cross in self.crosses],
        }


def compare(
    stores: Sequence[str],
    league: str = "league",
    *,
    games: int = 200,
    seed: int | None = None,
    watch: Callable[[str], None] = lambda line: None,
) -> Comparison:
    """Compare leagues of one game.

    Args:
        stores: two or more, as `league.open` takes them; `STORE#NAME` for a league of another name than `league`.
        league: name of the leagues where the store does not say.
        games: of each match between two champions; 0: none is played.
        seed: equal seeds, equal games; drawn if not given.
        watch: called with a line before each match.

    Raises:
        PolicyError: fewer than two leagues, or one twice.
        WrongLeagueError: a league that is not there, or of another game than the first.
        GameError: all games of a match were dropped.
    """
    with Leagues(stores, league) as leagues:
        sides = leagues.sides()
        crosses = tuple(leagues.crosses(sides, games, seed=seed, watch=watch)) if games else ()
    return Comparison(game=leagues.game, sides=sides, crosses=crosses)


class Leagues:
    """Leagues of one game, opened; a context manager that closes them."""

    def __init__(self, stores: Sequence[str], league: str = "league") -> None:
        """Open them, as `compare` does, and raises."""
        if len(stores) < 2:
            raise PolicyError("compare needs two stores or more")
        named = [_named(one, league) for one in stores]
        twice = next((one for one in named if named.count(one) > 1), None)
        if twice is not None:
            raise PolicyError(f"{_label(*twice)} is named twice: compare different leagues")
        with ExitStack() as stack:
            self._opened = [(_label(*one), stack.enter_context(OpenLeague.open(*one))) for one in named]
            first, self._first = self._opened[0]
            self.game = self._first.game
            for label, one in self._opened:
                if one.game != self.game:
                    both = f"{first} plays {self.game} and {label} plays {one.game}"
                    raise WrongLeagueError(f"{both}: only leagues of one game can be compared")
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect from all of them."""
        self._stack.close()

    def sides(self) -> tuple[Side, ...]:
        """How each of them is now."""
        return tuple(_side(label, one) for label, one in self._opened)

    def crosses(
        self, sides: Sequence[Side], games: int, *, seed: int | None, watch: Callable[[str], None]
    ) -> Iterator[Cross]:
        """The champions of `sides` meet, as `compare` says; each match as soon as it is played."""
        seeds = random.Random(random.SystemRandom().random() if seed is None else seed)  # noqa: S311
        leagues = (league for _, league in self._opened)
        for (row, first), (column, second) in itertools.combinations(zip(sides, leagues, strict=True), 2):
            if row.champion is not None and column.champion is not None:
                watch(f"{row.name} against {column.name}")
                rivals = row.champion.policy, column.champion.policy
                total = self._match((first, second), rivals, games, seeds.randrange(2**31))
                names = {"row_policy": rivals[0], "column_policy": rivals[1]}
                yield Cross(row=row.name, column=column.name, total=total, **names)

    def _match(self, leagues: Sequence[OpenLeague], policies: Sequence[str], games: int, seed: int) -> Tally:
        """A policy of each of two stores at one table, by the openings of the first league of all."""
        from league.games import make_game
        from league.matches.players import PlayerLoader
        from league.rollout.arena import play_match, rounded

        spec, arena = make_game(self.game, 1).spec, self._first.config.arena
        row, column = (
            PlayerLoader(league.store, spec).player(policy) for league, policy in zip(leagues, policies, strict=True)
        )
        boards = make_game(self.game, rounded(games, spec.seats), seed=seed)
        played = play_match(
            boards, row, column, opening_plies=arena.opening_plies, max_plies=arena.max_plies, seed=seed
        )
        total = Tally.sum(played.results.values())
        if not total.games:
            raise GameError(f"all {played.dropped} games of {self.game} were dropped: there is no result")
        return total


def _named(store: str, league: str) -> tuple[str, str]:
    """`STORE#NAME` in two; a `#` in a password, or in the name of a folder, is none that separates."""
    address, hash_, name = store.rpartition("#")
    return (address, name) if hash_ and is_league_name(name) else (store, league)


def _label(store: str, league: str) -> str:
    from league.pool.address import redacted

    return redacted(store) if league == "league" else f"{redacted(store)}#{league}"


def _side(label: str, league: OpenLeague) -> Side:
    snapshots = league.snapshots()
    rated = {row.policy: row for row in league.standings() if row.games}
    began = min((one.created_s for one in snapshots), default=0.0)
    return Side(
        name=label,
        champion=league.champion(),
        curve=tuple(
            Point(
                policy=one.name,
                learner=one.learner,
                steps=one.steps,
                seconds=one.created_s - began,
                elo=rated[one.name].elo,
                interval=rated[one.name].interval,
            )
            for one in snapshots
            if one.name in rated
        ),
    )
