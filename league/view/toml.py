"""A configuration as TOML that people read and `league train --config` takes."""

from __future__ import annotations

import json
from typing import Any

from league.config import LeagueConfig, knobs


def as_toml(config: LeagueConfig) -> str:
    """Dotted keys, each below its meaning; what is chosen for the game and the machine is commented out."""
    lines = []
    for key, value, about in knobs(config):
        lines.append(f"# {about}")
        lines.append(f"# {key} = auto" if value is None else f"{key} = {_value(value)}")
    return "".join(f"{line}\n" for line in lines)


def _value(value: Any) -> str:
    """On one line; keys of inline tables that are chosen for the game are left out."""
    if isinstance(value, dict):
        pairs = [f"{key} = {_value(item)}" for key, item in value.items() if item is not None]
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value, ensure_ascii=False)
