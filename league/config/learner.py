"""How a learner plays and learns: its network, its training games, and PPO."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from league.config.auto import (
    ANNEAL_MINIBATCHES,
    AUTO_GAMES,
    AUTO_HIDDEN,
    AUTO_LEARNING,
    AUTO_PLIES,
    AUTO_ROLLOUT,
    AUTO_RUNNERS,
    EXPLORING_PLIES,
    LOOKAHEAD_GAMES,
    LOOKAHEAD_PLIES,
    RUNNER_FROM_CPUS,
    RUNNERS_FROM_CPUS,
)
from league.config.limits import MOST_PROCESSES, NEVER_STEPS, WIDEST, check_device, check_gpus
from league.errors import ConfigError, nearest
from league.plugins import is_dotted, names
from league.settings import Section, knob


def _widths() -> str:
    return ", ".join(f"{'x'.join(map(str, widths))} for {kind}" for kind, widths in AUTO_HIDDEN.items())


def _by_game(numbers: Mapping[bool, int]) -> str:
    return f"{numbers[True]} for batched games, {numbers[False]} through an adapter"


def _auto_knob(name: str, about: str, **limits: float) -> Any:
    return knob(None, f"{about}; auto: {_with_or_without(AUTO_LEARNING[name])}", **limits)


def _with_or_without(numbers: tuple[float, float]) -> str:
    with_, without = numbers
    return str(without) if with_ == without else f"{with_} with lookahead, else {without}"


@dataclass(frozen=True, kw_only=True)
class NetworkConfig(Section):
    """The policy network, built from the game's observation shape and number of actions."""

    kind: str | None = knob(
        None,
        "mlp: fully connected; conv: residual convolutions over a board; tables: looks up what lies on patterns of "
        "cells; or one of your own, by its entry point or as module:function; auto: tables where the game names "
        "patterns of stones, else mlp",
    )
    hidden: tuple[int, ...] | None = knob(
        None,
        "width of each hidden layer; conv: only its last is used; tables: of the rows that are looked up, then of "
        f"each layer behind; auto: {_widths()}",
        at_least=1,
        at_most=WIDEST,
    )
    channels: int = knob(64, "conv: channels of every convolution", at_least=1, at_most=WIDEST)
    blocks: int = knob(4, "conv: residual blocks of two convolutions", at_least=0, at_most=100)
    normalize: bool | None = knob(
        None,
        "scale observations by their bounds or, without any, by their statistics, and returns by their size; auto: "
        "where those of the game are not about 1 by its own word",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        known = [*AUTO_HIDDEN, *names("league.networks")]
        if self.kind is not None and self.kind not in known and not is_dotted(self.kind):
            near = nearest(self.kind, known)
            raise ConfigError(f"kind = {self.kind!r}: must be one of {', '.join(known)}, or module:function{near}")


@dataclass(frozen=True, kw_only=True)
class RolloutConfig(Section):
    """How games are played for training."""

    runners: int | None = knob(
        None,
        "processes that play, per learner; 0 plays inside the learner; "
        f"auto: {AUTO_RUNNERS} from {RUNNERS_FROM_CPUS} CPUs per learner on; below, 1 for tables and "
        f"for a game through an adapter from {RUNNER_FROM_CPUS} on, else 0",
        at_least=0,
        at_most=MOST_PROCESSES,
    )
    games: int | None = knob(
        None,
        f"games at once in each runner; auto: {LOOKAHEAD_GAMES} with lookahead, else {_by_game(AUTO_GAMES)}",
        at_least=1,
        at_most=65_536,
    )
    plies: int | None = knob(
        None,
        f"plies each of them advances per iteration; auto: {LOOKAHEAD_PLIES} with lookahead, else "
        f"{_by_game(AUTO_PLIES)}",
        at_least=2,
        at_most=4096,
    )
    exploring_share: float | None = knob(
        None,
        "share of training games that start from a random opening (exploring starts), and do not count as results; "
        f"auto: {_with_or_without(AUTO_ROLLOUT['exploring_share'])}",
        at_least=0,
        at_most=1,
    )
    exploring_plies: int | None = knob(
        None,
        "longest random opening of an exploring start; auto: six sevenths of the longest game, or "
        f"{EXPLORING_PLIES} where that is not known",
        at_least=1,
        at_most=10_000,
    )
    exploring_moves: float | None = knob(
        None,
        f"share of random moves later in such games; auto: {_with_or_without(AUTO_ROLLOUT['exploring_moves'])}",
        at_least=0,
        at_most=1,
    )
    gpus: float = knob(0.0, "share of a GPU for each runner process; 0: it plays on the CPU", at_least=0, at_most=1)
    device: str | None = knob(
        None, "torch device of the boards and of the policies that play; auto: cuda where Ray gave the runner a GPU"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_device(self.device)
        check_gpus(self.gpus)


@dataclass(frozen=True, kw_only=True)
class LearningConfig(Section):
    """Proximal policy optimisation; fields that are RLlib's keep RLlib's spelling."""

    lookahead: bool | None = knob(
        None,
        "learn from what follows from every move, one ply ahead and exactly for short tactics; auto: where the game "
        "can be looked ahead in and the learner plays itself",
    )
    lookahead_weight: float = knob(
        8.0,
        "with lookahead: how far a move's value outweighs the policy in what is played and learned",
        above=0,
        at_most=10_000,
    )
    lookahead_coeff: float = knob(
        1.0, "with lookahead: weight of learning the improved policy", at_least=0, at_most=1000
    )
    lr: float = knob(3e-3, "Adam step size", above=0, at_most=1e30)
    gamma: float | None = _auto_knob("gamma", "discount per own move, with lookahead per ply", above=0, at_most=1)
    lambda_: float | None = _auto_knob(
        "lambda_",
        "generalised advantage estimation: trace decay per own move, with lookahead per ply",
        at_least=0,
        at_most=1,
    )
    clip_param: float = knob(0.2, "PPO: clip of the probability ratio", above=0, at_most=100)
    vf_clip_param: float | None = knob(
        None,
        "largest squared error of the value that is learned from, in the unit of normalized returns; auto: any",
        above=0,
        at_most=1e9,
    )
    policy_loss_coeff: float | None = _auto_knob(
        "policy_loss_coeff",
        "weight of PPO's clipped loss of the policy, beside what lookahead teaches",
        at_least=0,
        at_most=1000,
    )
    vf_loss_coeff: float | None = _auto_knob("vf_loss_coeff", "weight of the value loss", at_least=0, at_most=1000)
    entropy_coeff: float | None = _auto_knob("entropy_coeff", "weight of the entropy bonus", at_least=0, at_most=1000)
    anneal_steps: int | None = knob(
        None,
        "steps over which lr and entropy_coeff fall, where neither --minutes nor --steps says for how long to train; "
        f"auto: {ANNEAL_MINIBATCHES} minibatches",
        at_least=1,
        at_most=NEVER_STEPS,
    )
    anneal_to: float | None = _auto_knob(
        "anneal_to", "share of themselves to which they fall, and at which they stay", above=0, at_most=1
    )
    grad_clip: float | None = _auto_knob("grad_clip", "largest global norm of a gradient", above=0, at_most=1e30)
    num_epochs: int | None = _auto_knob("num_epochs", "passes over each batch", at_least=1, at_most=1000)
    minibatch_size: int | None = _auto_knob("minibatch_size", "moves per gradient step", at_least=1, at_most=10**9)
    batch_size: int | None = knob(
        None,
        "moves per update, about: whole fragments of rollout.games x rollout.plies are taken as runners bring them; "
        "auto: the fewest with which all runners play on",
        at_least=1,
        at_most=10**9,
    )
    staleness: int | None = knob(
        None,
        "updates by which the policy that played may be older than the one that learns from it; what is older is not "
        "learned from; 0: playing and learning wait for each other, as without runners they do; auto: the "
        "least with which all runners play on: 1, or with batch_size at most 4",
        at_least=0,
        at_most=1000,
    )
    precision: Literal["float32", "bfloat16"] | None = knob(
        None,
        "of the body of mlp and conv in gradient steps, and in the games that are learned from; auto: bfloat16 where "
        "the device computes it faster; float32 keeps a GPU from TF32, too, in products as in convolutions",
    )
    num_learners: int = knob(
        0, "RLlib learner processes (GPUs) per learner; 0 learns inside the learner", at_least=0, at_most=MOST_PROCESSES
    )
    gpus: float | None = knob(
        None,
        "GPUs for each of them; auto: one if there are enough, else a share or 0",
        at_least=0,
        at_most=1000,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_gpus(self.gpus)
