"""Does the promotion test err as seldom as it says? `python -m benchmarks.sprt [--check]`.

Claim: a candidate exactly as strong as H0 says is accepted in at most 5% of tests, one exactly as strong as H1 says is
refused in at most 5%, whatever the openings, and with 1 to 64 workers that come back in any order; pairs of
colour-swapped games need fewer games than single ones; and the Elo that is shown is too high as often as too low.

How: by simulation of the very test that `league promote` runs, batch by batch, up to the cap. A game is won with the
logistic of (strength + opening - draw margin), lost with that of the opposite; the openings' advantage for the first
seat is normal with a given spread in Elo, and both games of a pair share it. Strengths are chosen so that the expected
score is exactly that of the Elo difference under test. Unpaired: every game has an opening of its own, and the test
counts losses, draws and wins. With workers the real `Race` hands out batches and is told of them when they come back; a
lost game is half again as long as a won one, and so is its batch, so that those with many wins come back first. The Elo
of a test is median-unbiased: of the tests of one strength half are shown below it, and 95% of the intervals hold it.
`--check` exits 1 if an error rate is above the promise, or a share off what it should be, by more than three standard
errors, or if pairs save nothing where openings are unequal.
"""

from __future__ import annotations

import argparse
import heapq
import math
import sys
from collections.abc import Callable
from statistics import NormalDist, median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.command import parser, run
from benchmarks.machine import machine
from league.config import PromotionConfig
from league.interfaces.cli.console import facts, stdout, table
from league.ladder.comparison import elo_interval, expected_score
from league.ladder.payoff import Payoff
from league.ladder.promotion import Race
from league.ladder.records import Match, Tally
from league.ladder.sprt import Bounds, sequential_test
from league.ladder.trials import Wanted
from league.view.words import percent

Distribution = NDArray[np.float64]

SPREADS = (0.0, 150.0, 300.0)
"""Standard deviations of the openings' advantage, in Elo."""
DRAW_MARGIN = 40.0
"""Elo by which a game must be won not to be drawn."""
WORKERS = (1, 4, 16, 64)
LONGER = 1.5
"""Length of a lost game next to a won one."""
GRID = 200
"""Openings that stand for the normal distribution: its quantiles."""


def outcomes(strength: float, openings: Distribution) -> Distribution:
    """`[K, 3]` chances of loss, draw and win for a policy of that strength in seat 0, for each of K openings."""
    win = 1 / (1 + 10 ** (-(strength + openings - DRAW_MARGIN) / 400))
    loss = 1 / (1 + 10 ** ((strength + openings + DRAW_MARGIN) / 400))
    return np.stack([loss, 1 - win - loss, win], axis=1)


def single(strength: float, openings: Distribution) -> Distribution:
    """`[3]` chances of loss, draw and win in a game from any opening, in either seat."""
    first, second = outcomes(strength, openings), outcomes(strength, -openings)
    return np.asarray((first + second).mean(axis=0) / 2)


def paired(strength: float, openings: Distribution) -> Distribution:
    """`[5]` chances of 0, 1/2, 1, 3/2 and 2 points in a pair from one opening."""
    first, second = outcomes(strength, openings), outcomes(strength, -openings)
    points = np.zeros(5)
    for i in range(3):
        for j in range(3):
            points[i + j] += float((first[:, i] * second[:, j]).mean())
    return points


def strength_for(elo: float, openings: Distribution) -> float:
    """The strength whose expected score is that of the Elo difference."""
    low, high = -2000.0, 2000.0
    for _ in range(60):
        middle = (low + high) / 2
        _, draw, win = single(middle, openings)
        low, high = (middle, high) if win + draw / 2 < expected_score(elo) else (low, middle)
    return (low + high) / 2


def simulate(chances: Distribution, bounds: Bounds, options: argparse.Namespace) -> tuple[dict[str, float], float]:
    """Run tests on groups with these chances; return the share of each decision and the median number of games."""
    rng = np.random.default_rng(options.seed)
    per_group = (len(chances) - 1) // 2
    decisions: list[str] = []
    games: list[int] = []
    for _ in range(options.tests):
        counts = np.zeros(len(chances), dtype=np.int64)
        while True:
            counts += rng.multinomial(options.batch // per_group, chances)
            found = sequential_test(counts.tolist(), bounds)
            if found.decision != "undecided" or found.games >= options.cap:
                break
        decisions.append(found.decision)
        games.append(found.games)
    return {name: decisions.count(name) / options.tests for name in ("accepted", "refused", "undecided")}, median(games)


def shown(chances: Distribution, elo: float, bounds: Bounds, options: argparse.Namespace) -> dict[str, float]:
    """Of tests of a true Elo: shares that are shown below it, and whose interval holds it, plain and unbiased."""
    rng = np.random.default_rng(options.seed)
    found: list[tuple[bool, bool, bool, bool]] = []
    for _ in range(options.races):
        counts, looks = np.zeros(len(chances), dtype=np.int64), 0
        while True:
            counts, looks = counts + rng.multinomial(options.batch // 2, chances), looks + 1
            test = sequential_test(counts.tolist(), bounds, looks=looks)
            if test.decision != "undecided" or test.games >= options.cap:
                break
        plain = elo_interval(test.score)
        found.append(
            (
                plain.value < elo,
                test.elo.value < elo,
                plain.low <= elo <= plain.high,
                test.elo.low <= elo <= test.elo.high,
            )
        )
    names = ("below_plain", "below", "interval_plain", "interval")
    return dict(zip(names, np.mean(found, axis=0).tolist(), strict=True))


def race(workers: int, elo: float, config: PromotionConfig, batch: int, rng: np.random.Generator) -> str:
    """The outcome for one candidate of the real race, whose batches are played by so many workers at once."""
    at_work: list[tuple[float, int, Wanted, Match]] = []
    race = Race(candidates=["new"], champion="old", pool=[], config=config, group=2, batch=batch, payoff=Payoff())
    now, number = 0.0, 0
    while not race.over:
        while len(at_work) < workers and (wanted := race.wanted([one for _, _, one, _ in at_work])):
            won = rng.random((wanted[0].games // 2, 2)) < expected_score(elo)
            tally, groups = Tally(int(won.sum()), 0, int((~won).sum())), np.bincount(2 * won.sum(axis=1), minlength=5)
            took = float((np.where(won, 1.0, LONGER) * rng.lognormal(0, 0.25, won.shape)).sum() * rng.lognormal(0, 0.1))
            match = Match(
                match_id=str(number),
                row="new",
                column="old",
                results={"01": tally},
                played_s=now,
                groups=tuple(groups.tolist()),
            )
            number += 1
            heapq.heappush(at_work, (now + took, number, wanted[0], wanted[0].mark(match)))
        now, _, _, match = heapq.heappop(at_work)
        race.add(match)
    return race.trials()[0].outcome


def with_workers(config: PromotionConfig, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Both error rates by the number of workers."""
    rows = []
    for workers in WORKERS:
        rng = np.random.default_rng(options.seed)
        outcomes = {
            elo: [race(workers, elo, config, options.batch, rng) for _ in range(options.races)]
            for elo in (config.elo0, config.elo1)
        }
        promoted = outcomes[config.elo0].count("passed") / options.races
        refused = outcomes[config.elo1].count("refused") / options.races
        rows.append({"workers": workers, "promoted": promoted, "refused": refused})
    return rows


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All cases: the report as plain data."""
    config = PromotionConfig(elo0=options.elo0, elo1=options.elo1, max_games=options.cap)
    bounds = Bounds(elo0=config.elo0, elo1=config.elo1, alpha=config.alpha, beta=config.beta)
    quantiles = np.array([NormalDist().inv_cdf((k + 0.5) / GRID) for k in range(GRID)])
    ways: dict[str, Callable[[float, Distribution], Distribution]] = {"paired": paired, "unpaired": single}
    rows = []
    for spread in SPREADS:
        for elo, wrong, limit in ((bounds.elo0, "accepted", bounds.alpha), (bounds.elo1, "refused", bounds.beta)):
            openings = spread * quantiles
            strength = strength_for(elo, openings)
            row: dict[str, Any] = {"spread": spread, "elo": elo, "limit": limit}
            for name, way in ways.items():
                shares, games = simulate(way(strength, openings), bounds, options)
                row[name] = {"error": shares[wrong], "undecided": shares["undecided"], "median_games": games}
            rows.append(row)
    raced = with_workers(config, options)
    middle = (bounds.elo0 + bounds.elo1) / 2
    openings = SPREADS[1] * quantiles
    estimates = [
        {"elo": elo, **shown(paired(strength_for(elo, openings), openings), elo, bounds, options)}
        for elo in (bounds.elo0, middle, bounds.elo1, 2 * bounds.elo1 - bounds.elo0)
    ]
    return {
        "machine": machine(),
        "bounds": f"{bounds.elo0:g} and {bounds.elo1:g} Elo, alpha {bounds.alpha:g}, beta {bounds.beta:g}",
        "cap": config.max_games,
        "batch": options.batch,
        "tests": options.tests,
        "seed": options.seed,
        "races": options.races,
        "rows": rows,
        "workers": raced,
        "shown": estimates,
        "held": all(_held(row, options.tests) for row in rows)
        and all(_raced(row, config, options.races) for row in raced)
        and all(_unbiased(row, options.races) for row in estimates),
    }


def _raced(row: dict[str, Any], config: PromotionConfig, races: int) -> bool:
    errors = ((row["promoted"], config.alpha), (row["refused"], config.beta))
    return all(error <= limit + 3 * math.sqrt(limit * (1 - limit) / races) for error, limit in errors)


def _unbiased(row: dict[str, Any], races: int) -> bool:
    """The interval may be wider than it need be, for the points of a batch are taken for normal."""
    enough = row["interval"] >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / races)
    return enough and abs(row["below"] - 0.5) <= 3 * 0.5 / math.sqrt(races)


def _held(row: dict[str, Any], tests: int) -> bool:
    limit = row["limit"] + 3 * math.sqrt(row["limit"] * (1 - row["limit"]) / tests)
    saves = not row["spread"] or row["paired"]["median_games"] < row["unpaired"]["median_games"]
    return saves and all(row[way]["error"] <= limit for way in ("paired", "unpaired"))


def show(report: dict[str, Any]) -> None:
    """Print the report as a table."""
    output = stdout()
    about = {name: str(report[name]) for name in ("bounds", "cap", "batch", "tests", "seed")}
    output.print(facts({**report["machine"], **about}))
    names = ("openings ± Elo", "true Elo", "error, pairs", "singles", "undecided, pairs", "singles")
    made = table(*(f">{name}" for name in (*names, "median games, pairs", "singles", "saved")))
    for row in report["rows"]:
        pair, one = row["paired"], row["unpaired"]
        made.add_row(
            f"{row['spread']:g}",
            f"{row['elo']:g}",
            *(percent(way[figure]) for figure in ("error", "undecided") for way in (pair, one)),
            *(f"{way['median_games']:g}" for way in (pair, one)),
            percent(1 - pair["median_games"] / one["median_games"]),
        )
    output.print("")
    output.print(made)
    made = table(">workers", ">promoted by mistake", ">refused by mistake")
    for row in report["workers"]:
        made.add_row(str(row["workers"]), percent(row["promoted"]), percent(row["refused"]))
    output.print("")
    output.print(made)
    columns = ("true Elo", "shown below it", "by the plain score", "interval holds", "of the plain score")
    made = table(*(f">{column}" for column in columns))
    for row in report["shown"]:
        shares = (row[name] for name in ("below", "below_plain", "interval", "interval_plain"))
        made.add_row(f"{row['elo']:g}", *map(percent, shares))
    output.print("")
    output.print(made)


def main() -> int:
    """Simulate, print, and with `--check` say by the exit status whether the promises are held."""
    default = PromotionConfig()
    options = parser("sprt", __doc__)
    options.add_argument("--elo0", type=float, default=default.elo0, help="Elo difference of H0")
    options.add_argument("--elo1", type=float, default=default.elo1, help="Elo difference of H1")
    options.add_argument("--cap", type=int, default=default.max_games, help="most games of a test")
    options.add_argument("--batch", type=int, default=40, help="games between two looks")
    options.add_argument("--tests", type=int, default=2000, help="tests simulated per case")
    options.add_argument("--races", type=int, default=400, help="races simulated per number of workers, and estimates")
    options.add_argument("--seed", type=int, default=0)
    return run(options, measure, show)


if __name__ == "__main__":
    sys.exit(main())
