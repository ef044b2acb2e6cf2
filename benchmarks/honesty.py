"""Does what the board shows come true? `python -m benchmarks.honesty STORE [--check]`: fresh games of a real league.

Claims, over the champion, the five newest snapshots and five old ones, each against every bot and against five
snapshots far away on the ladder: no pair of the champion with a bot is more than 5 points (of 100 per game) off what
was predicted, the mean over all pairs is at most 3 points, and the 95% intervals hold what was seen in at least 90%.

How: predicted is what the league expects of a pair by all rated games (`league.ladder.forecast`), which for a pair that
has met often is the score that the board shows beside the Elo; beside it stands what the Elo alone promises. Then each
pair plays fresh games from paired random openings, which are not recorded: 400, and 1,600 for the champion against a
bot, so that it is the prediction that misses by 5 points and not the luck of the games. An interval holds if what was
seen lies within it, both uncertainties together. Far away: spread evenly over the ladder, the nearest fifth left out.

How many of all matches, races included, were with an anchor is told beside it: what anchors cost other matches. The
store is only read. Three minutes of a demo take about five minutes here:

    make demo
    python -m benchmarks.honesty runs/demo --check
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.command import parser, run
from benchmarks.machine import machine
from league.errors import CorruptSnapshotError, PolicyError
from league.interfaces.cli.console import facts, progress, stdout, table
from league.ladder.comparison import Interval, score_interval
from league.ladder.forecast import forecasts
from league.ladder.leaderboard import Row
from league.matches.arena import Arena
from league.pool.mirror import Mirror
from league.pool.store import Store
from league.view.overview import Overview
from league.view.words import percent

CHAMPION_OFF, MEAN_OFF, HOLD = 0.05, 0.03, 0.90
"""What is claimed."""
NEWEST, OLD, FAR = 5, 5, 5
GAMES, CHAMPION_GAMES = 400, 1600
CHUNK = 400
"""Games at once."""


def spread(names: Sequence[str], count: int) -> list[str]:
    """So many of them, evenly spaced from the first to the last."""
    if len(names) <= count:
        return list(names)
    return [names[round(place)] for place in np.linspace(0, len(names) - 1, count)]


def far_from(row: Row, others: Sequence[Row], count: int) -> list[str]:
    """Snapshots spread over the ladder, strongest first, without the nearest fifth of it."""
    apart = sorted(
        (other for other in others if other.policy != row.policy), key=lambda other: abs(other.elo - row.elo)
    )
    kept = {other.policy for other in apart[len(apart) // 5 :]}
    return spread([other.policy for other in others if other.policy in kept], count)


def pairs_of(overview: Overview) -> list[tuple[str, str]]:
    """Who plays whom, nobody twice; raises `PolicyError` where there is no champion."""
    if overview.champion is None:
        raise PolicyError(f"league {overview.league!r} has no champion yet: let it train longer")
    rows = {row.policy: row for row in overview.rows if row.games}
    snapshots = [name for name in overview.snapshots if name in rows and name not in overview.pruned]
    ladder = [row for row in overview.rows if row.policy in snapshots]
    bots = [row.policy for row in overview.rows if row.kind == "bot" and row.games]
    looked_at = [overview.champion.policy, *snapshots[-NEWEST:], *spread(snapshots[:-NEWEST], OLD)]
    found: dict[tuple[str, str], None] = {}
    for name in dict.fromkeys(name for name in looked_at if name in rows):
        for other in [*bots, *far_from(rows[name], ladder, FAR)]:
            if (other, name) not in found:
                found[name, other] = None
    return list(found)


def play(arena: Arena, pair: tuple[str, str], games: int, rng: np.random.Generator) -> Interval:
    """The score of the first in fresh games, with its 95% interval."""
    match = None
    for done in range(0, games, CHUNK):
        part = arena.play(*pair, games=min(CHUNK, games - done), seed=int(rng.integers(2**31)))
        match = part if match is None else match.plus(part)
    assert match is not None
    return score_interval(match.total)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Predict, play, compare: the report as plain data. Raises `LeagueError`."""
    rng = np.random.default_rng(options.seed)
    with Store.open(options.store, options.league, create=False) as opened:
        overview, arena = Overview.read(Mirror(opened)), Arena(opened, opened.require_config())
        payoff = opened.payoff()
        pairs = pairs_of(overview)
        bots = set(overview.bots)
        elo = {row.policy: row.elo for row in overview.rows}
        settled = {row.policy: row.settled for row in overview.rows}
        champion = overview.champion.policy if overview.champion else ""
        predicted = forecasts(payoff, pairs)
        rows = []
        with progress() as shown:
            for a, b in shown.track(pairs, description="fresh games"):
                leads = a == champion and b in bots
                try:
                    seen = play(arena, (a, b), max(options.games, CHAMPION_GAMES) if leads else options.games, rng)
                except CorruptSnapshotError:
                    continue
                rows.append(
                    {
                        "policy": a,
                        "against": b,
                        "champion_and_bot": leads,
                        "settled": settled[a] and settled[b],
                        "rated_games": payoff.tally(a, b).games,
                        "predicted": predicted[a, b]._asdict(),
                        "by_elo": 1 / (1 + 10 ** ((elo[b] - elo[a]) / 400)),
                        "seen": seen._asdict(),
                        "held": holds(predicted[a, b], seen),
                    }
                )
        tied = sum(not overview.anchors.isdisjoint((match.row, match.column)) for match in opened.matches())
    about = {"champion": champion, "matches": overview.matches, "matches_with_anchors": tied}
    return {"machine": machine(), **about, "pairs": rows, **verdict(rows)}


def holds(predicted: Interval, seen: Interval) -> bool:
    """Whether what was seen lies within the interval of the prediction, both uncertainties together."""
    off = seen.value - predicted.value
    ends = (predicted.high - predicted.value, seen.value - seen.low)
    if off < 0:
        ends = (predicted.value - predicted.low, seen.high - seen.value)
    return abs(off) <= math.hypot(*ends)


def verdict(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What came of the claims, by the forecast, and the same errors by the Elo alone."""

    def off(row: dict[str, Any]) -> float:
        return abs(float(row["seen"]["value"] - row["predicted"]["value"]))

    def elo_off(row: dict[str, Any]) -> float:
        return abs(float(row["seen"]["value"] - row["by_elo"]))

    leading = [row for row in rows if row["champion_and_bot"]]
    found = {
        "champion_off": max(map(off, leading), default=0.0),
        "champion_off_by_elo": max(map(elo_off, leading), default=0.0),
        "mean_off": float(np.mean([off(row) for row in rows])),
        "mean_off_by_elo": float(np.mean([elo_off(row) for row in rows])),
        "intervals_held": float(np.mean([row["held"] for row in rows])),
    }
    claims = {
        f"the champion at most {100 * CHAMPION_OFF:.0f} points off with each bot": found["champion_off"]
        <= CHAMPION_OFF,
        f"at most {100 * MEAN_OFF:.0f} points off in the mean": found["mean_off"] <= MEAN_OFF,
        f"intervals hold in at least {percent(HOLD)}": found["intervals_held"] >= HOLD,
    }
    return {**found, "claims": claims, "held": all(claims.values())}


def show(report: dict[str, Any]) -> None:
    """Print the report as tables."""
    output = stdout()
    share = percent(report["matches_with_anchors"] / max(1, report["matches"]))
    matches = f"{report['matches']:,}, of which {share} with an anchor"
    output.print(facts({**report["machine"], "champion": report["champion"], "matches": matches}))
    made = table("policy", "against", ">rated games", ">by Elo", ">predicted", ">95%", ">seen", ">off", "interval")
    for row in report["pairs"]:
        predicted, seen = Interval(**row["predicted"]), Interval(**row["seen"])
        made.add_row(
            row["policy"],
            row["against"],
            f"{row['rated_games']:,}",
            percent(row["by_elo"]),
            percent(predicted.value),
            f"{percent(predicted.low)} to {percent(predicted.high)}",
            percent(seen.value),
            f"{100 * (seen.value - predicted.value):+.1f}",
            "held" if row["held"] else "missed",
        )
    output.print("")
    output.print(made)
    output.print("")
    for name, of in (("champion_off", "the champion with a bot, at most"), ("mean_off", "all pairs, in the mean")):
        by_elo = report[f"{name}_by_elo"]
        output.print(f"{of}: {100 * report[name]:.1f} points off; by the Elo alone {100 * by_elo:.1f}")
    output.print(f"intervals held in {percent(report['intervals_held'])} of {len(report['pairs'])} pairs")
    for claim, held in report["claims"].items():
        output.print(f"{claim}: {'held' if held else 'missed'}")


def main() -> int:
    """Predict, play, print, and with `--check` say by the exit status whether the claims are held."""
    options = parser("honesty", __doc__)
    options.add_argument("store", help="folder or URL of the league")
    options.add_argument("--league", default="league", help="name of the league in the store")
    options.add_argument("--games", type=int, default=GAMES, help="fresh games of a pair")
    options.add_argument("--seed", type=int, default=0, help="of the openings")
    return run(options, measure, show)


if __name__ == "__main__":
    sys.exit(main())
