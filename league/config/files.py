"""Where a configuration comes from: what is stored, presets, TOML files, and settings of the command line."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from league.config.league import LeagueConfig
from league.errors import ConfigError, nearest
from league.settings import JSON, merge, parse_setting, read_toml, walk

_NAMED_KEY = re.compile(r"(?:no option ')?([\w-]+(?:\.[\w-]+)*)")
"""The key with which each message of a `ConfigError` of a section begins."""


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
