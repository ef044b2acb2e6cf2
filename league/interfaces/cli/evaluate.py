"""`league evaluate`: one policy against another, as often as you like."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from league.errors import GameError, PolicyError
from league.interfaces.cli.options import LEAGUE, STORE, JsonOption, LeagueOption, StoreOption, open_league

if TYPE_CHECKING:
    from rich.table import Table

    from league.ladder.comparison import Interval
    from league.ladder.records import Match
    from league.matches.arena import Arena

CHUNK_GAMES = 100
"""Games between two steps of the progress bar."""


def evaluate(
    policy: Annotated[str, typer.Argument(help="A snapshot, `champion`, a bot, or the start of a hash.")],
    against: Annotated[str, typer.Option(help="Whom it plays, named in the same ways.")],
    store: StoreOption = STORE,
    league: LeagueOption = LEAGUE,
    games: Annotated[
        int, typer.Option(min=1, help="To be played, as many in each seat; repeated ones do not count.")
    ] = 200,
    seed: Annotated[int | None, typer.Option(min=0, help="Equal seeds, equal games; drawn if not given.")] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Add the result to the match log, and so to the ratings.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Play a match in both seats from paired random openings: the score with its 95% confidence interval."""
    from league.games import bot_names
    from league.interfaces.cli import console
    from league.matches.arena import Arena
    from league.rollout.arena import rounded

    seed = random.SystemRandom().randrange(2**31) if seed is None else seed
    with open_league(store, league) as (opened, config):
        arena = Arena(opened, config)
        bots = bot_names(arena.spec)
        row, column = opened.resolve(policy, bots).name, opened.resolve(against, bots).name
        if row == column:
            raise PolicyError(f"{policy!r} and {against!r} are both {row}: give two different policies")
        boards = rounded(games, arena.spec.seats)
        match = _play(arena, row, column, boards, seed)
        repeated = boards - match.total.games - match.dropped
        if not match.total.games:
            raise GameError(f"all {match.dropped} games of {config.game} were dropped: there is no result")
        if record:
            opened.record(match)
    if json:
        console.print_json({**_numbers(match), "repeated": repeated, "seed": seed, "recorded": record})
    else:
        _print(match, repeated, seed, record)


def _play(arena: Arena, row: str, column: str, left: int, seed: int) -> Match:
    """A match on `left` boards, in chunks, so that progress shows and an interruption is soon noticed."""
    from rich.markup import escape
    from rich.progress import Progress

    from league.interfaces.cli.console import stderr
    from league.rollout.arena import rounded

    console, seeds = stderr(), random.Random(seed)  # noqa: S311
    chunk = rounded(CHUNK_GAMES, arena.spec.seats)
    match: Match | None = None
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(escape(f"{row} against {column}"), total=left)
        while left:
            boards = min(left, chunk)
            part = arena.play(row, column, games=boards, seed=seeds.randrange(2**31))
            match = replace(part, replays=()) if match is None else match.plus(part)
            left -= boards
            progress.advance(task, boards)
    assert match is not None  # There is at least one game.
    return match


def _numbers(match: Match) -> dict[str, Any]:
    from league.ladder.comparison import elo_interval, score_interval

    score = score_interval(match.total)
    return {
        "policy": match.row,
        "against": match.column,
        "games": match.total.games,
        "dropped": match.dropped,
        "results": dict(zip(("wins", "draws", "losses"), match.total, strict=True)),
        "by_seating": {seating: list(tally) for seating, tally in match.results.items()},
        "score": score._asdict(),
        "elo": elo_interval(score)._asdict(),
    }


def _print(match: Match, repeated: int, seed: int, recorded: bool) -> None:
    from league.interfaces.cli.console import stdout
    from league.ladder.comparison import elo_interval, score_interval
    from league.view.words import percent

    output = stdout()
    output.print(results_table(match))
    score = score_interval(match.total)
    output.print(
        f"\n{match.row} scores {percent(score.value)} against {match.column}, "
        f"95% interval {percent(score.low)} to {percent(score.high)}"
    )
    output.print(_elo_line(elo_interval(score)))
    if match.dropped:
        output.print(f"{match.dropped} games were dropped: they broke or took too long", style="yellow")
    if repeated:
        output.print(f"{repeated} games went move by move like earlier ones, and do not count", style="dim")
    output.print(f"seed {seed}; {'recorded in the match log' if recorded else 'not recorded'}", style="dim")


def results_table(match: Match) -> Table:
    """What the row scored in each seating, and in all of them."""
    from league.interfaces.cli.console import table
    from league.view.words import percent

    made = table(f"{match.row} in", ">games", ">wins", ">draws", ">losses", ">score")
    for seating, tally in match.results.items():
        made.add_row(_seats(seating), str(tally.games), *map(str, tally), percent(tally.score))
    total = match.total
    made.add_row("all", str(total.games), *map(str, total), percent(total.score), style="bold")
    return made


def _seats(seating: str) -> str:
    """`01` as `seat 0`: where the row sits."""
    seats = [str(seat) for seat, who in enumerate(seating) if who == "0"]
    return f"seat{'s' if len(seats) > 1 else ''} {', '.join(seats)}"


def _elo_line(elo: Interval) -> str:
    value, low, high = (f"{points:+.0f}".replace("inf", "∞") for points in elo)
    return f"Elo difference {value}, 95% interval {low} to {high}"
