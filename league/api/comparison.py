"""Leagues of one game side by side: how strong each became over steps and time, and a match of their champions."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

from league.api.opened import OpenLeague
from league.errors import GameError, PolicyError, WrongLeagueError
from league.ladder.comparison import Interval, score_interval
from league.ladder.records import Match
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
    champion: str | None
    curve: tuple[Point, ...]
    """Its rated snapshots, oldest first."""

    @property
    def best(self) -> Point | None:
        """Its snapshot of the highest Elo, the champion or not; None where none is rated."""
        return max(self.curve, key=lambda point: point.elo, default=None)


@dataclass(frozen=True, kw_only=True)
class Cross:
    """A match between the champions of two leagues."""

    row: str
    column: str
    match: Match

    @property
    def score(self) -> Interval:
        """Points per game of the row's champion, with its 95% interval."""
        return score_interval(self.match.total)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What came of comparing leagues: the curve of each, and what their champions did against each other."""

    game: str
    sides: tuple[Side, ...]
    crosses: tuple[Cross, ...]

    def to_json(self) -> dict[str, Any]:
        """The comparison as plain data for JSON: `game`, `leagues`, `matches`; scores are points per game, 0 to 1."""
        crosses = [
            {
                "row": one.row,
                "column": one.column,
                "policies": [one.match.row, one.match.column],
                **plain.tally(one.match.total),
                **plain.interval("score", one.score),
            }
            for one in self.crosses
        ]
        return {"game": self.game, "leagues": [asdict(side) for side in self.sides], "matches": crosses}


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
    if len(stores) < 2:
        raise PolicyError("compare needs two stores or more")
    named = [_named(one, league) for one in stores]
    twice = next((one for one in named if named.count(one) > 1), None)
    if twice is not None:
        raise PolicyError(f"{_label(*twice)} is named twice: compare different leagues")
    with ExitStack() as stack:
        opened = [stack.enter_context(OpenLeague.open(*one)) for one in named]
        labels = [_label(*one) for one in named]
        for label, one in zip(labels, opened, strict=True):
            if one.game != opened[0].game:
                both = f"{labels[0]} plays {opened[0].game} and {label} plays {one.game}"
                raise WrongLeagueError(f"{both}: only leagues of one game can be compared")
        sides = tuple(_side(label, one) for label, one in zip(labels, opened, strict=True))
        seeds = random.Random(random.SystemRandom().random() if seed is None else seed)  # noqa: S311
        crosses = []
        pairs = itertools.combinations(zip(sides, opened, strict=True), 2) if games else ()
        for (row, first), (column, second) in pairs:
            if row.champion is not None and column.champion is not None:
                watch(f"{row.name} against {column.name}")
                match = _cross(first, second, games, seeds.randrange(2**31))
                crosses.append(Cross(row=row.name, column=column.name, match=match))
    return Comparison(game=opened[0].game, sides=sides, crosses=tuple(crosses))


def _named(store: str, league: str) -> tuple[str, str]:
    address, hash_, name = store.partition("#")
    return address, name if hash_ else league


def _label(store: str, league: str) -> str:
    from league.pool.address import redacted

    return redacted(store) if league == "league" else f"{redacted(store)}#{league}"


def _side(label: str, league: OpenLeague) -> Side:
    snapshots = league.snapshots()
    rated = {row.policy: row for row in league.standings() if row.games}
    began = min((one.created_s for one in snapshots), default=0.0)
    champion = league.champion()
    return Side(
        name=label,
        champion=None if champion is None else champion.policy,
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


def _cross(row: OpenLeague, column: OpenLeague, games: int, seed: int) -> Match:
    """The champions of two stores at one table, by the openings of the first league."""
    from league.games import make_game
    from league.matches.players import PlayerLoader
    from league.rollout.arena import play_match, rounded

    game = make_game(row.game, 1)
    players = []
    for league in (row, column):
        named = league.store.resolve("champion", ())
        players.append((named.name, PlayerLoader(league.store, game.spec).player(named.name)))
    boards = make_game(row.game, rounded(games, game.spec.seats), seed=seed)
    arena = row.config.arena
    played = play_match(
        boards, players[0][1], players[1][1], opening_plies=arena.opening_plies, max_plies=arena.max_plies, seed=seed
    )
    # Champions of two leagues often have the same name.
    match = played.to_match(f"{players[0][0]} (row)", f"{players[1][0]} (column)", row.store.now_s())
    if not match.total.games:
        raise GameError(f"all {match.dropped} games of {row.game} were dropped: there is no result")
    return match
