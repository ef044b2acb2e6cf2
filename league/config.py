"""The configuration of a league: its sections, its roles, and where it is read from.

A configuration is a tree of frozen dataclasses. It is read from TOML files (`--config`, `--preset`) and from
`--set section.key=value`, later ones over earlier ones, and checked when it is built: a key that does not exist, a
value of the wrong type or outside its range is a `ConfigError` that names the key.

`None` means "chosen for the game and the machine"; in TOML leave the key out, with `--set` write `auto`.
"""

from __future__ import annotations

import copy
import dataclasses
import math
import re
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from league.errors import ConfigError, nearest
from league.sections import (
    AUTO_EVERY_STEPS,
    NEVER_STEPS,
    ArenaConfig,
    CapacityConfig,
    LearningConfig,
    LogConfig,
    MatchmakingConfig,
    NetworkConfig,
    PromotionConfig,
    RatingConfig,
    RetentionConfig,
    RolloutConfig,
    SnapshotConfig,
)
from league.settings import JSON, Section, build, knob, merge, parse_setting, plain, read_toml, walk

MOST_LEARNERS = 1000
"""Of one role: each is a process of its own."""

_NAMED_KEY = re.compile(r"(?:no option ')?([\w-]+(?:\.[\w-]+)*)")
"""The key with which each message of a `ConfigError` of a section begins."""

_ROLE_NAME = re.compile("[a-z]+(-[a-z]+)*")  # No digit at its end: those number the learners of a role.


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

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LeagueConfig:
        """Build from nested plain data; raises `ConfigError` naming the key."""
        return build(cls, data)


def load_config(
    *,
    preset: str | None = None,
    file: Path | None = None,
    settings: Sequence[str] = (),
    base: Mapping[str, Any] | None = None,
) -> LeagueConfig:
    """Merge a stored configuration, a preset, a TOML file and `key=value` settings, in this order.

    A preset or a file with `[roles]` lists all roles: those of before are gone. Settings change the roles there are.

    Raises `ConfigError` for anything that cannot be read or is out of range.
    """
    data: JSON = {"roles": LeagueConfig().to_dict()["roles"]}
    _overlay(data, base or {})
    if preset is not None:
        _overlay(data, read_toml(preset_path(preset)))
    if file is not None:
        _overlay(data, read_toml(file))
    for setting in settings:
        merge(data, parse_setting(setting))
    return LeagueConfig.from_dict(data)


def mended(stored: Mapping[str, Any]) -> tuple[LeagueConfig, dict[str, str]]:
    """A stored configuration without what this version refuses in it, each such key as its default.

    Returns:
        The configuration; and why each key was refused, none where there is nothing to mend.
    """
    data, refused = copy.deepcopy(dict(stored)), dict[str, str]()
    while True:
        try:
            return LeagueConfig.from_dict(data), refused
        except ConfigError as error:
            key = _dropped(data, str(error))
            if key is None:
                raise
            refused[key] = str(error)


def _dropped(data: JSON, why: str) -> str | None:
    """Take the key that an error names out of `data`, or the table of it that is there; which it was."""
    named = _NAMED_KEY.match(why)
    if named is None:
        return None
    table, parts = data, named[1].split(".")
    for place, part in enumerate(parts):
        if part not in table:
            return None
        if place == len(parts) - 1 or not isinstance(table[part], dict) or parts[place + 1] not in table[part]:
            del table[part]
            return ".".join(parts[: place + 1])
        table = table[part]
    return None


def presets() -> list[str]:
    """Names of the presets that `--preset` takes."""
    folder = resources.files("league.presets")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def preset_path(name: str) -> Path:
    """The TOML file of a preset; raises `ConfigError` for an unknown one."""
    if name not in presets():
        raise ConfigError(f"no preset {name!r}{nearest(name, presets())} (there are: {', '.join(presets())})")
    return Path(str(resources.files("league.presets") / f"{name}.toml"))


def knobs(config: LeagueConfig | None = None) -> list[tuple[str, Any, str]]:
    """Every key with its value in `config`, by default the default, and its meaning, in order."""
    return list(walk(config or LeagueConfig()))


def _overlay(into: JSON, new: Mapping[str, Any]) -> None:
    if "roles" in new:
        into["roles"] = {}
    merge(into, new)
