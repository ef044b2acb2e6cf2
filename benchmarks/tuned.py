"""Is there a better configuration than ours? `python -m benchmarks.tuned [--check]`: the long game of docs/tuning.md.

Claim: of the configurations that `league tune` draws from the space of that page, the best one, by what it scores
against the page's bots on the way, beats the defaults after equal steps: the 95% interval of a match between the two
is above 50%.

How: a learner alone, against itself, for each configuration. Steps stand in for time, which a busy machine spoils;
everything else is as in `league tune`. Both policies play greedily from random openings, as in a league.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from ray.tune.experiment import Experiment
from ray.tune.search.basic_variant import BasicVariantGenerator

from benchmarks.command import parser, run
from benchmarks.machine import machine
from league.cluster.plan import Hardware
from league.cluster.session import ray_session
from league.config import LeagueConfig
from league.games import game_spec, make_bot, make_game
from league.games.base import Player
from league.interfaces.cli.console import facts, stdout, table
from league.interfaces.tune.score import Progress
from league.interfaces.tune.space import Space
from league.ladder.comparison import score_interval
from league.ladder.records import Match
from league.learning.trainer import Trainer
from league.policies.player import NetworkPlayer
from league.policies.weights import unpack
from league.rollout.arena import play_match

PAGE: Final = Path(__file__).parents[1] / "docs" / "tuning.md"
SPACE: Final = "orchard.toml"
MARKS: Final = 4
"""Measurements of each configuration."""
MEASURED: Final = 40
"""Games of a measurement against each bot."""


def page_files() -> dict[str, str]:
    """The files of the page, by the names in their first lines."""
    found = re.findall(r"^```\w+\n(# (\w+\.\w+)\n.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return {name: text for text, name in found}


@contextmanager
def saved() -> Iterator[Path]:
    """A folder with the files of the page, where Python finds them."""
    with tempfile.TemporaryDirectory() as name:
        for file, text in page_files().items():
            Path(name, file).write_text(text, encoding="utf-8")
        sys.path.insert(0, name)
        yield Path(name)
        sys.path.remove(name)


def drawn(space: Space, samples: int, seed: int) -> list[dict[str, Any]]:
    """What `league tune` draws."""
    generator = BasicVariantGenerator(random_state=seed)
    generator.add_configurations([Experiment("tuned", print, config=space.domains(), num_samples=samples)])
    return [dict(generator.next_trial().config) for _ in range(samples)]


def match(config: LeagueConfig, weights: bytes, other: Player, games: int, seed: int) -> Match:
    """Of a policy against a bot or another policy."""
    one = NetworkPlayer(unpack(weights, game_spec(config.game)), sample=False)
    arena = config.arena
    played = play_match(
        make_game(config.game, games),
        one,
        other,
        opening_plies=arena.opening_plies,
        max_plies=arena.max_plies,
        seed=seed,
    )
    return played.to_match("one", "other", 0.0)


def trained(config: LeagueConfig, steps: int, seed: int) -> tuple[bytes, Progress]:
    """The policy after so many steps, and what it scored against the bots on the way; its `seconds` are steps."""
    spec, progress = game_spec(config.game), Progress()
    bots = [make_bot(name, spec) for name in config.arena.bots or spec.bots]
    trainer = Trainer(spec, config, seed=seed, hardware=Hardware())
    while trainer.steps < steps:
        trainer.progress = trainer.steps / steps
        trainer.iterate()
        if trainer.steps >= min(progress.seconds + steps / MARKS, steps):
            totals = [match(config, trainer.weights(), bot, MEASURED, seed).total for bot in bots]
            score = sum(total.score for total in totals) / len(totals)
            progress = progress.after(trainer.steps - progress.seconds, score, str(trainer.steps))
    weights = trainer.weights()
    trainer.stop()
    return weights, progress


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Train with the defaults and with everything that is drawn, and have the best one play the defaults."""
    torch.set_num_threads(1)  # On a busy machine threads wait for one another far longer than they work.
    with saved() as folder, ray_session():
        space = Space.read(folder / SPACE, LeagueConfig().to_dict())
        rows, policies = [], []
        for values in [{}, *drawn(space, options.samples, 0)]:
            weights, progress = trained(space.config(values), options.steps, options.seed)
            policies.append(weights)
            rows.append({"drawn": values, "score": progress.score, "on_the_way": progress.mean})
            print(rows[-1], file=sys.stderr)
        best = max(range(1, len(rows)), key=lambda number: rows[number]["on_the_way"])
        config = space.config({})
        default = NetworkPlayer(unpack(policies[0], game_spec(config.game)), sample=False)
        total = match(config, policies[best], default, options.games, options.seed).total
    interval = score_interval(total)
    return {
        "machine": machine(),
        "steps": options.steps,
        "seed": options.seed,
        "rows": rows,
        "best": rows[best]["drawn"],
        "games": total.games,
        "score": total.score,
        "interval": [interval.low, interval.high],
        "held": interval.low > 0.5,
    }


def show(report: dict[str, Any]) -> None:
    """Print the report as a table and the match in words."""
    output = stdout()
    output.print(facts({**report["machine"], "steps": f"{report['steps']:,}", "seed": report["seed"]}))
    made = table("configuration", ">score", ">on the way")
    for row in report["rows"]:
        words = " ".join(f"{key}={value}" for key, value in row["drawn"].items())
        made.add_row(words or "the defaults", f"{row['score']:.1%}", f"{row['on_the_way']:.1%}")
    output.print("")
    output.print(made)
    low, high = report["interval"]
    output.print("")
    output.print(
        f"the best against the defaults: {report['score']:.1%} ({low:.1%} to {high:.1%}) in {report['games']} games"
    )


def main() -> int:
    """Search, print, and with `--check` say by the exit status whether the best beats the defaults."""
    options = parser("tuned", __doc__)
    options.add_argument("--steps", type=int, default=120_000, help="of each configuration")
    options.add_argument("--samples", type=int, default=8, help="configurations that are drawn")
    options.add_argument("--games", type=int, default=400, help="of the match at the end")
    options.add_argument("--seed", type=int, default=0, help="of learners and matches")
    return run(options, measure, show)


if __name__ == "__main__":
    sys.exit(main())
