"""`league pool list`, `show` and `prune`: which frozen policies there are, and which keep their weights."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from league.config import LeagueConfig, load_config
from league.errors import ConfigError, PolicyError
from league.interfaces.cli import console
from league.interfaces.cli.console import Column, Columns
from league.interfaces.cli.options import (
    LEAGUE,
    STORE,
    JsonOption,
    LeagueOption,
    SnapshotArgument,
    StoreOption,
    open_league,
    user,
)
from league.ladder.ratings import Rating, elo
from league.ladder.records import Snapshot
from league.ladder.retention import Pruned
from league.view.words import moment, size

if TYPE_CHECKING:
    from league.pool.store import Store


@dataclass(frozen=True, kw_only=True)
class _Line:
    """What is known of one snapshot."""

    snapshot: Snapshot
    champion: bool
    rating: Rating | None
    elo: tuple[float, float] | None
    """Points and half the 95% interval; None without games."""
    reasons: Sequence[str]
    """Why its weights are kept."""
    pruned: Pruned | None

    def to_json(self) -> dict[str, Any]:
        row = self.snapshot.to_json()
        points, interval = self.elo or (None, None)
        return {
            "name": row.pop("name"),
            "sha256": row.pop("digest"),
            **row,
            "champion": self.champion,
            "elo": points,
            "interval": interval,
            "games": self.games,
            "keep": bool(self.reasons),
            "reasons": list(self.reasons),
            "pruned": None if self.pruned is None else self.pruned.to_json(),
        }

    @property
    def weights(self) -> str:
        """What became of its weights, for people."""
        if self.pruned is not None:
            return f"pruned {moment(self.pruned.pruned_s)}"
        return ", ".join(self.reasons) or "no rule keeps them"

    @property
    def strength(self) -> str:
        """Its Elo with its 95% interval, for people."""
        return "unrated" if self.elo is None else f"{self.elo[0]:+.0f} ± {self.elo[1]:.0f}"

    @property
    def games(self) -> int:
        """Games behind its rating."""
        return 0 if self.rating is None else self.rating.games


COLUMNS: Final[Columns[_Line]] = (
    Column("policy", lambda line: f"★ {line.snapshot.name}" if line.champion else line.snapshot.name),
    Column("learner", lambda line: line.snapshot.learner),
    Column(">steps", lambda line: f"{line.snapshot.steps:,}"),
    Column("frozen", lambda line: moment(line.snapshot.created_s)),
    Column(">size", lambda line: size(line.snapshot.bytes)),
    Column(">Elo", lambda line: line.strength.partition(" ± ")[0]),
    Column(">± 95%", lambda line: line.strength.partition(" ± ")[2]),
    Column(">games", lambda line: f"{line.games:,}"),
    Column("weights", lambda line: line.weights),
)


def list_pool(store: StoreOption = STORE, league: LeagueOption = LEAGUE, json: JsonOption = False) -> None:
    """List the snapshots, oldest first: their strength, and why their weights are kept."""
    with open_league(store, league) as (opened, config):
        lines = list(_lines(opened, config).values())
    console.show(lines, COLUMNS, json=json, empty="no policies yet", style=_style)


def show(
    policy: SnapshotArgument,
    store: StoreOption = STORE,
    league: LeagueOption = LEAGUE,
    json: JsonOption = False,
) -> None:
    """Show all that is known of one snapshot, also of one that was pruned."""
    from league.view.overview import bots_of

    with open_league(store, league) as (opened, config):
        named = opened.resolve(policy, bots_of(opened, config), pruned_too=True)
        named.require_digest("it is not in the pool")
        line = _lines(opened, config)[named.name]
        matches = opened.totals().get(named.name)
    score = (0, 0, 0) if matches is None else tuple(matches)
    page = [console.facts(_facts(line, score))]
    console.show_page(page, lambda: {**line.to_json(), "score": list(score)}, json=json)


def prune(
    store: StoreOption = STORE,
    league: LeagueOption = LEAGUE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go, and what stays why.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Another rule for this once, such as retention.newest=5.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Delete the weights of the snapshots that no rule keeps; their metadata, ratings and matches stay.

    Kept are every champion, the best of each epoch, those with weight in the Nash mixture, and the newest.
    """
    with open_league(store, league) as (opened, config):
        _check_settings(settings or ())
        config = load_config(settings=settings or (), base=config.to_dict())
        lines = [line for line in _lines(opened, config).values() if line.pruned is None]
        names = [line.snapshot.name for line in lines if not line.reasons]
        gone: list[Snapshot] = []
        if dry_run:
            if not json:
                _print_plan(lines)
        elif names and (yes or _confirmed(lines)):
            gone = opened.prune(names, by=user(), now_s=time.time())
            if gone:
                opened.add_event("pruned", f"{', '.join(s.name for s in gone)}: by {user()}", time.time())
    if json:
        console.print_json([line.to_json() for line in lines] if dry_run else [s.to_json() for s in gone])
    elif not dry_run:
        print(f"pruned {len(gone)} of {len(lines)} snapshots, {size(_bytes(gone))}")


def _check_settings(settings: Sequence[str]) -> None:
    for setting in settings:
        if not setting.strip().startswith("retention."):
            raise ConfigError(f"--set {setting!r}: only retention's rules matter here, such as retention.newest=5")


def _lines(store: Store, config: LeagueConfig) -> dict[str, _Line]:
    """By name, oldest first."""
    from league.pool.keeping import decisions

    reasons: Mapping[str, Sequence[str]] = {d.snapshot.name: d.reasons for d in decisions(store, config.retention)}
    ratings, champion, pruned = store.ratings(), store.champion(), store.pruned()
    lines = {}
    for snapshot in store.snapshots():
        rating = ratings.get(snapshot.name)
        lines[snapshot.name] = _Line(
            snapshot=snapshot,
            champion=champion is not None and champion.policy == snapshot.name,
            rating=rating,
            elo=None if rating is None or not rating.games else elo(rating, ratings, config.ratings),
            # One that came after the decisions is the newest.
            reasons=() if snapshot.digest in pruned else reasons.get(snapshot.name, ("newest",)),
            pruned=pruned.get(snapshot.digest),
        )
    return lines


def _confirmed(lines: Sequence[_Line]) -> bool:
    """Ask on a terminal; refuse where nobody can answer."""
    if not sys.stdin.isatty():
        raise PolicyError("pruning cannot be undone: look with --dry-run, then give --yes")
    _print_plan(lines)
    return typer.confirm("Prune them? This cannot be undone.", err=True)


def _print_plan(lines: Sequence[_Line]) -> None:
    going = [line.snapshot for line in lines if not line.reasons]
    output = console.stdout()
    if lines:
        output.print(console.tabulate(lines, COLUMNS, style=_style))
    output.print(f"{len(going)} of {len(lines)} snapshots would be pruned, {size(_bytes(going))}")


def _bytes(snapshots: Sequence[Snapshot]) -> int:
    return sum({snapshot.digest: snapshot.bytes for snapshot in snapshots}.values())


def _style(line: _Line) -> str | None:
    return None if line.reasons else "dim"


def _facts(line: _Line, score: Sequence[int]) -> dict[str, object]:
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
