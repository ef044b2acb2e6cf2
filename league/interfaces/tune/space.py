"""What is searched: a TOML file like a configuration, in which some values are ranges."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from ray import tune

from league.config import LeagueConfig
from league.errors import ConfigError, nearest
from league.settings import JSON, merge, read_toml

Kind = Literal["choice", "uniform", "log_uniform"]
KINDS: Final = ("choice", "uniform", "log_uniform")
FIXED: Final = ("game", "seed", "network")
"""Keys that a league keeps: population-based training cannot change them on the way."""


@dataclass(frozen=True, kw_only=True)
class Range:
    """The values that one key may have."""

    key: str
    """Such as `learning.lr`."""
    kind: Kind
    values: tuple[Any, ...]
    """Of a choice; else the least and the largest, both of which may be drawn."""

    @property
    def whole(self) -> bool:
        """Whether it is drawn in whole numbers."""
        return all(isinstance(value, int) for value in self.values)

    def domain(self) -> Any:
        """As Ray Tune has it."""
        if self.kind == "choice":
            return tune.choice(list(self.values))
        least, most = self.values
        if self.whole:
            return (tune.randint if self.kind == "uniform" else tune.lograndint)(least, most + 1)
        return (tune.uniform if self.kind == "uniform" else tune.loguniform)(least, most)

    def __str__(self) -> str:
        if self.kind == "choice":
            return f"{self.key} in {list(self.values)}"
        return f"{self.key} from {self.values[0]} to {self.values[1]}{', log' if self.kind == 'log_uniform' else ''}"


@dataclass(frozen=True, kw_only=True)
class Space:
    """Ranges over a configuration that every trial shares."""

    ranges: tuple[Range, ...]
    base: JSON
    """The configuration without what is drawn, as plain data."""

    @classmethod
    def read(cls, path: Path, base: Mapping[str, Any]) -> Space:
        """Read a file over `base`; raises `ConfigError` for an unknown key, an empty range or a value out of range."""
        data: JSON = {}
        merge(data, base)
        ranges = []
        for key, value in _leaves(read_toml(path), base):
            if isinstance(value, Mapping):
                ranges.append(_range(path, key, value))
            else:
                merge(data, _nested(key, value))
        space = cls(ranges=tuple(ranges), base=data)
        space.config({}, of=path)
        if not ranges:
            raise ConfigError(
                f"{path}: nothing to search: give a key a range, such as lr = {{ log_uniform = [1e-4, 1e-2] }}"
            )
        for one in ranges:
            for value in one.values:
                space.config({one.key: value}, of=path)
        return space

    def config(self, drawn: Mapping[str, Any], of: Path | None = None) -> LeagueConfig:
        """The configuration of a trial; raises `ConfigError`, which names the file `of` the space."""
        data: JSON = {}
        merge(data, self.base)
        for key, value in drawn.items():
            merge(data, _nested(key, value))
        try:
            return LeagueConfig.from_dict(data)
        except ConfigError as error:
            raise ConfigError(f"{of}: {error}" if of is not None else str(error)) from None

    def domains(self) -> dict[str, Any]:
        """By key, as Ray Tune takes them."""
        return {one.key: one.domain() for one in self.ranges}

    def clipped(self, drawn: dict[str, Any]) -> dict[str, Any]:
        """The same with every number brought back into its range: population-based training changes them by factors."""
        for one in self.ranges:
            if one.kind != "choice":
                least, most = one.values
                value = min(max(drawn[one.key], least), most)
                drawn[one.key] = round(value) if one.whole else value
        return drawn

    def check_changeable(self) -> None:
        """Raise `ConfigError` for a key that population-based training cannot change on the way."""
        for one in self.ranges:
            if one.key.partition(".")[0] in FIXED:
                raise ConfigError(f"{one.key}: a league keeps it, so --scheduler pbt cannot change it: use asha")

    def to_json(self) -> JSON:
        """Plain data that tells spaces apart."""
        ranges = [{"key": one.key, "kind": one.kind, "values": list(one.values)} for one in self.ranges]
        return {"ranges": ranges, "base": self.base}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Space:
        """Read a space back, equal to that of which `to_json` gave the data."""
        ranges = (Range(key=one["key"], kind=one["kind"], values=tuple(one["values"])) for one in data["ranges"])
        return cls(ranges=tuple(ranges), base=data["base"])


def _leaves(data: Mapping[str, Any], known: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key with its value. A table is one where a word of a range is in it, or where `known` has a plain value."""
    for name, value in data.items():
        inner = known.get(name, {}) if isinstance(known, Mapping) else {}
        if isinstance(value, Mapping) and value and isinstance(inner, Mapping) and not set(value) & set(KINDS):
            yield from _leaves(value, inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _nested(key: str, value: Any) -> JSON:
    for part in reversed(key.split(".")):
        value = {part: value}
    nested: JSON = value
    return nested


def _range(path: Path, key: str, table: Mapping[str, Any]) -> Range:
    if len(table) != 1:
        raise ConfigError(f"{path}: {key} = {dict(table)}: must be one of {', '.join(KINDS)}")
    ((kind, values),) = table.items()
    if kind not in KINDS:
        raise ConfigError(f"{path}: {key} = {dict(table)}: no range {kind!r}{nearest(kind, KINDS)}")
    if not isinstance(values, list) or not values:
        raise ConfigError(f"{path}: {key}.{kind} = {values!r}: must be a list, not empty")
    if kind == "choice":
        return Range(key=key, kind="choice", values=tuple(values))
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) != 2 or len(values) != 2 or not all(map(math.isfinite, numbers)):
        raise ConfigError(f"{path}: {key}.{kind} = {values}: must be two numbers, the least and the largest")
    least, most = numbers
    if least >= most:
        raise ConfigError(f"{path}: {key}.{kind} = {values}: is empty, {least} is not below {most}")
    if kind == "log_uniform" and least <= 0:
        raise ConfigError(f"{path}: {key}.{kind} = {values}: a logarithm needs numbers above 0")
    whole = all(isinstance(value, int) for value in numbers)
    ends = tuple(numbers) if whole else tuple(map(float, numbers))
    return Range(key=key, kind="uniform" if kind == "uniform" else "log_uniform", values=ends)
