"""Every knob of a league, its default, its range and what it means.

A configuration is a tree of frozen dataclasses. It is read from TOML files (`--config`, `--preset`) and from
`--set section.key=value`, later ones over earlier ones, and checked when it is built: a key that does not exist, a
value of the wrong type or outside its range is a `ConfigError` that names the key.

`None` means "chosen for the game and the machine"; in TOML leave the key out, with `--set` write `auto`.
"""

from __future__ import annotations

import dataclasses
import operator
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar

from league.errors import ConfigError, nearest

T = TypeVar("T")
JSON = dict[str, Any]


def knob(
    default: Any,
    about: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    above: float | None = None,
) -> Any:
    """Declare a field with its default, one line for people, and its range."""
    return field(default=default, metadata={"about": about, "at_least": at_least, "at_most": at_most, "above": above})


_RANGE_RULES = {"at_least": operator.ge, "at_most": operator.le, "above": operator.gt}


class _Section:
    """Checks the declared ranges when a section is built."""

    def __post_init__(self) -> None:
        for f in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, f.name)
            for item in value if isinstance(value, tuple) else (value,):
                _check_range(f, item)


def _check_range(f: dataclasses.Field[Any], value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    if value != value:
        raise ConfigError(f"{f.name} = {value}: not a number")
    for rule, holds in _RANGE_RULES.items():
        bound = f.metadata.get(rule)
        if bound is not None and not holds(value, bound):
            raise ConfigError(f"{f.name} = {value}: must be {rule.replace('_', ' ')} {bound}")


@dataclass(frozen=True, kw_only=True)
class NetworkConfig(_Section):
    """The policy network, built from the game's observation shape and number of actions."""

    kind: Literal["mlp", "conv"] = knob("mlp", "mlp: fully connected; conv: residual convolutions over a board")
    hidden: tuple[int, ...] = knob((256, 256), "width of each hidden layer; conv: only its last is used", at_least=1)
    channels: int = knob(64, "conv: channels of every convolution", at_least=1)
    blocks: int = knob(4, "conv: residual blocks of two convolutions", at_least=0)


@dataclass(frozen=True, kw_only=True)
class RolloutConfig(_Section):
    """How games are played for training."""

    runners: int | None = knob(
        None, "processes that play, per learner; 0 plays inside the learner; auto: 0 below 8 CPUs, else 2", at_least=0
    )
    games: int | None = knob(
        None, "games at once in each runner; auto: 512 for batched games, 16 through an adapter", at_least=1
    )
    plies: int | None = knob(
        None, "plies each of them advances per iteration; auto: 32 for batched games, 64 through an adapter", at_least=2
    )
    self_play_share: float = knob(
        0.5, "share of training games in which the learner holds every seat", at_least=0, at_most=1
    )
    exploring_share: float = knob(
        0.5, "share of training games that start from a random opening (exploring starts)", at_least=0, at_most=1
    )
    exploring_plies: int = knob(12, "longest random opening of an exploring start", at_least=1)
    device: str | None = knob(
        None, "torch device of the boards and of the policies that play; auto: cuda if the runner has one"
    )


@dataclass(frozen=True, kw_only=True)
class LearningConfig(_Section):
    """Proximal policy optimisation; fields that are RLlib's keep RLlib's spelling."""

    lr: float = knob(3e-3, "Adam step size", above=0)
    gamma: float = knob(0.97, "discount per own move", above=0, at_most=1)
    lambda_: float = knob(0.9, "generalised advantage estimation: trace decay", at_least=0, at_most=1)
    clip_param: float = knob(0.2, "PPO: clip of the probability ratio", above=0)
    vf_clip_param: float = knob(10.0, "largest squared error of the value that is learned from", above=0)
    vf_loss_coeff: float = knob(0.5, "weight of the value loss", at_least=0)
    entropy_coeff: float = knob(0.03, "weight of the entropy bonus", at_least=0)
    anneal_steps: int = knob(2_000_000, "steps over which lr and entropy_coeff fall linearly", at_least=1)
    anneal_to: float = knob(0.1, "share of themselves to which they fall, and at which they stay", above=0, at_most=1)
    grad_clip: float = knob(0.5, "largest global norm of a gradient", above=0)
    num_epochs: int = knob(2, "passes over each batch", at_least=1)
    minibatch_size: int = knob(1024, "moves per gradient step", at_least=1)
    precision: Literal["float32", "bfloat16"] | None = knob(
        None, "of the network's body in gradient steps; auto: bfloat16 where the device computes it faster"
    )
    num_learners: int = knob(0, "RLlib learner processes (GPUs) per learner; 0 learns inside the learner", at_least=0)
    gpus: float | None = knob(
        None, "GPUs for each of them; auto: one if there are enough, else a share or 0", at_least=0
    )


@dataclass(frozen=True, kw_only=True)
class SnapshotConfig(_Section):
    """When a learner's policy is frozen into the pool and when its state is saved."""

    every_steps: int = knob(250_000, "freeze after so many steps of the learner", at_least=1)
    timeout_s: float = knob(120.0, "freeze after so many seconds even if the steps are not reached", above=0)
    checkpoint_every_s: float = knob(15.0, "seconds between checkpoints: the most that a crash can cost", at_least=0)


@dataclass(frozen=True, kw_only=True)
class MatchmakingConfig(_Section):
    """Whom a learner trains against: prioritised fictitious self-play (PFSP) over the payoff table."""

    weighting: Literal["squared", "variance", "linear", "linear_capped"] = knob(
        "variance", "PFSP weight of an opponent beaten with probability x: (1-x)^2, x(1-x), 1-x or min(0.5, 1-x)"
    )
    opponents: int = knob(4, "distinct opponents in play at once", at_least=1)
    hold_iterations: int = knob(8, "iterations for which the drawn opponents stay", at_least=1)
    memory_games: float = knob(
        1000.0, "games against an opponent after which its old results have faded to 1/e", above=0
    )


@dataclass(frozen=True, kw_only=True)
class ArenaConfig(_Section):
    """Matches between frozen policies and fixed bots, which the ratings follow from."""

    workers: int = knob(1, "match worker actors", at_least=1)
    share: float = knob(0.15, "largest share of each worker's time that is spent on matches", above=0, at_most=1)
    games: int = knob(40, "games of one match, played in pairs with the seats swapped", at_least=2)
    opening_plies: int = knob(6, "longest random opening, the same for both games of a pair", at_least=0)
    max_plies: int = knob(2000, "a game that is longer is dropped", at_least=1)
    bots: tuple[str, ...] | None = knob(None, "fixed bots on the rating scale; auto: the game's own")
    closing_s: float = knob(15.0, "seconds of matches after training ends, for ratings not yet settled", at_least=0)


@dataclass(frozen=True, kw_only=True)
class RatingConfig(_Section):
    """OpenSkill, Plackett-Luce; the names are OpenSkill's."""

    mu: float = knob(25.0, "mean of a new policy")
    sigma: float = knob(25.0 / 3.0, "standard deviation of a new policy", above=0)
    beta: float = knob(25.0 / 6.0, "performance noise of one game", above=0)


@dataclass(frozen=True, kw_only=True)
class LeagueConfig(_Section):
    """The whole configuration of one league."""

    game: str = knob("connect_four", "a built-in game, or the dotted module of a PettingZoo AEC environment")
    seed: int = knob(0, "seed of everything random", at_least=0)
    mains: int = knob(1, "main agents that learn side by side", at_least=1)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    rollout: RolloutConfig = field(default_factory=RolloutConfig)
    learning: LearningConfig = field(default_factory=LearningConfig)
    snapshots: SnapshotConfig = field(default_factory=SnapshotConfig)
    matchmaking: MatchmakingConfig = field(default_factory=MatchmakingConfig)
    arena: ArenaConfig = field(default_factory=ArenaConfig)
    ratings: RatingConfig = field(default_factory=RatingConfig)

    def to_dict(self) -> JSON:
        """Return plain data that `from_dict` reads back to an equal configuration."""
        return typing.cast(JSON, _plain(self))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LeagueConfig:
        """Build from nested plain data; raises `ConfigError` naming the key."""
        return _build(cls, data, "")


def load_config(
    *,
    preset: str | None = None,
    file: Path | None = None,
    settings: Sequence[str] = (),
    base: Mapping[str, Any] | None = None,
) -> LeagueConfig:
    """Merge a stored configuration, a preset, a TOML file and `key=value` settings, in this order.

    Raises `ConfigError` for anything that cannot be read or is out of range.
    """
    data: JSON = {}
    _merge(data, base or {})
    if preset is not None:
        _merge(data, _read_toml(preset_path(preset)))
    if file is not None:
        _merge(data, _read_toml(file))
    for setting in settings:
        _merge(data, parse_setting(setting))
    return LeagueConfig.from_dict(data)


def presets() -> list[str]:
    """Names that `--preset` takes."""
    folder = resources.files("league.presets")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def preset_path(name: str) -> Path:
    """The TOML file of a preset; raises `ConfigError` for an unknown one."""
    if name not in presets():
        raise ConfigError(f"no preset {name!r}{nearest(name, presets())} (there are: {', '.join(presets())})")
    return Path(str(resources.files("league.presets") / f"{name}.toml"))


def parse_setting(setting: str) -> JSON:
    """Read `learning.lr=0.001` into `{"learning": {"lr": 0.001}}`.

    The value is TOML (`true`, `3`, `[64, 64]`); what is not is taken as a string; `auto` is `None`.
    """
    key, equals, text = setting.partition("=")
    key, text = key.strip(), text.strip()
    if not equals or not key:
        raise ConfigError(f"--set {setting!r}: write key=value, such as learning.lr=0.001")
    try:
        value: Any = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = None if text == "auto" else text
    for part in reversed(key.split(".")):
        value = {part: value}
    return typing.cast(JSON, value)


def knobs() -> list[tuple[str, Any, str]]:
    """Every key with its default and its meaning, in order: what `docs/configuration.md` lists."""
    return list(_walk(LeagueConfig(), ""))


def _walk(section: Any, prefix: str) -> typing.Iterator[tuple[str, Any, str]]:
    for f in dataclasses.fields(section):
        value = getattr(section, f.name)
        if dataclasses.is_dataclass(value):
            yield from _walk(value, f"{prefix}{f.name}.")
        else:
            yield f"{prefix}{f.name}", value, f.metadata["about"]


def _read_toml(path: Path) -> JSON:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


def _merge(into: JSON, new: Mapping[str, Any]) -> None:
    for key, value in new.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return list(value) if isinstance(value, tuple) else value


def _build(cls: type[T], data: Any, key: str) -> T:
    if not isinstance(data, Mapping):
        raise ConfigError(f"{key} = {data!r}: must be a table")
    hints = typing.get_type_hints(cls)
    prefix = f"{key}." if key else ""
    values = {}
    for name, value in data.items():
        if name not in hints:
            raise ConfigError(f"no option {prefix + name!r}{_nearest_key(prefix, name, hints)}")
        values[name] = _coerce(hints[name], value, prefix + name)
    try:
        return cls(**values)
    except ConfigError as error:
        raise ConfigError(f"{prefix}{error}") if key else error from None


def _nearest_key(prefix: str, name: str, siblings: Mapping[str, Any]) -> str:
    """The nearest right key: among its siblings first, then anywhere in the tree."""
    close = nearest(name, siblings)
    if close and prefix:
        return nearest(prefix + name, [prefix + sibling for sibling in siblings])
    everywhere = {key.rpartition(".")[2]: key for key, _, _ in knobs()}
    if not close and name in everywhere:
        return f"; did you mean {everywhere[name]!r}?"
    return close


def _coerce(hint: Any, value: Any, key: str) -> Any:
    """Check one value against its annotation; whole numbers are taken for floats and `1e6` for 1000000."""
    if dataclasses.is_dataclass(hint):
        return _build(typing.cast(type[Any], hint), value, key)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None:
            return None
        return _coerce(next(a for a in arguments if a is not type(None)), value, key)
    if origin is Literal:
        if value not in arguments:
            raise ConfigError(f"{key} = {value!r}: must be one of {', '.join(map(str, arguments))}")
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple) or not value:
            raise ConfigError(f"{key} = {value!r}: must be a list of {arguments[0].__name__}s, not empty")
        return tuple(_coerce(arguments[0], item, key) for item in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        kinds = {int: "a whole number", float: "a number", str: "a string", bool: "true or false"}
        raise ConfigError(f"{key} = {value!r}: must be {kinds[hint]}")
    return value
