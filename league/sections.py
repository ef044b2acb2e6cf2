"""The sections of a configuration that stand by themselves: every knob, its default, its range and what it means.

`None` means "chosen for the game and the machine". What is chosen is said here where it is a number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from league.errors import ConfigError, nearest
from league.plugins import is_dotted, names
from league.settings import Section, knob

AUTO_GAMES: Final = {True: 512, False: 16}
"""`rollout.games` by whether the game is batched, without lookahead."""
AUTO_PLIES: Final = {True: 32, False: 64}
"""`rollout.plies` by whether the game is batched, without lookahead."""
ANNEAL_MINIBATCHES: Final = 2000
"""`learning.anneal_steps` in minibatches."""
LOOKAHEAD_GAMES, LOOKAHEAD_PLIES = 2048, 16
"""`rollout.games` and `rollout.plies` with lookahead."""
AUTO_EVERY_STEPS: Final = {True: 2_000_000, False: 250_000}
"""`snapshots.every_steps` with lookahead, which learns from more moves a second and freezes more bytes, and without."""
EXPLORING_PLIES: Final = 12
"""`rollout.exploring_plies` where the length of the longest game is not known."""
EXPLORING_PART: Final = 6 / 7
"""Of the longest game, where it is known."""
AUTO_LEARNING: Final[Mapping[str, tuple[float, float]]] = {
    "gamma": (1.0, 0.97),
    "lambda_": (0.8, 0.9),
    "policy_loss_coeff": (0.0, 1.0),
    "vf_loss_coeff": (1.0, 0.5),
    "entropy_coeff": (0.0, 0.03),
    "anneal_to": (0.03, 0.1),
    "grad_clip": (1.0, 0.5),
    "num_epochs": (1, 2),
    "minibatch_size": (4096, 1024),
}
"""Keys of `learning` with lookahead, and without."""
AUTO_ROLLOUT: Final[Mapping[str, tuple[float, float]]] = {
    "exploring_share": (0.8, 0.5),
    "exploring_moves": (0.05, 0.0),
}
"""Keys of `rollout` with lookahead, and without."""
AUTO_RUNNERS: Final = 2
"""`rollout.runners` where there are `RUNNERS_FROM_CPUS` CPUs per learner; else 0."""
RUNNERS_FROM_CPUS: Final = 8
"""From so many CPUs per learner on, games are played in processes of their own."""
NEVER_S: Final = 1e9
NEVER_STEPS: Final = 10**15
"""The most that can be waited for: thirty years, and more steps than any of them has seconds."""
MOST_PROCESSES: Final = 1000
"""Of one kind: on a large cluster, as one machine has no room for so many."""
WIDE: Final = 100
"""How many `ratings.beta` the mean and the deviation of a new policy may be."""
WIDEST: Final = 8192
"""Numbers of a layer."""


AUTO_HIDDEN: Final[Mapping[str, tuple[int, ...]]] = {"mlp": (256, 256), "conv": (256, 256), "tables": (96, 32, 32)}
"""`network.hidden` by `network.kind`."""


def _widths() -> str:
    return ", ".join(f"{'x'.join(map(str, widths))} for {kind}" for kind, widths in AUTO_HIDDEN.items())


def _check_device(name: str | None) -> None:
    if name is not None and not re.fullmatch(r"(cpu|cuda|mps|xpu)(:[0-9]+)?", name):
        raise ConfigError(f"device = {name!r}: must be cpu, cuda, mps or xpu, or one by its number, such as cuda:1")


def _check_gpus(gpus: float | None) -> None:
    if gpus is not None and ((gpus > 1 and not gpus.is_integer()) or gpus != round(gpus, 4)):
        raise ConfigError(f"gpus = {gpus}: must be a whole number, or a share of one with at most four decimals")


def _by_game(numbers: Mapping[bool, int]) -> str:
    return f"{numbers[True]} for batched games, {numbers[False]} through an adapter"


def _auto_knob(name: str, about: str, **limits: float) -> Any:
    return knob(None, f"{about}; auto: {_with_or_without(AUTO_LEARNING[name])}", **limits)


def _with_or_without(numbers: tuple[float, float]) -> str:
    return f"{numbers[0]} with lookahead, else {numbers[1]}"


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
        f"auto: 0 below {RUNNERS_FROM_CPUS} CPUs, else {AUTO_RUNNERS}",
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
        _check_device(self.device)
        _check_gpus(self.gpus)


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
    precision: Literal["float32", "bfloat16"] | None = knob(
        None, "of the body of mlp and conv in gradient steps; auto: bfloat16 where the device computes it faster"
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
        _check_gpus(self.gpus)


@dataclass(frozen=True, kw_only=True)
class SnapshotConfig(Section):
    """When a learner's policy is frozen into the pool and when its state is saved."""

    every_steps: int | None = knob(
        None,
        "freeze after so many steps of the learner; "
        f"auto: {AUTO_EVERY_STEPS[True]} with lookahead, else {AUTO_EVERY_STEPS[False]}",
        at_least=1,
        at_most=NEVER_STEPS,
    )
    growth: float = knob(
        0.0125,
        "of the steps that the learner has made: freeze no sooner than after so large a part of them, so that a league "
        "of weeks has hundreds of snapshots; half of it if it clearly beats the last one; 0: every_steps for ever",
        at_least=0,
        below=1,
    )
    timeout_s: float = knob(
        120.0,
        "freeze after so many seconds even if every_steps is not reached, but growth is",
        above=0,
        at_most=NEVER_S,
    )
    checkpoint_every_s: float = knob(
        15.0, "seconds between checkpoints: the most that a crash can cost", at_least=0, at_most=NEVER_S
    )


@dataclass(frozen=True, kw_only=True)
class MatchmakingConfig(Section):
    """How a learner's training opponents are drawn from the sources of its role."""

    opponents: int = knob(4, "distinct opponents in play at once", at_least=1, at_most=1000)
    hold_iterations: int = knob(8, "iterations for which the drawn opponents stay", at_least=1, at_most=10**9)
    memory_games: float = knob(
        1000.0,
        "games against an opponent after which its old results have faded to 1/e",
        at_least=1,
        at_most=1e9,
    )


@dataclass(frozen=True, kw_only=True)
class ArenaConfig(Section):
    """Matches between frozen policies and fixed bots, which the ratings follow from."""

    workers: int = knob(1, "match worker actors", at_least=1, at_most=MOST_PROCESSES)
    share: float = knob(0.15, "largest share of each worker's time that is spent on matches", at_most=1, at_least=0.001)
    games: int = knob(40, "games of one match, played in pairs with the seats swapped", at_least=2, at_most=100_000)
    anchor_share: float = knob(
        0.3,
        "share of all matches that is against anchors, the fixed bots and a few snapshots spread over the ladder; "
        "every new snapshot meets them first",
        at_least=0,
        at_most=1,
    )
    opening_plies: int = knob(
        6, "longest random opening, the same for both games of a pair", at_least=0, at_most=10_000
    )
    max_plies: int = knob(2000, "a game that is longer is dropped", at_least=1, at_most=1_000_000)
    replays: int = knob(
        1000, "matches whose games are kept move by move; older ones are let go", at_least=0, at_most=1_000_000
    )
    device: str = knob("cpu", "torch device of match workers, which hold no GPU of Ray; one without it takes the CPU")
    bots: tuple[str, ...] | None = knob(None, "fixed bots on the rating scale; auto: the game's own")
    closing_s: float = knob(
        15.0, "seconds of matches after training ends, for ratings not yet settled", at_least=0, at_most=NEVER_S
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_device(self.device)


@dataclass(frozen=True, kw_only=True)
class RatingConfig(Section):
    """OpenSkill, Plackett-Luce; the names are OpenSkill's."""

    mu: float = knob(25.0, "mean of a new policy, at most 100 beta from 0", at_least=-1e6, at_most=1e6)
    sigma: float = knob(
        25.0 / 3.0, "standard deviation of a new policy, from beta/1000 to 100 beta", at_least=1e-6, at_most=1e6
    )
    beta: float = knob(25.0 / 6.0, "performance noise of one game", at_least=1e-3, at_most=1e4)

    def __post_init__(self) -> None:
        super().__post_init__()
        if abs(self.mu) > WIDE * self.beta:  # OpenSkill takes exp(mu / beta).
            raise ConfigError(f"mu = {self.mu}: must be at most {WIDE} beta = {WIDE * self.beta:g} from 0")
        if not self.beta / 1000 <= self.sigma <= WIDE * self.beta:
            least, most = self.beta / 1000, WIDE * self.beta
            raise ConfigError(f"sigma = {self.sigma}: must be from beta / 1000 = {least:g} to {WIDE} beta = {most:g}")


@dataclass(frozen=True, kw_only=True)
class PromotionConfig(Section):
    """When a snapshot replaces the champion: a sequential test of pairs of games, then a check against the pool."""

    automatic: bool = knob(True, "the league promotes by itself, by the same test as `league promote`")
    elo0: float = knob(0.0, "Elo above the champion that is not enough", at_least=-1000, at_most=1000)
    elo1: float = knob(50.0, "Elo above the champion that is enough", at_least=-1000, at_most=1000)
    alpha: float = knob(0.05, "chance to accept a candidate that is only elo0 above", below=0.5, at_least=1e-100)
    beta: float = knob(0.05, "chance to refuse a candidate that is elo1 above", below=0.5, at_least=1e-100)
    max_games: int = knob(
        2000, "games of one candidate against the champion, after which it is undecided", at_least=2, at_most=10**9
    )
    candidates: int = knob(3, "snapshots that race for the place of the champion at once", at_least=1, at_most=100)
    succession: float | None = knob(
        2.0,
        "a snapshot of the champion's learner with so many times its steps follows it once it proves not to be elo1 "
        "weaker; auto: never",
        above=1,
        at_most=1e6,
    )
    regression_games: int = knob(
        40, "games against each other snapshot, which must not beat it clearly", at_least=2, at_most=100_000
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.elo1 <= self.elo0:
            raise ConfigError(f"elo1 = {self.elo1}: must be above elo0 = {self.elo0}")


@dataclass(frozen=True, kw_only=True)
class RetentionConfig(Section):
    """Which snapshots keep their weights beside every champion; of the others everything else is kept."""

    automatic: bool = knob(True, "prune after each freeze; otherwise only `league pool prune` does")
    newest: int = knob(20, "keep so many of each learner's newest", at_least=1, at_most=10**6)
    epoch_steps: int = knob(
        2_500_000, "keep the best of every so many steps of each learner", at_least=1, at_most=NEVER_STEPS
    )
    epochs: int = knob(
        100,
        "at most so many of them: where a learner has made more, epoch_steps is doubled until it fits",
        at_least=1,
        at_most=10**6,
    )
    nash_weight: float = knob(
        0.001, "keep those with at least this weight in the Nash mixture", at_most=1, at_least=1e-9
    )


@dataclass(frozen=True, kw_only=True)
class CapacityConfig(Section):
    """What the league asks of Ray's autoscaler; where the cluster has none, nothing."""

    max_cpus: int | None = knob(
        None, "most CPUs to ask for; 0: none; auto: all that it can use", at_least=0, at_most=10**6
    )
    max_gpus: int | None = knob(
        None, "most GPUs to ask for; auto: as many as learning.gpus says", at_least=0, at_most=10**6
    )
    match_workers: int = knob(
        0, "further match workers, a CPU each, while many matches wait", at_least=0, at_most=MOST_PROCESSES
    )
    idle_s: float = knob(
        30.0, "seconds for which less must be needed before less is asked for", at_least=0, at_most=NEVER_S
    )


@dataclass(frozen=True, kw_only=True)
class LogConfig(Section):
    """What becomes of old matches: they are folded into payoff and ratings, and move on by segments."""

    keep: int = knob(100_000, "newest matches that the store keeps one by one", at_least=1, at_most=10**9)
    segment: int = knob(10_000, "older ones are put together, so many in a compressed file", at_least=1, at_most=10**7)
    archive: str | None = knob(
        None,
        "where these files go: a folder, or s3:// or gs://; auto: the folder `archive` of a folder store; a server "
        "keeps them itself",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.archive is not None and "@" in self.archive.partition("://")[2]:
            raise ConfigError("archive: leave user and password out of the URL; they belong in the environment")
