"""`league evaluate`: one policy against another, as often as you like."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.markup import escape
from rich.styled import Styled
from rich.table import Table

from league.interfaces.cli import options
from league.interfaces.cli.console import progress, show_page, table
from league.interfaces.cli.starting import loading
from league.ladder.comparison import Interval, score_interval
from league.ladder.records import Match
from league.view import plain
from league.view.words import counted, percent

if TYPE_CHECKING:
    from league.matches.evaluation import Evaluated


def evaluate(
    policy: options.PolicyArgument,
    against: Annotated[str, typer.Option(help="Whom it plays, named in the same ways.")],
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    games: Annotated[
        int, options.number(least=1, help="To be played, as many in each seat; repeated ones do not count.")
    ] = 200,
    search: options.SearchOption = None,
    seed: options.SeedOption = None,
    record: Annotated[
        bool, typer.Option("--record", help="Add the result to the match log, and so to the ratings.")
    ] = False,
    json: options.JsonOption = False,
) -> None:
    """Play a match in both seats from paired random openings: the score with its 95% confidence interval."""
    with loading():
        from league.api.opened import OpenLeague
        from league.policies.search import with_search

    with OpenLeague.open(store, league) as opened, progress() as shown:
        task = shown.add_task(escape(f"{policy} against {against}"), total=games)
        result = opened.match(
            with_search(policy, search),
            against,
            games,
            seed=seed,
            record=record,
            watch=lambda done: shown.advance(task, done),
        )
    page = _page(result, record)
    show_page(page, lambda: _plain(result, record), json=json)


def _page(result: Evaluated, recorded: bool) -> Iterator[RenderableType]:
    match, score = result.match, result.score
    yield results_table(match)
    yield f"\n{match.row} scores {percent(score.value)} against {match.column}, {interval(score)}"
    value, low, high = (f"{points:+z.0f}".replace("inf", "∞") for points in result.elo)
    yield f"Elo difference {value}, 95% interval {low} to {high}"
    yield from dropped(match)
    if result.repeated:
        text = f"{counted(result.repeated, 'game')} without a move that an earlier one lacks, not counted"
        yield Styled(text, "dim")
    yield Styled(f"seed {result.seed}; {'recorded in the match log' if recorded else 'not recorded'}", "dim")


def _plain(result: Evaluated, recorded: bool) -> dict[str, Any]:
    match = result.match
    names = {"policy": match.row, "against": match.column}
    played = {"repeated": result.repeated, "seed": result.seed, "recorded": recorded}
    return {**names, **numbers(match), **plain.interval("elo_difference", result.elo), **played}


def numbers(match: Match) -> dict[str, Any]:
    """A match for programs, from the row's side: its games, and its score in [0, 1] with the 95% interval."""
    return {
        **plain.tally(match.total),
        **plain.interval("score", score_interval(match.total)),
        **plain.seatings(match.results),
        "dropped": match.dropped,
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
        yield Styled(f"without a result, as they broke or took too long: {counted(match.dropped, 'game')}", "yellow")


def _seats(seating: str) -> str:
    """`01` as `seat 0`: where the row sits."""
    seats = [str(seat) for seat, who in enumerate(seating) if who == "0"]
    return f"seat{'s' if len(seats) > 1 else ''} {', '.join(seats)}"
