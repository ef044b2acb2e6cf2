"""`league config`, `league presets`: every knob and what it does."""

from __future__ import annotations

import json as json_text
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from league.config import LeagueConfig, knobs, preset_path
from league.config import presets as known_presets
from league.interfaces.cli import options
from league.interfaces.cli.console import Column, print_json, show_page, tabulate


def config(
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    defaults: Annotated[
        bool, typer.Option("--defaults", help="Every knob with its default, without asking the store.")
    ] = False,
    json: options.JsonOption = False,
) -> None:
    """Print the configuration of the league as TOML that `league train --config` reads."""
    if defaults:
        chosen = LeagueConfig()
    else:
        with options.open_league(store, league) as (_, chosen):
            pass
    if json:
        print_json(chosen.to_dict())
    else:
        print("\n".join(_toml(chosen)))


def _toml(config: LeagueConfig) -> Iterable[str]:
    """Dotted keys, each below its meaning; what is chosen for the game and the machine is commented out."""
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


def presets(json: options.JsonOption = False) -> None:
    """List the configurations that `league train --preset` knows."""
    texts = {name: preset_path(name).read_text(encoding="utf-8") for name in known_presets()}
    about = {name: text.partition("\n")[0].removeprefix("#").strip() for name, text in texts.items()}
    columns = (Column[tuple[str, str]]("preset", lambda row: row[0]), Column[tuple[str, str]]("", lambda row: row[1]))
    show_page([tabulate(about.items(), columns) if about else "no presets"], lambda: about, json=json)
