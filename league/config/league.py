"""The whole configuration: all sections, all roles, and what must hold between them."""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from league.config.learner import LearningConfig, NetworkConfig, RolloutConfig
from league.config.roles import RoleConfig
from league.config.sections import (
    ArenaConfig,
    CapacityConfig,
    LogConfig,
    MatchmakingConfig,
    PromotionConfig,
    RatingConfig,
    RetentionConfig,
    SnapshotConfig,
)
from league.errors import ConfigError, nearest
from league.settings import JSON, Section, build, knob, plain, toml_value, walk

_ROLE_NAME = re.compile("[a-z]+(-[a-z]+)*")  # No digit at its end: those number the learners of a role.


@dataclass(frozen=True, kw_only=True)
class LeagueConfig(Section):
    """The whole configuration of one league."""

    game: str = knob("connect_four", "a built-in game, or the dotted module of a PettingZoo AEC environment")
    seed: int = knob(0, "seed of everything random", at_least=0, at_most=2**31 - 1)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    rollout: RolloutConfig = field(default_factory=RolloutConfig)
    learning: LearningConfig = field(default_factory=LearningConfig)
    snapshots: SnapshotConfig = field(default_factory=SnapshotConfig)
    matchmaking: MatchmakingConfig = field(default_factory=MatchmakingConfig)
    arena: ArenaConfig = field(default_factory=ArenaConfig)
    ratings: RatingConfig = field(default_factory=RatingConfig)
    promotion: PromotionConfig = field(default_factory=PromotionConfig)
    retention: RetentionConfig = field(default_factory=RetentionConfig)
    log: LogConfig = field(default_factory=LogConfig)
    capacity: CapacityConfig = field(default_factory=CapacityConfig)
    roles: dict[str, RoleConfig] = field(default_factory=lambda: {"main": RoleConfig()})

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, role in self.roles.items():
            if not _ROLE_NAME.fullmatch(name):
                raise ConfigError(
                    f"roles.{name}: a role's name is lower-case letters and hyphens, such as main-exploiter"
                )
            least, limit = role.least_steps(self.snapshots), role.freeze_limit_steps
            if limit is not None and limit < least:
                key = "snapshots.every_steps" if role.freeze_steps is None else "freeze_steps"
                raise ConfigError(f"roles.{name}.freeze_limit_steps = {limit}: must be at least {key} = {least}")
            for place, source in enumerate(role.mix):
                for other in source.roles or ():
                    if other not in self.roles:
                        raise ConfigError(
                            f"roles.{name}.mix[{place}].roles: no role {other!r}{nearest(other, self.roles)}"
                        )
        if not any(role.count for role in self.roles.values()):
            raise ConfigError("roles: a league needs at least one role with a count of 1 or more")
        if not any(role.count and role.champion for role in self.roles.values()):
            raise ConfigError("roles: a league needs a learner whose snapshots may become champion")

    def learners(self) -> dict[str, str]:
        """The learners by name, each with its role: `main`, or `main1`, `main2` where there are several."""
        return {
            name if role.count == 1 else f"{name}{number}": name
            for name, role in self.roles.items()
            for number in range(1, role.count + 1)
        }

    def may_lead(self, role: str) -> bool:
        """Whether snapshots of the role race for the champion's place.

        So do those of roles that are no longer here, but not those that were imported: they came in as opponents. Their
        roles have a dot, which no name of a role of ours has.
        """
        return self.roles[role].champion if role in self.roles else "." not in role

    def to_dict(self) -> JSON:
        """Return plain data that `from_dict` reads back to an equal configuration."""
        return typing.cast(JSON, plain(self))

    def to_toml(self) -> str:
        """Every key below its meaning, as `load_config` reads it; what is chosen for the game and the machine is left
        out, as a comment."""
        lines = []
        for key, value, about in walk(self):
            lines += [f"# {about}", f"# {key} = auto" if value is None else f"{key} = {toml_value(value)}"]
        return "\n".join([*lines, ""])

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LeagueConfig:
        """Build from nested plain data; raises `ConfigError` naming the key."""
        return build(cls, data)
