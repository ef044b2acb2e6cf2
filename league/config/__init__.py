"""The configuration of a league: its sections, its roles, and where it is read from.

A configuration is a tree of frozen dataclasses. It is read from TOML files (`--config`, `--preset`) and from
`--set section.key=value`, later ones over earlier ones, and checked when it is built: a key that does not exist, a
value of the wrong type or outside its range is a `ConfigError` that names the key.

`None` means "chosen for the game and the machine"; in TOML leave the key out, with `--set` write `auto`.
"""

from league.config.files import knobs, load_config, mended, preset_path, presets
from league.config.league import LeagueConfig
from league.config.learner import LearningConfig, NetworkConfig, RolloutConfig
from league.config.roles import MixConfig, RoleConfig
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

__all__ = [
    "ArenaConfig",
    "CapacityConfig",
    "LeagueConfig",
    "LearningConfig",
    "LogConfig",
    "MatchmakingConfig",
    "MixConfig",
    "NetworkConfig",
    "PromotionConfig",
    "RatingConfig",
    "RetentionConfig",
    "RoleConfig",
    "RolloutConfig",
    "SnapshotConfig",
    "knobs",
    "load_config",
    "mended",
    "preset_path",
    "presets",
]
