"""`league config`, `league presets`: every knob and what it does."""

from __future__ import annotations

import json as json_text
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from league.interfaces.cli.options import (
    DEFAULT_LEAGUE,
    DEFAULT_STORE,
    JsonOption,
    LeagueOption,
    StoreOption,
    open_league,
)

if TYPE_CHECKING:
    from league.config import LeagueConfig


def config(
    store: StoreOption = DEFAULT_STORE,
    league: LeagueOption = DEFAULT_LEAGUE,
    defaults: Annotated[
        bool, typer.Option("--defaults", help="Every knob with its default, without asking the store.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Print the configuration of the league as TOML that `league train --config` reads."""
    from league.config import LeagueConfig
    from league.interfaces.cli.console import print_json

    if defaults:
        chosen = LeagueConfig()
    else:
        with open_league(store, league) as (_, chosen):
            pass
    if json:
        print_json(chosen.to_dict())
    else:
        print("\n".join(_toml(chosen)))


def _toml(config: LeagueConfig) -> Iterable[str]:
    """Dotted keys, each below its meaning; what is chosen for the game and the machine is commented out."""
    from league.config import knobs

    for key, value, about in knobs(config):
        yield f"# {about}"
        yield f"# {key} = auto" if value is None else f"{key} = {_value(value)}"


def _value(value: Any) -> str:
    """On one line; keys of inline tables that are chosen for the game are left out."""
    if isinstance(value, dict):
        pairs = [f"{key} = {_value(item)}" for key, item in value.items() if item is not None]
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return json_text.dumps(value, ensure_ascii=False)


def presets(json: JsonOption = False) -> None:
    """List the configurations that `league train --preset` knows."""
    from league.config import preset_path
    from league.config import presets as names
    from league.interfaces.cli.console import print_json, stdout, table

    about = {name: _first_comment(preset_path(name).read_text(encoding="utf-8")) for name in names()}
    if json:
        print_json(about)
    elif about:
        made = table("preset", "")
        for row in about.items():
            made.add_row(*row)
        stdout().print(made)
    else:
        print("no presets")


def _first_comment(text: str) -> str:
    line = text.partition("\n")[0]
    return line.removeprefix("#").strip() if line.startswith("#") else ""
