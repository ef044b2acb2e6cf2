"""`league games`: what can be played."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Final

from league.errors import LeagueError
from league.installation import installing
from league.interfaces.cli import options
from league.interfaces.cli.console import Column, Columns, show

if TYPE_CHECKING:
    from league.games import KnownGame


def games(json: options.JsonOption = False) -> None:
    """List the games that `--game` knows by name; any PettingZoo AEC environment goes by its dotted module."""
    from league.games import known_games

    rows = [_row(game) for game in known_games()]
    missing = any(not row["installed"] for row in rows)
    note = f"the games that are not installed come with: {installing('classic')}" if missing else None
    show(rows, COLUMNS, json=json, note=note)


COLUMNS: Final[Columns[dict[str, Any]]] = (
    Column("game", lambda row: row["game"]),
    Column(">seats", lambda row: row["seats"] or ""),
    Column("observation", lambda row: " x ".join(map(str, row["shape"] or ())), spare=True),
    Column(">actions", lambda row: row["actions"] or "", spare=True),
    Column("speed", lambda row: {True: "batched", False: "adapter", None: ""}[row["batched"]], spare=True),
    Column("bots", lambda row: _short(row["bots"]), fold=True),
    Column("installed", lambda row: "yes" if row["installed"] else "no"),
    Column("", lambda row: row["description"], fold=True),
)


def _row(game: KnownGame) -> dict[str, Any]:
    """What is known of a game; of one that is not installed, or cannot be played here, its name only."""
    from league.games import bot_names, game_spec

    row: dict[str, Any] = {
        "game": game.name,
        **game._asdict(),
        "seats": None,
        "shape": None,
        "actions": None,
        "batched": None,
        "bots": [],
    }
    del row["name"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Environments talk about their spaces; here nobody plays them.
        try:
            spec = game_spec(game.name)
        except LeagueError:
            return row
    facts = {"seats": spec.seats, "shape": list(spec.shape), "actions": spec.actions, "batched": spec.batched}
    return {**row, **facts, "bots": list(bot_names(spec))}


def _short(bots: list[str]) -> str:
    """`negamax-1` to `negamax-8` as `negamax-1…8`."""
    searchers = [bot for bot in bots if bot.startswith("negamax-")]
    others = [bot for bot in bots if bot not in searchers]
    span = [f"{searchers[0]}…{searchers[-1].rpartition('-')[2]}"] if searchers else []
    return " ".join([*others, *span])
