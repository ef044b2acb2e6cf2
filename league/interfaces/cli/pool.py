"""`league pool list`, `show` and `prune`: which frozen policies there are, and which keep their weights."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from league.config import load_config
from league.errors import ConfigError, PolicyError
from league.interfaces.cli import console, options
from league.interfaces.cli.console import Column, Columns
from league.ladder.records import Snapshot, Tally
from league.view import plain
from league.view.words import counted, moment, size

if TYPE_CHECKING:
    from league.view.holdings import Holding

COLUMNS: Final[Columns[Holding]] = (
    Column("policy", lambda line: f"★ {line.snapshot.name}" if line.champion else line.snapshot.name),
    Column("learner", lambda line: line.snapshot.learner, spare=True),
    Column(">steps", lambda line: f"{line.snapshot.steps:,}"),
    Column("frozen", lambda line: moment(line.snapshot.created_s), spare=True),
    Column(">size", lambda line: size(line.snapshot.bytes)),
    Column(">Elo", lambda line: line.strength.partition(" ± ")[0]),
    Column(">± 95%", lambda line: line.strength.partition(" ± ")[2]),
    Column(">games", lambda line: f"{line.games:,}"),
    Column("weights", lambda line: line.weights, fold=True),
)


def list_pool(
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    json: options.JsonOption = False,
) -> None:
    """List the snapshots, oldest first: their strength, and why their weights are kept.

    Who is in the Nash mixture is said as of when retention looked last; `league pool prune --dry-run` looks anew.
    """
    from league.view.holdings import holdings

    with options.open_league(store, league) as (opened, config):
        lines = list(holdings(opened, config, opened.mixture()).values())
    console.show(lines, COLUMNS, json=json, empty="no policies yet", style=_style)


def show(
    policy: options.SnapshotArgument,
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    json: options.JsonOption = False,
) -> None:
    """Show all that is known of one snapshot, also of one that was pruned."""
    from league.view.holdings import holdings
    from league.view.overview import bots_of

    with options.open_league(store, league) as (opened, config):
        named = opened.resolve(policy, bots_of(opened, config), pruned_too=True)
        named.require_digest("it is not in the pool")
        line = holdings(opened, config, opened.mixture())[named.name]
        played = opened.standing(named.name).total
    page = [console.facts(_facts(line, played))]
    console.show_page(page, lambda: {**line.to_json(), **plain.tally(played), "games": line.games}, json=json)


def prune(
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go, and what stays why.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    settings: Annotated[list[str] | None, options.settings("Another rule this once: retention.newest=5.")] = None,
    json: options.JsonOption = False,
) -> None:
    """Delete the weights of the snapshots that no rule keeps; their metadata, ratings and matches stay.

    Kept are champions, anchors, the best of each epoch, those with weight in the Nash mixture, and the newest.
    """
    from league.view.holdings import holdings

    with options.open_league(store, league) as (opened, config):
        _check_settings(settings or ())
        config = load_config(settings=settings or (), base=config.to_dict())
        lines = [line for line in holdings(opened, config, None).values() if line.pruned is None]
        names = [line.snapshot.name for line in lines if not line.reasons]
        gone: list[Snapshot] = []
        if dry_run:
            if not json:
                _print_plan(lines)
        elif names and (yes or _confirmed(lines)):
            gone = opened.prune(names, by=options.user(), now_s=opened.now_s())
            if gone:
                opened.add_event("pruned", f"{', '.join(s.name for s in gone)}: by {options.user()}", opened.now_s())
    if json:
        console.print_json([line.to_json() for line in lines] if dry_run else [_gone(one) for one in gone])
    elif not dry_run:
        print(f"pruned {len(gone)} of {counted(len(lines), 'snapshot')}, {size(_bytes(gone))}")


def _check_settings(settings: Sequence[str]) -> None:
    for setting in settings:
        if not setting.strip().startswith("retention."):
            raise ConfigError(f"--set {setting!r}: only retention's rules matter here, such as retention.newest=5")


def _confirmed(lines: Sequence[Holding]) -> bool:
    """Ask on a terminal; refuse where nobody can answer."""
    if not sys.stdin.isatty():
        raise PolicyError("pruning cannot be undone: look with --dry-run, then give --yes")
    _print_plan(lines)
    return typer.confirm("Prune them? This cannot be undone.", err=True)


def _print_plan(lines: Sequence[Holding]) -> None:
    going = [line.snapshot for line in lines if not line.reasons]
    said = f"{len(going)} of {counted(len(lines), 'snapshot')} would be pruned, {size(_bytes(going))}"
    console.print_parts([*([console.tabulate(lines, COLUMNS, style=_style)] if lines else []), said])


def _bytes(snapshots: Sequence[Snapshot]) -> int:
    return sum({snapshot.digest: snapshot.bytes for snapshot in snapshots}.values())


def _gone(snapshot: Snapshot) -> dict[str, object]:
    return {"policy": snapshot.name, "sha256": snapshot.digest, "bytes": snapshot.bytes}


def _style(line: Holding) -> str | None:
    return None if line.reasons else "dim"


def _facts(line: Holding, score: Tally) -> dict[str, object]:
    snapshot, pruned = line.snapshot, line.pruned
    gone = "" if pruned is None else f" by {pruned.by}; metadata, rating and matches remain"
    return {
        "policy": f"{snapshot.name} (the champion)" if line.champion else snapshot.name,
        "sha256": snapshot.digest,
        "learner": snapshot.learner,
        "steps": f"{snapshot.steps:,}",
        "parent": snapshot.parent,
        "frozen": moment(snapshot.created_s),
        "size": size(snapshot.bytes),
        "Elo": line.strength,
        "games": f"{line.games:,}",
        "W/D/L": "/".join(map(str, score)),
        "weights": f"{line.weights}{gone}" if pruned is not None else f"kept: {line.weights}",
    }
