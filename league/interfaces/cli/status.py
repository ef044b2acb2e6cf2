"""`league status`: what the league is doing, and whether its store is whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import RenderableType
from rich.styled import Styled

from league.errors import DamagedStoreError
from league.interfaces.cli import options
from league.interfaces.cli.console import Column, Columns, facts, show_page, tabulate, watching
from league.interfaces.cli.folding import Pieces
from league.iteration import LOSSES
from league.view.words import counted, duration, moment, size

if TYPE_CHECKING:
    from league.pool.store import Store, Verification

Learner = tuple[str, dict[str, Any]]
"""Its name, and what it says of itself."""

EVENTS: Final[Columns[dict[str, Any]]] = (
    Column("when", lambda event: moment(event["at_s"])),
    Column("event", lambda event: event["kind"]),
    Column("", lambda event: event["text"], fold=True),
)

FILLS: Final = {"memory": "of memory", "disk": "on the disk"}
"""What of a store is full first, in words."""


def status(
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check the whole store against itself; exit code 1 if something is wrong.")
    ] = False,
    events: Annotated[int, options.number(least=0, help="How many of the last events to show.")] = 5,
    json: options.JsonOption = False,
) -> None:
    """Show whether the league runs, its learners, pool, champion, warnings and last events."""
    with options.open_league(store, league) as (opened, _):
        verification = _verified(opened) if verify else None
        damaged = verification is not None and bool(verification.problems)
        try:
            found = _read(opened, events)
        except DamagedStoreError:
            if not damaged:
                raise
            found = {}
    checked = None if verification is None else asdict(verification)
    show_page(_page(found, verification), lambda: {**found, "verification": checked}, json=json)
    if damaged:
        raise typer.Exit(1)


def _verified(store: Store) -> Verification:
    with watching() as watch:
        return store.verify(watch)


def _read(store: Store, events: int) -> dict[str, Any]:
    """Plain data. Counts come from the store, so they are right while no coordinator runs, too."""
    from league.pool.mirror import Mirror
    from league.view.overview import Overview
    from league.view.plain import promotion
    from league.view.storage import Storage

    overview, lease = Overview.read(Mirror(store, standings=False, events=events)), store.lease()
    said, champion = overview.status, overview.champion
    return {
        "league": overview.league,
        "store": overview.address,
        "game": overview.config.game,
        "phase": overview.phase,
        "heartbeat_age_s": said.age_s(overview.read_s),
        "started_s": said.started_s,
        "trained_by": None if lease is None else asdict(lease.holder),
        "steps": said.steps,
        "snapshots": len(overview.snapshots),
        "pruned_snapshots": len(overview.pruned),
        "bytes": overview.bytes,
        "matches": overview.matches,
        "archived": store.archived(),
        "storage": storage.to_json() if (storage := Storage.of(store)) is not None else None,
        "champion": None if champion is None else promotion(champion),
        "dropped_games": said.dropped_games,
        "learners": said.at(overview.read_s).to_json()["learners"],
        "missing": said.missing,
        "trouble": said.trouble,
        "first_error": said.first_error,
        "unreadable": list(said.unreadable),
        "warnings": store.server_warnings(),
        "events": overview.events,
    }


def _page(found: dict[str, Any], verification: Verification | None) -> Iterator[RenderableType]:
    """What was found, nothing where it could not be read, and what the check said."""
    if found:
        yield from _state_of(found)
    if verification is not None:
        yield from _verification(verification)


def _state_of(found: dict[str, Any]) -> Iterator[RenderableType]:
    yield facts(_facts(found))
    if found["trouble"]:
        yield Styled(f"nothing is decided  {found['trouble']}", "red")
    if found["learners"]:
        yield ""
        yield tabulate(found["learners"].items(), _learner_columns(found["phase"]))
        for name, learner in found["learners"].items():
            rows = {"losses": _losses(learner), "plays": _opponents(learner)}
            if any(map(str, rows.values())):
                yield ""
                yield facts({"learner": name, **{what: line for what, line in rows.items() if str(line)}})
    for name in found["unreadable"]:
        yield Styled(f"unreadable  {name}: its weights are damaged, the league goes on without it", "red")
    for warning in found["warnings"]:
        yield Styled(f"warning  {warning}", "yellow")
    if found["events"]:
        yield ""
        yield tabulate(found["events"], EVENTS)


def _facts(found: dict[str, Any]) -> dict[str, object]:
    champion, age_s, trainer = found["champion"], found["heartbeat_age_s"], found["trained_by"]
    return {
        "league": f"{found['league']} at {found['store']}",
        "game": found["game"],
        "phase": found["phase"] + ("" if age_s is None else f" (last heard of {duration(age_s)} ago)"),
        "started": None if found["started_s"] is None else moment(found["started_s"]),
        "trained by": None if trainer is None else f"pid {trainer['pid']} on {trainer['host']}",
        "steps": f"{found['steps']:,}",
        "pool": _pool(found),
        "matches": f"{found['matches']:,}" + _archived(found["archived"]),
        "storage": None if found["storage"] is None else _storage(found["storage"]),
        "dropped games": found["dropped_games"] or None,
        "the first": found["first_error"],
        "missing": found["missing"],
        "champion": "none yet"
        if champion is None
        else f"{champion['policy']}{', pinned' if champion['pinned'] else ''}, by {champion['by']} "
        f"since {moment(champion['promoted_s'])}: {champion['reason']}",
    }


def _archived(archived: dict[str, int]) -> str:
    held = counted(archived["segments"], "segment")
    return f", {archived['matches']:,} of them in {held}" if archived["segments"] else ""


def _storage(storage: dict[str, Any]) -> Pieces:
    """How long the store will do, as `Storage` says it."""
    used = f"{size(storage['used_bytes'])} of {size(storage['limit_bytes'])} {FILLS[storage['fills']]}"
    if storage["lasts_s"] is None:
        return Pieces(used.split())
    return Pieces([*f"{used}; at its pace so far the rest lasts".split(), duration(storage["lasts_s"])])


def _pool(found: dict[str, Any]) -> str:
    pruned = f", {found['pruned_snapshots']:,} of them pruned" if found["pruned_snapshots"] else ""
    return f"{counted(found['snapshots'], 'snapshot')}{pruned}, {size(found['bytes'])}"


def _learner_columns(phase: str) -> Columns[Learner]:
    from league.status import LearnerStatus

    def number(field: str, heading: str) -> Column[Learner]:
        return Column(f">{heading}", lambda learner: f"{learner[1][field]:,.0f}")

    return (
        Column("learner", lambda learner: learner[0]),
        *(number(field, one.heading) for field, one in LearnerStatus.numbers("status")),
        Column("state", lambda learner: _state(learner[1], phase)),
    )


def _losses(learner: dict[str, Any]) -> Pieces:
    """As many to a line as fit, none of them broken."""
    return _words(f"{LOSSES.get(loss, loss)} {value:.3g}" for loss, value in learner["losses"].items())


def _opponents(learner: dict[str, Any]) -> Pieces:
    """Each with its share of the games."""
    return _words(f"{name} {100 * share:.0f}%" for name, share in learner["opponents"].items())


def _words(parts: Iterable[str]) -> Pieces:
    *all_but_last, last = [*parts] or [""]
    return Pieces([*(f"{part}," for part in all_but_last), last])


def _state(learner: dict[str, Any], phase: str) -> str:
    if learner["stopped"]:
        return "stopped: diverged"
    if phase in ("starting", "training") and not learner["placed"]:
        return "waits for room"
    return "learns" if phase == "training" else phase


def _verification(verification: Verification) -> Iterator[RenderableType]:
    yield (
        f"\nchecked {counted(verification.matches, 'match')}, {counted(verification.snapshots, 'snapshot')}, "
        f"{counted(verification.promotions, 'promotion')}, {counted(verification.checkpoints, 'checkpoint')}"
    )
    for problem in verification.problems:
        yield Styled(f"problem  {problem}", "red")
    if verification.problems:
        yield "league repair saves what can be saved"
    else:
        yield Styled("ratings and payoff equal those recomputed from the match log", "green")
