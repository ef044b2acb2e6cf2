"""Do predictions come true? `python -m benchmarks.calibration STORE [--check]`: held-out matches of a real league.

Claim: what is predicted for matches and what they bring differ by at most 3 points (of 100 per game) in every decile of
prediction with data.

How: cross-validation. The matches of the log are dealt into 5 parts at random; each part is predicted from the other
four, so no match is predicted from itself, and every match is predicted once. A prediction is the expected points per
game of the match's row; a draw counts half. Matches are sorted by it into tenths, and each tenth compares the mean
prediction with the mean score, both weighted by games. Three predictors are shown:

- `OpenSkill`: `win_probability` of the ratings, which widens with sigma;
- `Bradley-Terry`: `BradleyTerry.expected_scores`;
- `payoff`: `MetaGame`, Bradley-Terry corrected by the games that the pair itself has played. The league predicts by it
  where it matters (`league matches --nash`), and the claim is about it: one number per policy cannot follow results
  that are not transitive, however it is fitted.

Games of a match share their two policies, so the noise of a tenth is estimated from match to match: 1.96 standard
errors of the mean difference. A tenth has data where there are at least 10 matches and that noise is at most 3 points;
in the others the table says `too few`. `--check` exits 1 if a tenth with data misses the claim, or none has data.

Three minutes of a demo are too few matches. A league whose log is long enough:

    league train --store runs/calibration --game tic_tac_toe --minutes 5 --set arena.share=0.9
    python -m benchmarks.calibration runs/calibration --check
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from benchmarks.command import parser, run
from benchmarks.machine import machine
from league.config import RatingConfig
from league.errors import PolicyError
from league.interfaces.cli.console import facts, stdout, table
from league.ladder.bradley_terry import BradleyTerry
from league.ladder.nash import MetaGame
from league.ladder.payoff import Payoff
from league.ladder.ratings import Z_95, Rating, recompute
from league.ladder.records import Match
from league.pool.store import Store

PARTS, DECILES = 5, 10
POINTS = 0.03
"""The claim."""
FEWEST = 10
"""Matches in a tenth, for its noise to be known."""
PREDICTORS = ("OpenSkill", "Bradley-Terry", "payoff")


def win_probability(a: Rating, b: Rating, config: RatingConfig) -> float:
    """Chance in [0, 1] that `a` beats `b`, by the model that `rate` updates: 1 / (1 + exp(-(mu_a - mu_b) / c)).

    c^2 = sigma_a^2 + sigma_b^2 + 2 beta^2 (Weng and Lin 2011, algorithm 4, for two teams of one).
    """
    return float(expit((a.mu - b.mu) / math.sqrt(a.sigma**2 + b.sigma**2 + 2 * config.beta**2)))


def predictions(log: Sequence[Match], config: RatingConfig, rng: np.random.Generator) -> NDArray[np.float64]:
    """Predict every match from the other parts.

    Returns:
        [M, 5]: the three predictions, the score and the number of games. Matches without games, and those of a policy
        that the other parts do not know, are left out.
    """
    part = rng.permutation(len(log)) % PARTS
    rows = []
    for number in range(PARTS):
        known = [match for match, of in zip(log, part, strict=True) if of != number]
        ratings, payoff = recompute(known, config), Payoff()
        for match in known:
            payoff.add(match)
        names = payoff.policies()
        place = {name: n for n, name in enumerate(names)}
        strengths = BradleyTerry.fit(payoff).expected_scores(names)
        scores = MetaGame.of(payoff, names).scores
        for match in (match for match, of in zip(log, part, strict=True) if of == number and match.total.games):
            if match.row in place and match.column in place:
                pair = place[match.row], place[match.column]
                rated = win_probability(ratings[match.row], ratings[match.column], config)
                rows.append([rated, strengths[pair], scores[pair], match.total.score, match.total.games])
    return np.array(rows).reshape(-1, len(PREDICTORS) + 2)


def deciles(
    predicted: NDArray[np.float64], score: NDArray[np.float64], games: NDArray[np.float64]
) -> list[dict[str, Any]]:
    """Compare by tenths of the prediction; the arguments are [M], tenths without a match are left out."""
    tenth = np.minimum((predicted * DECILES).astype(int), DECILES - 1)
    rows = []
    for number in np.unique(tenth).tolist():
        chosen = tenth == number
        weights = games[chosen] / games[chosen].sum()
        differences = score[chosen] - predicted[chosen]
        mean, matches = float(weights @ differences), int(chosen.sum())
        # Of a weighted mean of independent differences, with Bessel's correction.
        variance = float((weights**2) @ (differences - mean) ** 2) * matches / max(matches - 1, 1)
        noise = Z_95 * variance**0.5 if matches > 1 else float("nan")
        rows.append(
            {
                "from": number / DECILES,
                "to": (number + 1) / DECILES,
                "matches": matches,
                "games": int(games[chosen].sum()),
                "predicted": float(weights @ predicted[chosen]),
                "observed": float(weights @ score[chosen]),
                "difference": mean,
                "noise": noise,
                "data": matches >= FEWEST and noise <= POINTS,
                "held": abs(mean) <= POINTS,
            }
        )
    return rows


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Predict every match of a league: the report as plain data. Raises `LeagueError`."""
    with Store.open(options.store, options.league, create=False) as opened:
        config, log = opened.require_config(), list(opened.matches())
    found = (
        predictions(log, config.ratings, np.random.default_rng(options.seed)) if len(log) >= PARTS else np.empty((0, 5))
    )
    if not len(found):
        raise PolicyError(
            f"the {len(log)} matches at {options.store} are too few to hold some out: let the league play on"
        )
    *predicted, score, games = found.T
    by = {name: deciles(one, score, games) for name, one in zip(PREDICTORS, predicted, strict=True)}
    with_data = [row for row in by["payoff"] if row["data"]]
    return {
        "machine": machine(),
        "game": config.game,
        "matches": len(found),
        "games": int(games.sum()),
        "policies": len({name for match in log for name in (match.row, match.column)}),
        "seed": options.seed,
        "deciles": by,
        "root_mean_square": {
            name: float(np.average((one - score) ** 2, weights=games) ** 0.5)
            for name, one in zip(PREDICTORS, predicted, strict=True)
        },
        "tenths_with_data": len(with_data),
        "held": bool(with_data) and all(row["held"] for row in with_data),
    }


def show(report: dict[str, Any]) -> None:
    """Print one table per predictor; differences and noise are in points of 100."""
    output = stdout()
    output.print(
        facts({**report["machine"], **{name: report[name] for name in ("game", "policies", "matches", "games")}})
    )
    for name, rows in report["deciles"].items():
        output.print("")
        columns = ("predicted", "observed", "difference", "± noise", "matches", "games")
        made = table(f"{name}", *(f">{column}" for column in columns), "at most 3 points")
        for row in rows:
            verdict = ("held" if row["held"] else "missed") if row["data"] else "too few"
            made.add_row(
                f"{row['from']:.1f} to {row['to']:.1f}",
                f"{100 * row['predicted']:.1f}",
                f"{100 * row['observed']:.1f}",
                f"{100 * row['difference']:+.1f}",
                f"{100 * row['noise']:.1f}" if row["matches"] > 1 else "",
                str(row["matches"]),
                f"{row['games']:,}",
                verdict,
            )
        output.print(made)
        output.print(f"root mean square difference of a match {100 * report['root_mean_square'][name]:.1f} points")
    verdict = "held" if report["held"] else "missed" if report["tenths_with_data"] else "no tenth has data"
    output.print(f"\nat most 3 points in every tenth with data, by payoff: {verdict}")


def main() -> int:
    """Predict, print, and with `--check` say by the exit status whether the claim is held."""
    options = parser("calibration", __doc__)
    options.add_argument("store", help="folder or URL of the league")
    options.add_argument("--league", default="league", help="name of the league in the store")
    options.add_argument("--seed", type=int, default=0, help="of the parts")
    return run(options, measure, show)


if __name__ == "__main__":
    sys.exit(main())
