"""`league status`: what the league is doing, and whether its store is whole."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from league.interfaces.cli.options import LEAGUE, STORE, JsonOption, LeagueOption, StoreOption, open_league

if TYPE_CHECKING:
    from rich.table import Table

    from league.pool.store import Store, Verification


def status(
    store: StoreOption = STORE,
    league: LeagueOption = LEAGUE,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check the whole store against itself; exit code 1 if something is wrong.")
    ] = False,
    events: Annotated[int, typer.Option(min=0, help="How many of the last events to show.")] = 5,
    json: JsonOption = False,
) -> None:
    """Show whether the league runs, its learners, pool, champion, warnings and last events."""
    from league.interfaces.cli import console

    with open_league(store, league) as (opened, _):
        found = _read(opened, events)
        verification = opened.verify() if verify else None
    if json:
        console.print_json({**found, "verification": None if verification is None else asdict(verification)})
    else:
        _print(found)
        if verification is not None:
            _print_verification(verification)
    if verification is not None and verification.problems:
        raise typer.Exit(1)


def _read(store: Store, events: int) -> dict[str, Any]:
    """Plain data. Counts come from the store, so they are right while no coordinator runs, too."""
    from league.pool.mirror import Mirror
    from league.view.overview import Overview

    overview, lease = Overview.read(Mirror(store, payoff=False, events=events)), store.lease()
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
        "pruned": len(overview.pruned),
        "bytes": overview.bytes,
        "matches": overview.matches,
        "champion": None if champion is None else champion.to_json(),
        "dropped_games": said.dropped_games,
        "learners": said.to_json()["learners"],
        "missing": said.missing,
        "unreadable": list(said.unreadable),
        "warnings": store.server_warnings(),
        "events": overview.events,
    }


def _print(found: dict[str, Any]) -> None:
    from league.interfaces.cli.console import facts, stdout, table
    from league.view.words import duration, moment, size

    output, champion, age_s, trainer = stdout(), found["champion"], found["heartbeat_age_s"], found["trained_by"]
    output.print(
        facts(
            {
                "league": f"{found['league']} at {found['store']}",
                "game": found["game"],
                "phase": found["phase"] + ("" if age_s is None else f" (last heard of {duration(age_s)} ago)"),
                "started": None if found["started_s"] is None else moment(found["started_s"]),
                "trained by": None if trainer is None else f"pid {trainer['pid']} on {trainer['host']}",
                "steps": f"{found['steps']:,}",
                "pool": f"{found['snapshots']} snapshots, {found['pruned']} of them pruned, {size(found['bytes'])}",
                "matches": f"{found['matches']:,}",
                "dropped games": found["dropped_games"] or None,
                "missing": found["missing"],
                "champion": "none yet"
                if champion is None
                else f"{champion['policy']}{', pinned' if champion['pinned'] else ''}, by {champion['by']} "
                f"since {moment(champion['promoted_s'])}: {champion['reason']}",
            }
        )
    )
    if found["learners"]:
        output.print()
        output.print(_learners(found["learners"], found["phase"]))
    for name in found["unreadable"]:
        output.print(f"unreadable  {name}: its weights are damaged, the league goes on without it", style="red")
    for warning in found["warnings"]:
        output.print(f"warning  {warning}", style="yellow")
    if found["events"]:
        output.print()
        shown = table("when", "event", "")
        for event in found["events"]:
            shown.add_row(moment(event["at_s"]), event["kind"], event["text"])
        shown.columns[2].no_wrap, shown.columns[2].overflow = False, "fold"
        output.print(shown)


def _learners(learners: dict[str, Any], phase: str) -> Table:
    from league.interfaces.cli.console import table
    from league.status import LearnerStatus

    numbers = list(LearnerStatus.numbers("status"))
    headings = [f">{number.heading}" for _, number in numbers]
    made = table("learner", *headings, "state", "losses", "opponents")
    for name, learner in learners.items():
        made.add_row(
            name,
            *(f"{learner[field]:,.0f}" for field, _ in numbers),
            _state(learner, phase),
            " ".join(f"{loss} {value:.3g}" for loss, value in learner["losses"].items()),
            " ".join(learner["opponents"]),
        )
    for column in made.columns[-2:]:
        column.no_wrap, column.overflow = False, "fold"
    return made


def _state(learner: dict[str, Any], phase: str) -> str:
    if learner["stopped"]:
        return "stopped: diverged"
    if phase in ("starting", "training") and not learner["placed"]:
        return "waits for room"
    return "learns" if phase == "training" else phase


def _print_verification(verification: Verification) -> None:
    from league.interfaces.cli.console import stdout

    output = stdout()
    output.print(
        f"\nchecked {verification.matches:,} matches, {verification.snapshots} snapshots, "
        f"{verification.promotions} promotions, {verification.checkpoints} checkpoints"
    )
    if verification.problems:
        for problem in verification.problems:
            output.print(f"problem  {problem}", style="red")
    else:
        output.print("ratings and payoff equal those recomputed from the match log", style="green")
