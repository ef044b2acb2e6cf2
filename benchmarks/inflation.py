"""What makes a ladder flatter? `python -m benchmarks.inflation [--check]`: simulated leagues whose truth is known.

Claims: with the default share of matches against anchors the champion's Elo promises its scores against the bots to
within 5 points (of 100 per game) in the mean, without anchors it does not; games of races, counted into ratings, move
them away from the truth and never nearer; and the sum of the Elo gains of promotions is further from a direct match by
the plain scores of their tests than by the median-unbiased ones.

How: a learner is frozen again and again. Against bots it grows for the first half of its snapshots and stands still
from then on; against its own ancestors it has a style besides, worth up to `--style` Elo with growing distance: so
games are not transitive, as those of a league are not. The real schedule picks matches, the real race tests candidates
(the best lower bounds, as a league does), `rate` rates. Races and ratings share the matches as in a league. Schedules
differ in `anchor_share` alone; each is run with the games of races kept out of the ratings, and with them in. True is
the score that a pair has in the long run. All figures are means over the seeds.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.command import parser, run
from benchmarks.machine import machine
from league.config import LeagueConfig, PromotionConfig, RatingConfig
from league.interfaces.cli.console import facts, stdout, table
from league.ladder.comparison import elo_difference, expected_score
from league.ladder.payoff import Payoff
from league.ladder.promotion import Race
from league.ladder.ratings import Rating, elo, lower_bound, rate
from league.ladder.records import Match, Tally
from league.ladder.schedule import Schedule
from league.ladder.sprt import Sprt
from league.ladder.trials import Wanted

BOTS = {"uniform": 0.0, "weak": 500.0, "middle": 1000.0, "strong": 1300.0}
CONFIG = RatingConfig()
SNAPSHOTS, GROWTH, STYLE = 40, 1100.0, 80.0
"""Elo against bots at the end of growth, and most that style is worth against an ancestor."""
NEAR = 4.0
"""Snapshots apart at which style is worth 63% of that."""
PER_SNAPSHOT, MATCH_GAMES = 16, 40
CANDIDATES, RATED = 3, 2
SHARES = (0.0, 0.15, 0.3, 0.5)
GAINS = ("sum_plain", "sum_unbiased", "sum_true", "direct")
DEFAULT = LeagueConfig().arena.anchor_share


class World:
    """Who really beats whom."""

    def __init__(self, style: float, snapshots: int, rng: np.random.Generator) -> None:
        self.rng, self.style = rng, style
        grown = np.minimum(np.arange(1, snapshots + 1) / (snapshots / 2), 1.0)
        self.strength = {**BOTS, **{f"main-{n:04d}": float(GROWTH * s) for n, s in enumerate(grown)}}

    def elo(self, a: str, b: str) -> float:
        """The true difference of a pair."""
        difference = self.strength[a] - self.strength[b]
        if a in BOTS or b in BOTS:
            return difference
        apart = int(a[-4:]) - int(b[-4:])
        return difference + math.copysign(self.style * (1 - math.exp(-abs(apart) / NEAR)), apart)

    def play(self, wanted: Wanted, number: int) -> Match:
        """A match of pairs of games."""
        won = self.rng.random((wanted.games // 2, 2)) < expected_score(self.elo(wanted.row, wanted.column))
        groups = np.bincount(2 * won.sum(axis=1), minlength=5)
        tally = Tally(int(won.sum()), 0, int((~won).sum()))
        match = Match(
            match_id=str(number),
            row=wanted.row,
            column=wanted.column,
            results={"01": tally},
            played_s=0.0,
            groups=tuple(groups.tolist()),
        )
        return wanted.mark(match)


class Simulated:
    """One league."""

    def __init__(self, share: float, *, races_count: bool, style: float, snapshots: int, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.world = World(style, snapshots, self.rng)
        self.share, self.races_count = share, races_count
        self.ratings: dict[str, Rating] = {}
        self.met: Counter[tuple[str, str]] = Counter()
        self.pool: list[str] = []
        self.champion: str | None = None
        self.tested: set[tuple[str, str | None]] = set()
        self.promotions: list[tuple[str, str, Sprt]] = []
        self.race: Race | None = None
        self.number = 0

    def run(self) -> None:
        """Freeze every snapshot, and play."""
        for name in (name for name in self.world.strength if name not in BOTS):
            self.pool.append(name)
            anchors = [one for one in self.pool if (int(one[-4:]) + 1).bit_count() == 1]
            schedule = Schedule(
                self.pool,
                list(BOTS),
                self.ratings,
                CONFIG,
                anchors=anchors,
                anchor_share=self.share,
                met=self.met,
                match_games=MATCH_GAMES,
            )
            for _ in range(PER_SNAPSHOT):
                self._play_one(schedule)

    def _play_one(self, schedule: Schedule) -> None:
        schedule.champion = self.champion
        self.race = self.race or self._start()
        anchor = schedule.ties(self.rng)
        wanted = None if anchor or self.race is None else next(iter(self.race.wanted()), None)
        if wanted is None:
            pair = schedule.pair(self.rng, anchor=anchor)
            assert pair is not None
            wanted = Wanted(*pair, MATCH_GAMES, gate=False)
        match = self.world.play(wanted, self.number)
        self.number += 1
        rated = replace(match, gate=False, check=False) if self.races_count else match
        self.ratings |= rate(self.ratings, rated, CONFIG)
        schedule.played(match, self.ratings)
        if self.race is not None:
            self.race.add(match)
            if self.race.over:
                self._conclude(self.race)

    def _start(self) -> Race | None:
        holder = self.ratings.get(self.champion or "")
        may = [
            name
            for name in self.pool
            if name != self.champion
            and (name, self.champion) not in self.tested
            and name in self.ratings
            and self.ratings[name].games >= RATED * MATCH_GAMES
            and (holder is None or self.ratings[name].mu > holder.mu)
        ]
        may.sort(key=lambda name: lower_bound(self.ratings[name]), reverse=True)
        if not may:
            return None
        return Race(
            candidates=may[:CANDIDATES],
            champion=self.champion,
            pool=self.pool[-1:],
            config=PromotionConfig(),
            group=2,
            batch=MATCH_GAMES,
            payoff=Payoff(),
        )

    def _conclude(self, race: Race) -> None:
        self.tested |= {(name, race.champion) for name in race.candidates}
        if race.winner is not None:
            if race.champion is not None and race.winner.test is not None:
                self.promotions.append((race.champion, race.winner.candidate, race.winner.test))
            self.champion = race.winner.candidate
        self.race = None

    def report(self) -> dict[str, float]:
        """How far what is shown is from the truth."""
        points = {name: elo(rating, self.ratings, CONFIG).points for name, rating in self.ratings.items()}
        champion = self.champion or self.pool[-1]
        off = [
            expected_score(points[champion] - points[bot]) - expected_score(self.world.elo(champion, bot))
            for bot in BOTS
            if bot in points
        ]
        top = [name for name in self.pool[len(self.pool) // 2 :] if name in points]
        inflated = [points[name] - points["strong"] - self.world.elo(name, "strong") for name in top]
        found = {
            "champion_off": float(np.mean(np.abs(off))),
            "inflation": float(np.mean(inflated)),
            "slope": float(np.polyfit(range(len(inflated)), inflated, 1)[0] * len(inflated)) if len(top) > 1 else 0.0,
            "promotions": float(len(self.promotions)),
        }
        gains = self.promotions[-10:]
        if gains:
            found["direct"] = self.world.elo(gains[-1][1], gains[0][0])
            found["sum_plain"] = sum(elo_difference(min(test.score.value, 0.99)) for _, _, test in gains)
            found["sum_unbiased"] = sum(elo_difference(min(test.unbiased.value, 0.99)) for _, _, test in gains)
            found["sum_true"] = sum(self.world.elo(new, old) for old, new, _ in gains)
        return found


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run every case with every seed: the report as plain data."""
    rows = []
    for share in sorted({*SHARES, DEFAULT}):
        for races_count in (False, True):
            found = []
            for seed in range(options.seeds):
                league = Simulated(
                    share, races_count=races_count, style=options.style, snapshots=options.snapshots, seed=seed
                )
                league.run()
                found.append(league.report())
            keys = dict.fromkeys(key for one in found for key in one)
            means = {key: float(np.mean([one[key] for one in found if key in one])) for key in keys}
            rows.append({"share": share, "races_count": races_count, **means})
    by = {(row["share"], row["races_count"]): row for row in rows}
    kept, without = by[DEFAULT, False], by[0.0, False]
    claims = {
        f"with {DEFAULT:.0%} anchors at most 5 points off in the mean": kept["champion_off"] <= 0.05,
        "without anchors more": without["champion_off"] > kept["champion_off"],
        "races that count are no nearer the truth": by[DEFAULT, True]["champion_off"] >= kept["champion_off"] - 0.005,
        "gains add up to more by plain scores": abs(kept["sum_plain"] - kept["sum_true"])
        >= abs(kept["sum_unbiased"] - kept["sum_true"]),
    }
    return {
        "machine": machine(),
        "snapshots": options.snapshots,
        "style": options.style,
        "seeds": options.seeds,
        "rows": rows,
        "claims": claims,
        "held": all(claims.values()),
    }


def show(report: dict[str, Any]) -> None:
    """Print the report as a table; Elo, and points of 100."""
    output = stdout()
    output.print(facts({**report["machine"], **{name: report[name] for name in ("snapshots", "style", "seeds")}}))
    columns = ("champion off", "inflation", "its rise", "promotions", "sum of ten, plain", "unbiased", "true", "direct")
    made = table("anchors", "races count", *(f">{column}" for column in columns))
    for row in report["rows"]:
        made.add_row(
            f"{row['share']:.0%}",
            "yes" if row["races_count"] else "no",
            f"{100 * row['champion_off']:.1f}",
            *(f"{row[name]:+.0f}" for name in ("inflation", "slope")),
            f"{row['promotions']:.1f}",
            *(f"{row[name]:+.0f}" if name in row else "" for name in GAINS),
        )
    output.print("")
    output.print(made)
    output.print("")
    for claim, held in report["claims"].items():
        output.print(f"{claim}: {'held' if held else 'missed'}")


def main() -> int:
    """Simulate, print, and with `--check` say by the exit status whether the claims are held."""
    options = parser("inflation", __doc__)
    options.add_argument("--style", type=float, default=STYLE, help="most Elo that style is worth against an ancestor")
    options.add_argument("--snapshots", type=int, default=SNAPSHOTS, help="of each league")
    options.add_argument("--seeds", type=int, default=5, help="leagues per case")
    return run(options, measure, show)


if __name__ == "__main__":
    sys.exit(main())
