"""`league evaluate`: one policy against another, as often as you like."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.markup import escape
from rich.styled import Styled
from rich.table import Table

from league.errors import GameError, PolicyError
from league.interfaces.cli import options
from league.interfaces.cli.console import progress, show_page, table
from league.ladder.comparison import Interval, elo_interval, score_interval
from league.ladder.records import Match
from league.view.words import percent

if TYPE_CHECKING:
    from league.matches.arena import Arena

CHUNK_GAMES = 100
"""Games between two steps of the progress bar."""


def evaluate(
    policy: options.PolicyArgument,
    against: Annotated[str, typer.Option(help="Whom it plays, named in the same ways.")],
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    games: Annotated[
        int, typer.Option(min=1, help="To be played, as many in each seat; repeated ones do not count.")
    ] = 200,
    search: options.SearchOption = None,
    seed: options.SeedOption = None,
    record: Annotated[
        bool, typer.Option("--record", help="Add the result to the match log, and so to the ratings.")
    ] = False,
    json: options.JsonOption = False,
) -> None:
    """Play a match in both seats from paired random openings: the score with its 95% confidence interval."""
    from league.matches.arena import Arena
    from league.matches.players import resolve
    from league.policies.search import with_search
    from league.rollout.arena import rounded

    seed = options.drawn(seed)
    with options.open_league(store, league) as (opened, config):
        arena = Arena(opened, config)
        row = resolve(opened, with_search(policy, search), arena.spec).name
        column = resolve(opened, against, arena.spec).name
        if row == column:
            raise PolicyError(f"{policy!r} and {against!r} are both {row}: give two different policies")
        boards = rounded(games, arena.spec.seats)
        match = _play(arena, row, column, boards, seed)
        repeated = boards - match.total.games - match.dropped
        if not match.total.games:
            raise GameError(f"all {match.dropped} games of {config.game} were dropped: {arena.why}")
        if record:
            opened.record(match)
    page = _page(match, repeated, seed, record)
    show_page(page, lambda: {**_plain(match), "repeated": repeated, "seed": seed, "recorded": record}, json=json)


def _play(arena: Arena, row: str, column: str, left: int, seed: int) -> Match:
    """A match on `left` boards, in chunks, so that progress shows and an interruption is soon noticed."""
    from league.rollout.arena import rounded

    seeds, chunk = random.Random(seed), rounded(CHUNK_GAMES, arena.spec.seats)  # noqa: S311
    match: Match | None = None
    with progress() as shown:
        task = shown.add_task(escape(f"{row} against {column}"), total=left)
        while left:
            boards = min(left, chunk)
            part = arena.play(row, column, games=boards, seed=seeds.randrange(2**31))
            match = replace(part, replays=()) if match is None else match.plus(part)
            left -= boards
            shown.advance(task, boards)
    assert match is not None  # There is at least one game.
    return match


def _page(match: Match, repeated: int, seed: int, recorded: bool) -> Iterator[RenderableType]:
    score = score_interval(match.total)
    yield results_table(match)
    yield f"\n{match.row} scores {percent(score.value)} against {match.column}, {interval(score)}"
    value, low, high = (f"{points:+.0f}".replace("inf", "∞") for points in elo_interval(score))
    yield f"Elo difference {value}, 95% interval {low} to {high}"
    yield from dropped(match)
    if repeated:
        yield Styled(f"{repeated} games went move by move like earlier ones, and do not count", "dim")
    yield Styled(f"seed {seed}; {'recorded in the match log' if recorded else 'not recorded'}", "dim")


def _plain(match: Match) -> dict[str, Any]:
    elo = elo_interval(score_interval(match.total))
    return {"policy": match.row, "against": match.column, **numbers(match), "elo": elo._asdict()}


def numbers(match: Match) -> dict[str, Any]:
    """A match for programs, from the row's side: its games, and its score in [0, 1] with the 95% interval."""
    return {
        "games": match.total.games,
        "dropped": match.dropped,
        "results": match.total._asdict(),
        "by_seating": {seating: list(tally) for seating, tally in match.results.items()},
        "score": score_interval(match.total)._asdict(),
    }


def results_table(match: Match) -> Table:
    """What the row scored in each seating, and in all of them."""
    made = table(f"{match.row} in", ">games", ">wins", ">draws", ">losses", ">score")
    rows = [(_seats(seating), tally, "") for seating, tally in match.results.items()]
    for name, tally, style in [*rows, ("all", match.total, "bold")]:
        made.add_row(name, str(tally.games), *map(str, tally), percent(tally.score), style=style)
    return made


def interval(score: Interval) -> str:
    """The 95% interval of a score, for people."""
    return f"95% interval {percent(score.low)} to {percent(score.high)}"


def dropped(match: Match) -> Iterator[RenderableType]:
    """A line if games were dropped."""
    if match.dropped:
        yield Styled(f"{match.dropped} games were dropped: they broke or took too long", "yellow")


def _seats(seating: str) -> str:
    """`01` as `seat 0`: where the row sits."""
    seats = [str(seat) for seat, who in enumerate(seating) if who == "0"]
    return f"seat{'s' if len(seats) > 1 else ''} {', '.join(seats)}"
