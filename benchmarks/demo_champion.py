"""How good is the demo's champion? `python -m benchmarks.demo_champion STORE [--check]`.

Claim: after `make demo`, three minutes of Connect Four on two cores, the champion scores at least 95% against `uniform`
and more than 65% against the first snapshots: `main-0000`, the initial weights, and `main-0001`, the first learned one.

How: 200 games each, 100 in either seat, from paired random openings, as the league's own matches are played. A draw
counts half; the interval is `league.ladder.comparison`'s. `--check` exits 1 if a score falls short.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any, NamedTuple

from benchmarks.command import parser, run
from benchmarks.machine import machine
from league.errors import UnknownPolicyError
from league.games import bot_names
from league.interfaces.cli.console import facts, stdout, table
from league.ladder.comparison import score_interval
from league.matches.arena import Arena
from league.pool.store import Store
from league.view.words import percent


class Floor(NamedTuple):
    """What is promised against one opponent."""

    score: float
    inclusive: bool

    def held(self, score: float) -> bool:
        """Whether a score keeps the promise."""
        return score >= self.score if self.inclusive else score > self.score

    def __str__(self) -> str:
        return f"{'at least' if self.inclusive else 'more than'} {percent(self.score)}"


UNIFORM, SNAPSHOT = Floor(0.95, True), Floor(0.65, False)
SNAPSHOTS = 2
"""So many of the oldest snapshots are met."""


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Play all matches: the report as plain data. Raises `LeagueError`."""
    with Store.open(options.store, options.league, create=False) as opened:
        config = opened.require_config()
        arena = Arena(opened, config)
        name = opened.resolve(options.policy, bot_names(arena.spec, options.policy)).name
        first = [snapshot.name for snapshot in opened.snapshots() if snapshot.name != name][:SNAPSHOTS]
        if not first:
            raise UnknownPolicyError(f"{name} is the only snapshot at {options.store}: let the league train for longer")
        floors = {"uniform": UNIFORM, **dict.fromkeys(first, SNAPSHOT)}
        rows = {
            opponent: _row(arena, name, opponent, options.games, options.seed, floor)
            for opponent, floor in floors.items()
        }
        steps = {s.name: s.steps for s in opened.snapshots()}.get(name)
    return {
        "machine": machine(),
        "game": config.game,
        "policy": name,
        "steps": steps,
        "seed": options.seed,
        "rows": rows,
        "held": all(row["held"] for row in rows.values()),
    }


def _row(arena: Arena, name: str, opponent: str, games: int, seed: int, floor: Floor) -> dict[str, Any]:
    match = arena.play(name, opponent, games=games, seed=seed)
    score = score_interval(match.total)
    return {
        "games": match.total.games,
        "dropped": match.dropped,
        **dict(zip(("wins", "draws", "losses"), match.total, strict=True)),
        "score": score._asdict(),
        "by_seating": {seating: list(tally) for seating, tally in match.results.items()},
        "floor": str(floor),
        "held": floor.held(score.value),
    }


def show(report: dict[str, Any]) -> None:
    """Print the report as a table."""
    output = stdout()
    steps = f"{report['steps']:,}" if report["steps"] is not None else None
    output.print(facts({**report["machine"], "game": report["game"], "steps of training": steps}))
    made = table(f"{report['policy']} against", *(f">{c}" for c in ("games", "wins", "draws", "losses", "score")))
    for column in ("95% interval", "promised", ""):
        made.add_column(column)
    for opponent, row in report["rows"].items():
        score = row["score"]
        figures = [str(row[column]) for column in ("games", "wins", "draws", "losses")]
        interval = f"{percent(score['low'])} to {percent(score['high'])}"
        verdict = "held" if row["held"] else "missed"
        made.add_row(opponent, *figures, percent(score["value"]), interval, row["floor"], verdict)
    output.print("")
    output.print(made)


def main() -> int:
    """Play, print, and with `--check` say by the exit status whether the promises are held."""
    options = parser("demo_champion", __doc__)
    options.add_argument("store", help="folder or URL of the league")
    options.add_argument("--policy", default="champion", help="a snapshot or `champion`")
    options.add_argument("--league", default="league", help="name of the league in the store")
    options.add_argument("--games", type=int, default=200, help="games against each opponent")
    options.add_argument("--seed", type=int, default=0, help="of the openings")
    return run(options, measure, show)


if __name__ == "__main__":
    sys.exit(main())
