"""`league config`, `league presets`: every knob and what it does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from league.config import LeagueConfig, load_config, mended, preset_path
from league.config import presets as known_presets
from league.interfaces.cli import options
from league.interfaces.cli.console import Column, print_json, show_page, stderr, tabulate


def config(
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    defaults: Annotated[
        bool, typer.Option("--defaults", help="Every knob with its default, without asking the store.")
    ] = False,
    mend: Annotated[
        bool, typer.Option("--mend", help="Store it without what this version refuses, each such knob as its default.")
    ] = False,
    settings: Annotated[list[str] | None, options.settings("With --mend: another value instead.")] = None,
    json: options.JsonOption = False,
) -> None:
    """Print the configuration of the league as TOML that `league train --config` reads.

    One that this version refuses, because an older one stored it, is shown with what is wrong, and exit code 1.
    """
    if settings and not mend:
        raise typer.BadParameter("--set goes with --mend; a league takes new values from league train --set")
    chosen, refused = (LeagueConfig(), dict[str, str]()) if defaults else _stored(store, league, mend, settings or ())
    for why in refused.values():
        stderr().print(f"{'mended' if mend else 'refused'}  {why}", style="yellow")
    if json:
        print_json(chosen.to_dict())
    else:
        print(chosen.to_toml(), end="")
    if refused and not mend:
        stderr().print("above: what league config --mend would store")
        raise typer.Exit(1)


def _stored(address: str, name: str, mend: bool, settings: Sequence[str]) -> tuple[LeagueConfig, dict[str, str]]:
    """The configuration of a league, mended where need be, and what had to be."""
    from league.pool.store import Store

    with Store.open(address, name, create=False, refused=True) as store:
        found = store.settings()
        if found is None:
            return store.require_config(), {}  # Raises.
        chosen, refused = mended(found[1]())
        if settings:
            chosen = load_config(settings=settings, base=chosen.to_dict())
        if mend and (refused or settings):
            store.mend(chosen)
        return chosen, refused


def presets(json: options.JsonOption = False) -> None:
    """List the configurations that `league train --preset` knows."""
    texts = {name: preset_path(name).read_text(encoding="utf-8") for name in known_presets()}
    about = {name: text.partition("\n")[0].removeprefix("#").strip() for name, text in texts.items()}
    columns = (Column[tuple[str, str]]("preset", lambda row: row[0]), Column[tuple[str, str]]("", lambda row: row[1]))
    show_page([tabulate(about.items(), columns) if about else "no presets"], lambda: about, json=json)
