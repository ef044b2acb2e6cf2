"""The roles of learners: how many there are of each, and whom they meet."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from league.config.auto import AUTO_EVERY_STEPS
from league.config.limits import NEVER_STEPS
from league.config.sections import SnapshotConfig
from league.errors import ConfigError
from league.settings import Section, knob

MOST_LEARNERS = 1000
"""Of one role: each is a process of its own."""


@dataclass(frozen=True, kw_only=True)
class MixConfig(Section):
    """One source of a learner's training games."""

    against: Literal["self", "past", "latest", "bots"] = knob(
        "past",
        "self: the learner holds every seat; past: snapshots; latest: the newest snapshot of each learner; bots: fixed "
        "bots",
    )
    share: float = knob(
        1.0,
        "of the games, next to the other sources; 0: only while no other source has an opponent",
        at_least=0,
        at_most=1000,
    )
    roles: tuple[str, ...] | None = knob(None, "whose snapshots; auto: everyone's")
    bots: tuple[str, ...] | None = knob(None, "which fixed bots; auto: those on the rating scale")
    from_elo: float | None = knob(
        None,
        "only once the learner's newest rated snapshot has so much Elo; auto: always",
        at_least=-10_000,
        at_most=10_000,
    )
    until_elo: float | None = knob(
        None, "only while it has less Elo than this; auto: always", at_least=-10_000, at_most=10_000
    )
    weighting: Literal["squared", "variance", "linear", "linear_capped", "uniform", "quality"] = knob(
        "variance",
        "of an opponent beaten with probability x: (1-x)^2, x(1-x), 1-x, min(0.5, 1-x), 1, or its quality score",
    )
    win_rate_from: float = knob(0.0, "leave out opponents that are beaten less often", at_least=0, below=1)
    win_rate_below: float | None = knob(
        None, "leave out opponents that are beaten at least so often; auto: nobody", above=0, at_most=1
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.win_rate_below is not None and self.win_rate_below <= self.win_rate_from:
            raise ConfigError(
                f"win_rate_below = {self.win_rate_below}: must be above win_rate_from = {self.win_rate_from}"
            )
        if self.until_elo is not None and self.until_elo <= (-math.inf if self.from_elo is None else self.from_elo):
            raise ConfigError(f"until_elo = {self.until_elo}: must be above from_elo = {self.from_elo}")
        if self.against == "self":
            for f in dataclasses.fields(self):
                known = ("against", "share", "from_elo", "until_elo")
                if f.name not in known and getattr(self, f.name) != f.default:
                    raise ConfigError(f"{f.name}: self-play has no other opponents; leave it out")
        if self.bots is not None and self.against != "bots":
            raise ConfigError(f"bots = {list(self.bots)}: only for against = 'bots'; leave it out")
        if self.against == "bots" and self.roles is not None:
            raise ConfigError(f"roles = {list(self.roles)}: bots have no role; name them in bots, or leave it out")

    def meets_at(self, elo: float) -> bool:
        """Whether a learner with so much Elo plays games of this source."""
        return (self.from_elo is None or elo >= self.from_elo) and (self.until_elo is None or elo < self.until_elo)


@dataclass(frozen=True, kw_only=True)
class RoleConfig(Section):
    """A kind of learner: how many there are, whom they meet, when they are frozen and what happens then."""

    count: int = knob(1, "learners of this role", at_least=0, at_most=MOST_LEARNERS)
    share: float = knob(
        1.0, "of the time, next to other learners, where there are too few CPUs for all", at_least=0.001, at_most=1000
    )
    mix: tuple[MixConfig, ...] = knob(
        (MixConfig(against="self"), MixConfig(against="past")), "where the training games come from: a list of tables"
    )
    freeze_steps: int | None = knob(
        None,
        "freeze no sooner than so many steps after the last time; auto: snapshots.every_steps",
        at_least=1,
        at_most=NEVER_STEPS,
    )
    freeze_win_rate: float | None = knob(
        None, "then freeze as soon as every opponent of the mix is beaten more often; auto: at once", above=0, below=1
    )
    freeze_limit_steps: int | None = knob(
        None,
        "with freeze_win_rate: freeze after so many steps in any case; auto: four times freeze_steps",
        at_least=1,
        at_most=NEVER_STEPS,
    )
    reset_probability: float = knob(0.0, "after a freeze, begin anew with this probability", at_least=0, at_most=1)
    reset_to: Literal["initial", "past", "opponent"] = knob(
        "initial",
        "with the first weights, those of one of its own snapshots, or those of the newest snapshot of another learner "
        "in its mix, drawn uniformly",
    )
    champion: bool = knob(True, "its snapshots race for the champion's place; a person may promote any")

    @property
    def plays_itself(self) -> bool:
        """Whether its learners hold every seat in some of their games."""
        return any(source.against == "self" and source.share > 0 for source in self.mix)

    def with_bots(self, bots: Sequence[str]) -> RoleConfig:
        """The role with these bots wherever its mix leaves open which."""
        mix = tuple(
            dataclasses.replace(source, bots=tuple(bots))
            if source.against == "bots" and source.bots is None
            else source
            for source in self.mix
        )
        return dataclasses.replace(self, mix=mix)

    def least_steps(self, snapshots: SnapshotConfig) -> int:
        """Steps of a learner after its last snapshot before which none is frozen for their number."""
        return self.freeze_steps or snapshots.every_steps or AUTO_EVERY_STEPS[False]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not any(source.share > 0 for source in self.mix):
            raise ConfigError("mix: at least one source needs a share above 0")
        if all(source.against == "self" for source in self.mix) and self.freeze_win_rate is not None:
            raise ConfigError(f"freeze_win_rate = {self.freeze_win_rate}: a mix of self-play has nobody to beat")
        if self.reset_to == "opponent" and all(source.against in ("self", "bots") for source in self.mix):
            raise ConfigError("reset_to = 'opponent': a mix of self-play and bots has no opponent with weights")
        if self.freeze_limit_steps is not None and self.freeze_win_rate is None:
            raise ConfigError(
                f"freeze_limit_steps = {self.freeze_limit_steps}: says nothing without freeze_win_rate; leave it out"
            )
