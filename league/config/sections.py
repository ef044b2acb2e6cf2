"""What a league does with its policies: freezing, opponents, matches, ratings, promotion, and what is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from league.config.auto import AUTO_EVERY_STEPS
from league.config.limits import MOST_PROCESSES, NEVER_S, NEVER_STEPS, check_device
from league.errors import ConfigError
from league.settings import Section, knob

WIDE: Final = 100
"""How many `ratings.beta` the mean and the deviation of a new policy may be."""


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
        check_device(self.device)


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
