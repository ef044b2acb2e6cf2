"""How strong does Connect Four become, from nothing, by the clock? `python -m benchmarks.strength [--minutes 3]`.

Claim, for the champion of `league train --game connect_four` on two cores, the median of three seeds, without search:

    minutes   n-2   n-4   n-5   mistakes
          3   70%   60%   50%         6%
         10   92%   80%   75%         4%
         60   97%   93%   92%         2%

and with `--search 200` after 10 minutes 98% against n-5 and 1% mistakes.

How: `league train` runs in a process of its own, alone. Everything is measured afterwards, on what the league froze: at
every mark of the clock the champion that it had then, and the newest snapshot of its main learner. The clock starts
with the command, so Ray's start is inside; no measurement is. Scores are of 400 games, 200 in either seat, after two
random plies, by the policy's most probable move. `n-D` is `benchmarks.cubes`, which shares no code with the project;
uniform, negamax-2 and negamax-4 are its own bots. Mistakes are moves that throw away a win or a draw, in random
positions, also where no move does (`benchmarks.solved`); missed wins and blocks are among random positions with a win
on the board, or with only one move that does not lose at once.

`--store` measures a league that exists instead. `--stock` trains RLlib's own PPO for the same minutes beside it, and
measures that. Needs the extra `dev`, for the solver; `--stock` the extra `classic`.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch

from benchmarks.command import parser, run
from benchmarks.machine import machine
from benchmarks.solved import POSITIONS, STAGES
from benchmarks.timeline import Mark, Timeline
from benchmarks.yardsticks import GAME, INDEPENDENT, OWN, against_perfect, examine
from league.cluster.session import ray_session
from league.errors import ConfigError, GameError, LeagueError
from league.games import game_spec
from league.games.base import Player
from league.interfaces.cli.console import facts, stdout, table
from league.matches.players import PlayerLoader
from league.policies.search import searched, with_search
from league.pool.store import Store
from league.view.words import percent

FLOORS: Final[Mapping[float, Mapping[str, float]]] = {
    3: {"n-2": 0.70, "n-4": 0.60, "n-5": 0.50, "mistakes": 0.06},
    10: {"n-2": 0.92, "n-4": 0.80, "n-5": 0.75, "mistakes": 0.04},
    60: {"n-2": 0.97, "n-4": 0.93, "n-5": 0.92, "mistakes": 0.02},
}
"""By minutes: scores that the champion reaches at least, and mistakes at most."""
SEARCH_FLOORS: Final[Mapping[str, float]] = {"n-5": 0.98, "mistakes": 0.01}
"""The same after ten minutes with a search of 200 simulations or more."""


STDERR: Final = 2
"""The descriptor: what training prints is progress, and the report alone is on the standard output."""


def say(text: str) -> None:
    """One line of progress, on the standard error."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


def train(folder: str, options: argparse.Namespace, seed: int) -> float:
    """`league train` in a process of its own; when it began, Unix time in seconds. Raises `LeagueError`."""
    command = [sys.executable, "-m", "league", "train", "--store", folder]
    settings = [word for setting in (f"seed={seed}", *options.settings) for word in ("--set", setting)]
    began_s = time.time()
    command += ["--game", GAME, "--minutes", str(options.minutes), *settings]
    done = subprocess.run(command, stdout=STDERR, check=False)
    if done.returncode:
        raise LeagueError(f"league train ended with exit code {done.returncode}: its last lines say why")
    return began_s


class Examiner:
    """Measures the policies of one league, each once."""

    def __init__(self, store: Store, timeline: Timeline, options: argparse.Namespace) -> None:
        self.options = options
        self._timeline = timeline
        self._loader = PlayerLoader(store, game_spec(GAME))
        self._found: dict[str, dict[str, Any]] = {}

    def player(self, policy: str) -> Player:
        """Somebody who plays a policy, with search if its name says so."""
        return self._loader.player(policy)

    def row(self, policy: str) -> dict[str, Any]:
        """What is measured of a policy, and what it had learned from."""
        if policy not in self._found:
            say(f"examining {policy}")
            one = searched(policy)
            steps, seconds = self._timeline.learned(one.policy if one else policy)
            found = examine(self.player(policy), games=self.options.games, positions=self.options.positions, seed=0)
            self._found[policy] = {"policy": policy, **_learned(steps, seconds), **found}
        return self._found[policy]


def _learned(steps: int, seconds: float) -> dict[str, Any]:
    return {"steps": steps, "frozen_s": seconds, "steps_per_s": steps / max(seconds, 1.0)}


def league_report(store: Store, began_s: float | None, options: argparse.Namespace) -> dict[str, Any]:
    """One league: its marks, its last champion with search if that was asked for, and games against best play."""
    game = store.require_config().game
    if game != GAME:
        raise GameError(f"the league at {store.address} plays {game}, not {GAME}")
    timeline = Timeline(store, began_s)
    found, examiner = timeline.marks(options.points), Examiner(store, timeline, options)
    report: dict[str, Any] = {"minutes": found[-1].seconds / 60, "marks": [_mark(examiner, one) for one in found]}
    policy = found[-1].champion or found[-1].main
    if options.search:
        policy = with_search(policy, options.search)
        report["searched"] = examiner.row(policy)
    if options.perfect:
        say(f"{policy} against best play")
        tally = against_perfect(examiner.player(policy), games=options.perfect, seed=0)
        report["perfect"] = {"policy": policy, **tally._asdict()}
    return report


def _mark(examiner: Examiner, mark: Mark) -> dict[str, Any]:
    champion = None if mark.champion is None else examiner.row(mark.champion)
    return {"seconds": mark.seconds, "champion": champion, "main": examiner.row(mark.main)}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Train and measure, or only measure: the report as plain data."""
    if options.store is None and not options.minutes > 0:
        raise ConfigError(f"--minutes {options.minutes:g}: must be above 0")
    torch.set_num_threads(1)  # Of so small tensors two threads are slower, and beside other work far slower.
    about, leagues = machine(), []
    if options.store is not None:
        with Store.open(options.store, options.league, create=False) as store:
            leagues.append(league_report(store, None, options))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            for seed in range(options.seeds):
                folder = str(Path(options.keep or scratch) / f"seed-{seed}")
                say(f"seed {seed}: league train for {options.minutes:g} minutes")
                began_s = train(folder, options, seed)
                with Store.open(folder, create=False) as store:
                    leagues.append(league_report(store, began_s, options))
    report = {"machine": about, "games": options.games, "positions": options.positions, "leagues": leagues}
    report["median"] = median(leagues)
    if options.stock:
        report["stock"] = stock(options)
    minutes = options.minutes if options.store is None else report["median"]["minutes"]
    report["promised"] = promised(report["median"], minutes, options.search)
    report["held"] = all(one["held"] for one in report["promised"])
    if options.plot:
        from benchmarks.curve import draw

        draw(report, options.plot)
    return report


def stock(options: argparse.Namespace) -> dict[str, Any]:
    """RLlib's own PPO in mirror self-play for the same minutes, with its defaults for a network of the same kind."""
    logging.getLogger("ray.rllib").setLevel(logging.ERROR)  # Before the import, which warns.
    from benchmarks.stock_rllib import StockPlayer, moves_sampled, stock_ppo
    from benchmarks.throughput import settings

    say(f"stock RLlib PPO for {options.minutes:g} minutes")
    began_s, steps = time.time(), 0
    with ray_session():
        algorithm = stock_ppo(settings(epochs=4, minibatch=512), runners=2, envs=8)
        try:
            while (seconds := time.time() - began_s) < 60 * options.minutes:
                steps += moves_sampled(algorithm.train())
            player = StockPlayer(algorithm)
        finally:
            algorithm.stop()
    say("examining stock")
    found = examine(player, games=options.games, positions=options.positions, seed=0)
    return {"policy": "stock", **_learned(steps, seconds), **found}


def median(leagues: Sequence[Any]) -> Any:
    """Of reports of one shape: of every number the median, in lists and dictionaries alike; of other things the first.

    What one of the leagues does not have, such as an early champion, the median does not have either.
    """
    first = leagues[0]
    if any(one is None for one in leagues):
        return None
    if isinstance(first, dict):
        return {key: median([one[key] for one in leagues]) for key in first}
    if isinstance(first, list):
        return [median(column) for column in zip(*leagues, strict=False)]
    return statistics.median(leagues) if isinstance(first, int | float) else first


def promised(middle: Mapping[str, Any], minutes: float, search: int) -> list[dict[str, Any]]:
    """What the champion has to reach by the longest budget in `FLOORS` that fits into `minutes`, and what it did."""
    fitting = [budget for budget in FLOORS if budget <= 1.05 * minutes]  # Of a store the start is not known so well.
    if not fitting:
        return []
    last = middle["marks"][-1]
    rows = [_floor("champion", last["champion"], name, floor) for name, floor in FLOORS[max(fitting)].items()]
    if search >= 200 and max(fitting) >= 10:
        rows += [_floor("with search", middle["searched"], name, floor) for name, floor in SEARCH_FLOORS.items()]
    return rows


def _floor(who: str, row: Mapping[str, Any] | None, name: str, floor: float) -> dict[str, Any]:
    if row is None:
        return {"who": who, "what": name, "promised": floor, "found": None, "held": False}
    found = row["mistakes"]["mean"] if name == "mistakes" else row["scores"][name]["score"]
    held = found <= floor if name == "mistakes" else found >= floor
    return {"who": who, "what": name, "promised": floor, "found": found, "held": held}


def show(report: dict[str, Any]) -> None:
    """Print the report as tables: the median of all seeds."""
    output, seeds = stdout(), len(report["leagues"])
    how = {"games": str(report["games"]), "positions of each set": str(report["positions"]), "seeds": str(seeds)}
    output.print(facts(report["machine"] | how))
    columns = [*OWN, *INDEPENDENT, *STAGES, "wins", "blocks"]
    made = table("minutes", "", ">moves", ">moves/s", *(f">{column}" for column in columns))
    for mark in report["median"]["marks"]:
        for who in ("champion", "main"):
            if mark[who] is not None:
                made.add_row(f"{mark['seconds'] / 60:.1f}", who, *_figures(mark[who]))
    if "searched" in report["median"]:
        made.add_row("", report["leagues"][0]["searched"]["policy"], *_figures(report["median"]["searched"]))
    if "stock" in report:
        made.add_row(f"{report['stock']['frozen_s'] / 60:.1f}", "stock RLlib", *_figures(report["stock"]))
    output.print("")
    output.print(made)
    output.print("\nscores in % of the points; then mistakes, and wins and blocks missed, in % of the positions")
    for league in report["leagues"]:
        if "perfect" in league:
            one = league["perfect"]
            figures = f"{one['wins']} wins, {one['draws']} draws, {one['losses']} losses"
            output.print(f"{one['policy']} moving first from the empty board against best play: {figures}")
    for one in report["promised"]:
        found = "nobody" if one["found"] is None else percent(one["found"])
        verdict = "held" if one["held"] else "missed"
        output.print(f"{one['who']}, {one['what']}: {found}, promised {percent(one['promised'])}: {verdict}")


def _figures(row: Mapping[str, Any]) -> list[str]:
    shares = [row["scores"][name]["score"] for name in (*OWN, *INDEPENDENT)]
    shares += [row["mistakes"][stage] for stage in STAGES] + [row["missed"][name] for name in ("wins", "blocks")]
    return [f"{row['steps']:,.0f}", f"{row['steps_per_s']:,.0f}", *(f"{100 * share:.0f}" for share in shares)]


def main() -> int:
    """Train, measure, print, and with `--check` say by the exit status whether the promises are held."""
    options = parser("strength", __doc__)
    options.add_argument("--minutes", type=float, default=3.0, help="of `league train`, for each seed")
    options.add_argument("--seeds", type=int, default=1, help="leagues, one after the other; the median is reported")
    options.add_argument("--store", help="measure the league at this folder or URL instead of training")
    options.add_argument("--league", default="league", help="name of the league in that store")
    options.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE", help="one knob")
    options.add_argument("--keep", type=Path, help="leave the leagues that were trained in this folder")
    options.add_argument("--points", type=int, default=5, help="marks of the clock, the last at the end")
    options.add_argument("--games", type=int, default=400, help="against each opponent, half in either seat")
    options.add_argument("--positions", type=int, default=POSITIONS, help="of each set")
    options.add_argument("--search", type=int, default=0, help="measure the last champion with a search of so many too")
    options.add_argument("--perfect", type=int, default=0, help="games of the last champion against best play")
    options.add_argument("--stock", action="store_true", help="measure RLlib's own PPO after the same minutes")
    options.add_argument("--plot", type=Path, help="draw the curves into this .png, .svg or .pdf")
    return run(options, measure, show)


if __name__ == "__main__":
    sys.exit(main())
