"""`league leaderboard`: who is how strong."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from league.errors import LeagueError
from league.interfaces.cli import options
from league.interfaces.cli.console import Column, Columns, show, tabulate
from league.interfaces.cli.files import replacing
from league.ladder.leaderboard import Row
from league.ladder.people import PersonRow, person_rows
from league.view.words import percent

COLUMNS: Final[Columns[Row]] = (
    Column(">rank", lambda row: row.rank),
    Column("policy", lambda row: f"★ {row.policy}" if row.champion else row.policy),
    Column(">Elo", lambda row: strength(row)),
    Column(">± 95%", lambda row: f"{row.interval:.0f}" if row.games else ""),
    Column(">games", lambda row: f"{row.games:,}"),
)
"""Behind them stand the scores against each bot, and the steps."""
STEPS: Final[Column[Row]] = Column(">steps", lambda row: row.kind if row.steps is None else f"{row.steps:,}")
NOTE: Final = (
    "scores as they were seen, by bot; * is not what the Elo promises, beyond chance; ~ has met the anchors too seldom"
)
BOUNDED: Final = "; > has won every game, < has lost every game: by how much is not known"
"""Added where there is such a policy."""
BOUNDS: Final = {None: "", "least": ">", "most": "<"}

PEOPLE: Final[Columns[PersonRow]] = (
    Column(">rank", lambda row: row.rank),
    Column("person", lambda row: row.person, fold=True),
    Column(">Elo", lambda row: f"{row.elo:+z.0f}" if row.games else "unrated"),
    Column(">± 95%", lambda row: f"{row.interval:.0f}" if row.games else ""),
    Column(">games", lambda row: f"{row.games:,}"),
    Column(">W/D/L", lambda row: "/".join(map(str, row.score))),
)


def leaderboard(
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    top: Annotated[int | None, options.number(least=1, help="Only the first so many.")] = None,
    people: Annotated[
        bool, typer.Option("--people", help="People who played under a name, by their games against policies.")
    ] = False,
    json: options.JsonOption = False,
    svg: Annotated[Path | None, typer.Option(help="Save the table as a picture, too.")] = None,
) -> None:
    """Show the ranked policies: Elo above `uniform` with its 95% interval; the champion has a star.

    Beside it stands the score against each bot as it was seen: one number per policy cannot say who beats whom.
    """
    from league.api.opened import OpenLeague

    if people:
        if svg is not None:
            raise LeagueError("--svg: a picture is made of policies only: leave out --people")
        with options.open_league(store, league) as (stored, config):
            persons = person_rows(stored.people(), stored.ratings(), config.ratings)[:top]
        show(persons, PEOPLE, json=json, empty="nobody has finished a game under a name: league play --name ANNA")
        return
    with OpenLeague.open(store, league) as opened:
        everyone = opened.standings()
    rows, columns = everyone[:top], columns_of([row.policy for row in reversed(everyone) if row.kind == "bot"])
    if svg is not None:
        _save_picture(tabulate(rows, columns, style=row_style), svg, f"league leaderboard · {opened.game}")
    note = NOTE + (BOUNDED if any(row.bound for row in rows) else "")
    show(rows, columns, json=json, empty="no policies yet", note=note, style=row_style)


def columns_of(bots: Sequence[str]) -> Columns[Row]:
    """The columns of a leaderboard with these bots on it."""
    return (*COLUMNS, *(Column(f">{bot}", partial(_score, bot=bot), spare=True) for bot in bots), STEPS)


def strength(row: Row) -> str:
    """Its Elo; `~` before one that is not settled, `>` or `<` before one of which only that is known."""
    return f"{'' if row.settled else '~'}{BOUNDS[row.bound]}{row.elo:+z.0f}" if row.games else "unrated"


def _score(row: Row, bot: str) -> str:
    seen = row.against.get(bot)
    return "" if seen is None else f"{'*' if seen.differs else ''}{percent(seen.games.score)}"


def row_style(row: Row) -> str | None:
    """How a row of a leaderboard looks: the champion stands out, the fixed bots stand back."""
    return "bold green" if row.champion else ("dim" if row.kind == "bot" else None)


def _save_picture(table: Table, path: Path, title: str) -> None:
    picture = Console(file=StringIO(), record=True, force_terminal=True, color_system="truecolor", no_color=False)
    picture.width = 1000
    picture.width = picture.measure(table).maximum
    picture.print(table)
    with replacing(path) as part:
        picture.save_svg(str(part), title=title)
