"""How exploitable is what a league learns? `python -m benchmarks.leduc [--check]`.

Claims, in Leduc poker, where exploitability can be computed exactly:
- it falls clearly over training: the last main snapshot loses at most half of what the first one does;
- at equal steps `alphastar` ends below `mirror`, on average over the seeds. Steps are counted of all learners together,
  which is what a machine has to pay for; beside it stands mirror at as many steps as alphastar's main agent alone had.

How: each preset trains from several seeds. OpenSpiel (`open_spiel`, a library for tests) computes the exploitability of
snapshots: chips per hand that a best response wins on average over both seats, 0 for an equilibrium. Snapshots draw
their moves from their policy, as in matches. A policy that learns against a changing mix of opponents need not
converge itself, as fictitious play does not: its average does. So beside the last main snapshot stands the Nash mixture
of the pool, as `league matches --nash` finds it in the league's own matches.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from open_spiel.python.algorithms.exploitability import exploitability
from open_spiel.python.algorithms.policy_aggregator import PolicyAggregator
from open_spiel.python.policy import Policy, TabularPolicy
from pyspiel import load_game

from benchmarks.command import parser, run
from benchmarks.machine import machine
from league.actors.driver import Limits, run_league
from league.config import LeagueConfig, load_config
from league.games import game_spec
from league.games.leduc import Hand, Leduc
from league.interfaces.cli.console import facts, stdout, table
from league.ladder.nash import MetaGame
from league.matches.players import PlayerLoader
from league.policies.network import PolicyNetwork
from league.pool.store import Store

GAME = load_game("leduc_poker")
PRESETS = ("mirror", "alphastar")
FALL = 0.5
"""Largest share of the first exploitability that the last one may be."""
POINTS = 5
"""Snapshots of each league whose exploitability is computed: the first, the last, and some between."""


def settings(preset: str, seed: int) -> LeagueConfig:
    """The defaults, but for a game with few moves and hidden cards, in which an equilibrium bluffs: much entropy.

    Step size and entropy are those, of six pairs that were tried, with which `mirror` stood lowest after a million
    steps.
    """
    return load_config(
        preset=preset,
        settings=[
            "game=leduc_poker",
            f"seed={seed}",
            "network.hidden=[64, 64]",
            "rollout.games=1024",
            "rollout.plies=16",
            "rollout.exploring_share=0",
            "learning.lr=0.001",
            "learning.entropy_coeff=0.3",
            "learning.gamma=1",
            "learning.lambda_=0.95",
            "learning.minibatch_size=2048",
            "snapshots.every_steps=100000",
            "retention.automatic=false",
            "arena.share=0.05",
            "arena.closing_s=0",
        ],
    )


def states() -> dict[str, Hand]:
    """One history of ours for each of OpenSpiel's information states: all that share one look alike to the mover."""
    found: dict[str, Hand] = {}
    todo: list[tuple[Any, tuple[int, ...], list[Hand]]] = [(GAME.new_initial_state(), (), [])]
    while todo:
        state, dealt, ours = todo.pop()
        if state.is_terminal():
            continue
        if state.is_chance_node():
            for action, _ in state.chance_outcomes():
                cards = (*dealt, action // 2)
                after = [one.history for one in Leduc.start()] if len(cards) == 2 else ours
                fit = [h for h in after if isinstance(h, Hand) and _fits(h, cards)]
                todo.append((state.child(action), cards, fit))
            continue
        found[state.information_state_string()] = ours[0]
        for action in state.legal_actions():
            follow = [one.history for one in Leduc.follow(ours[0], action)]
            todo.append((state.child(action), dealt, [h for h in follow if isinstance(h, Hand)]))
    return found


def _fits(hand: Hand, cards: tuple[int, ...]) -> bool:
    return hand.cards == cards[:2] and hand.public == (cards[2] if len(cards) > 2 else None)


def tabular(network: PolicyNetwork, hands: dict[str, Hand]) -> TabularPolicy:
    """The policy as OpenSpiel's table of probabilities."""
    observation = torch.tensor([Leduc.view(hand) for hand in hands.values()])
    legal = torch.tensor([[action in Leduc.actions(hand) for action in range(3)] for hand in hands.values()])
    with torch.inference_mode():
        chances: NDArray[np.float64] = network(observation, legal)[0].double().softmax(dim=1).numpy()
    policy = TabularPolicy(GAME)
    for name, row in zip(hands, chances, strict=True):
        policy.action_probability_array[policy.state_lookup[name]] = row
    return policy


def mixed(policies: list[TabularPolicy], weights: list[float]) -> Policy:
    """One policy that plays as if one of the policies were drawn by these weights before each hand."""
    return PolicyAggregator(GAME).aggregate([0, 1], [policies, policies], [weights, weights])


def league(preset: str, steps: int, seed: int, hands: dict[str, Hand]) -> dict[str, Any]:
    """Train one league and compute the exploitability of some of its main snapshots."""
    config = settings(preset, seed)
    spec = game_spec(config.game)
    with tempfile.TemporaryDirectory() as folder:
        address = str(Path(folder) / "store")
        with Store.open(address) as store:
            run_league(store, address, config, limits=Limits(steps=steps), log_dir=str(Path(folder) / "logs"))
            mains = [snapshot for snapshot in store.snapshots() if snapshot.role == "main"]
            places = sorted({round(p) for p in np.linspace(0, len(mains) - 1, POINTS)})
            loader = PlayerLoader(store, spec)

            def play(name: str) -> TabularPolicy:
                return tabular(loader.network(name), hands)

            curve = [
                {"steps": mains[p].steps, "exploitability": float(exploitability(GAME, play(mains[p].name)))}
                for p in places
            ]
            mixture = MetaGame.of(store.payoff(), [snapshot.name for snapshot in store.snapshots()]).nash()
            needed = {name: weight for name, weight in mixture.items() if weight}
            pool = mixed([play(name) for name in needed], list(needed.values()))
    return {
        "preset": preset,
        "seed": seed,
        "curve": curve,
        "last": curve[-1]["exploitability"],
        "mixture": float(exploitability(GAME, pool)),
        "in_mixture": len(needed),
    }


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What the claims are about."""
    last, mixture = (
        {preset: float(np.mean([r[which] for r in rows if r["preset"] == preset])) for preset in PRESETS}
        for which in ("last", "mixture")
    )
    mirrors = {r["seed"]: r["curve"] for r in rows if r["preset"] == "mirror"}
    same_main_steps = float(
        np.mean([_at(mirrors[r["seed"]], r["curve"][-1]["steps"]) for r in rows if r["preset"] == "alphastar"])
    )
    falls = max(r["last"] / r["curve"][0]["exploitability"] for r in rows)
    return {
        "last": last,
        "mixture": mixture,
        "mirror_at_main_steps": same_main_steps,
        "largest_share_left": falls,
        "falls": falls <= FALL,
        "below": last["alphastar"] < last["mirror"],
    }


def _at(curve: list[dict[str, Any]], steps: int) -> float:
    """The exploitability at so many steps, between the snapshots that were measured."""
    return float(np.interp(steps, [p["steps"] for p in curve], [p["exploitability"] for p in curve]))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Train all: the report as plain data."""
    rows, hands = [], states()
    for seed in range(options.seeds):
        for preset in PRESETS:
            rows.append(league(preset, options.steps, seed, hands))
            print(f"{preset}, seed {seed}: {rows[-1]['last']:.3f} chips per hand", file=sys.stderr, flush=True)
    found = summary(rows)
    held = found["falls"] and found["below"]
    return {"machine": machine(), "steps": options.steps, "rows": rows, "summary": found, "held": held}


def show(report: dict[str, Any]) -> None:
    """Print the report as tables."""
    output = stdout()
    output.print(facts(report["machine"]))
    made = table("preset", ">seed", "exploitability of main snapshots, by steps (chips per hand)", ">of the mixture")
    for row in report["rows"]:
        curve = "  ".join(f"{p['steps']:,}: {p['exploitability']:.3f}" for p in row["curve"])
        made.add_row(row["preset"], str(row["seed"]), curve, f"{row['mixture']:.3f} of {row['in_mixture']}")
    output.print("")
    output.print(made)
    found = report["summary"]
    means = ", ".join(f"{preset} {value:.3f}" for preset, value in found["last"].items())
    output.print(f"\nat the end, mean over seeds: {means}: alphastar is {'' if found['below'] else 'not '}below mirror")
    mixed_means = ", ".join(f"{preset} {value:.3f}" for preset, value in found["mixture"].items())
    output.print(f"the Nash mixture of the pool, mean over seeds: {mixed_means}")
    output.print(f"mirror at as many steps as alphastar's main agent had: {found['mirror_at_main_steps']:.3f}")
    output.print(f"at most {found['largest_share_left']:.0%} of the first exploitability is left; claimed {FALL:.0%}")


def main() -> int:
    """Train all, print, and with `--check` say by the exit status whether both claims are held."""
    options = parser("leduc", __doc__)
    options.add_argument("--steps", type=int, default=4_000_000, help="of all learners of a league together")
    options.add_argument("--seeds", type=int, default=3, help="leagues of each preset")
    return run(options, measure, show)


if __name__ == "__main__":
    sys.exit(main())
