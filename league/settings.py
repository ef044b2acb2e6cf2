"""Reading settings: from TOML and `key=value` to frozen dataclasses whose fields say what they may be.

What the settings are is `league.config`'s; nothing here knows of a league.
"""

from __future__ import annotations

import dataclasses
import json
import math
import operator
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Literal, TypeVar

from league.errors import ConfigError, nearest

T = TypeVar("T")
JSON = dict[str, Any]
_KINDS = {int: "a whole number", float: "a number", str: "a string", bool: "true or false"}


def knob(
    default: Any,
    about: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> Any:
    """Declare a field with its default, one line for people, and its range."""
    limits = {"at_least": at_least, "at_most": at_most, "above": above, "below": below}
    return field(default=default, metadata={"about": about, **limits})


_RANGE_RULES = {"at_least": operator.ge, "at_most": operator.le, "above": operator.gt, "below": operator.lt}


class Section:
    """Checks the declared ranges when a section is built."""

    def __post_init__(self) -> None:
        for f in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, f.name)
            for item in value if isinstance(value, tuple) else (value,):
                _check_range(f, item)


def _check_range(f: dataclasses.Field[Any], value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{f.name} = {value}: must be a finite number")
    for rule, holds in _RANGE_RULES.items():
        bound = f.metadata.get(rule)
        if bound is not None and not holds(value, bound):
            raise ConfigError(f"{f.name} = {value}: must be {rule.replace('_', ' ')} {bound}")


def parse_setting(setting: str) -> JSON:
    """Read `learning.lr=0.001` into `{"learning": {"lr": 0.001}}`.

    The value is TOML (`true`, `3`, `[64, 64]`); what is not is taken as a string; `auto` is `None`.
    """
    key, equals, text = setting.partition("=")
    key, text = key.strip(), text.strip()
    if not equals or not key:
        raise ConfigError(f"--set {setting!r}: write key=value, such as learning.lr=0.001")
    try:
        read = tomllib.loads(f"value = {text}")
    except ValueError:  # Not TOML, or a whole number of more digits than Python reads.
        read = {}
    value: Any = read["value"] if read.keys() == {"value"} else None if text == "auto" else text
    for part in reversed(key.split(".")):
        value = {part: value}
    return typing.cast(JSON, value)


def walk(section: Any, prefix: str = "") -> typing.Iterator[tuple[str, Any, str]]:
    """Every key under a section with its value and its meaning, in order."""
    for f in dataclasses.fields(section):
        value = getattr(section, f.name)
        if dataclasses.is_dataclass(value):
            yield from walk(value, f"{prefix}{f.name}.")
        elif isinstance(value, dict):
            for name, item in value.items():
                yield from walk(item, f"{prefix}{f.name}.{name}.")
        else:
            yield f"{prefix}{f.name}", plain(value), f.metadata["about"]


def read_toml(path: Path) -> JSON:
    """A TOML file as nested plain data; raises `ConfigError`."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:  # Not TOML, not UTF-8, or a whole number of more digits than Python reads.
        raise ConfigError(f"{path} is not TOML: {error}") from error


def toml_value(value: Any) -> str:
    """Plain data as TOML, on one line; keys of inline tables without a value are left out."""
    if isinstance(value, dict):
        pairs = [f"{key} = {toml_value(item)}" for key, item in value.items() if item is not None]
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml_value, value))}]"
    return json.dumps(value, ensure_ascii=False)


def merge(into: JSON, new: Mapping[str, Any]) -> None:
    """Lay `new` over `into`, key by key."""
    for key, value in new.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value


def plain(value: Any) -> Any:
    """A section as nested plain data, of which `build` makes an equal one."""
    if dataclasses.is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def build(cls: type[T], data: Any, key: str = "", root: type[Any] | None = None) -> T:
    """A tree of sections from nested plain data, each as its annotation says; raises `ConfigError` naming the key.

    Of a section in the tree, `key` is its own, and `root` the class of the whole.
    """
    root = root or cls
    if not isinstance(data, Mapping):
        raise ConfigError(f"{key} = {data!r}: must be a table")
    hints = typing.get_type_hints(cls)
    prefix = f"{key}." if key else ""
    values = {}
    for name, value in data.items():
        if name not in hints:
            raise ConfigError(f"no option {prefix + name!r}{_nearest_key(prefix, name, hints, root)}")
        values[name] = _coerce(hints[name], value, prefix + name, root)
    try:
        return cls(**values)
    except ConfigError as error:
        raise ConfigError(f"{prefix}{error}") from None


def _nearest_key(prefix: str, name: str, siblings: Mapping[str, Any], root: type[Any]) -> str:
    """The nearest right key: among its siblings first, then anywhere in the tree."""
    close = nearest(name, siblings)
    if close and prefix:
        return nearest(prefix + name, [prefix + sibling for sibling in siblings])
    everywhere = {key.rpartition(".")[2]: key for key, _, _ in walk(root())}
    if not close and name in everywhere:
        return f"; did you mean {everywhere[name]!r}?"
    return close


def _coerce(hint: Any, value: Any, key: str, root: type[Any]) -> Any:
    """Check one value against its annotation; whole numbers are taken for floats and `1e6` for 1000000."""
    if dataclasses.is_dataclass(hint):
        return build(typing.cast(type[Any], hint), value, key, root)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None:
            return None
        return _coerce(next(a for a in arguments if a is not type(None)), value, key, root)
    if origin is Literal:
        if value not in arguments:
            raise ConfigError(f"{key} = {value!r}: must be one of {', '.join(map(str, arguments))}")
        return value
    if origin is dict:
        if not isinstance(value, Mapping):
            raise ConfigError(f"{key} = {value!r}: must be a table")
        return {name: _coerce(arguments[1], item, f"{key}.{name}", root) for name, item in value.items()}
    if origin is tuple:
        kind = "table" if dataclasses.is_dataclass(arguments[0]) else _KINDS[arguments[0]].removeprefix("a ")
        if not isinstance(value, list | tuple) or not value:
            raise ConfigError(f"{key} = {value!r}: must be a list of {kind}s, not empty")
        return tuple(
            _coerce(arguments[0], item, f"{key}[{place}]" if kind == "table" else key, root)
            for place, item in enumerate(value)
        )
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value) if abs(value) < 2**1000 else math.inf
    if hint is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise ConfigError(f"{key} = {value!r}: must be {_KINDS[hint]}")
    return value
