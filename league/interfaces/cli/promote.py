"""`league promote`: a snapshot becomes champion if it proves stronger, or if a person insists."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from league.config import LeagueConfig
from league.interfaces.cli import options
from league.interfaces.cli.console import progress, show_page
from league.interfaces.cli.starting import loading
from league.view.plain import evidence, promotion

if TYPE_CHECKING:
    from league.matches.contest import Result
    from league.pool.store import Store

NOT_PROMOTED = 1


def promote(
    policy: options.CandidateArgument = None,
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    reason: options.ReasonOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Without a test, and pinned: the league leaves your choice alone.")
    ] = False,
    games: Annotated[
        int | None,
        options.number(least=1, help="At most so many games against the champion; default: promotion.max_games"),
    ] = None,
    json: options.JsonOption = False,
) -> None:
    """Test a snapshot against the champion, in pairs of games, until it is known which is stronger.

    One that passes, and that no other snapshot of the pool beats clearly, is the new champion. Refused or undecided:
    exit code 1. The games are recorded, and a test goes on where it ended. Without POLICY the snapshots with the
    highest ratings race, and a champion that a person has pinned may be replaced by the league again.
    """
    with loading():
        from league.matches import contest

    with options.open_league(store, league) as (opened, config):
        if games is not None:
            config = dataclasses.replace(config, promotion=dataclasses.replace(config.promotion, max_games=games))
        if force:
            result = contest.force(opened, config, policy, by=options.user(), reason=reason)
        else:
            result = _compete(opened, config, policy, reason)
    found = {
        "promoted": result.promotion is not None,
        "champion": result.promotion and promotion(result.promotion),
        "trials": [{"candidate": trial.candidate, **evidence(trial.to_json())} for trial in result.trials],
    }
    show_page([*(trial.summary for trial in result.trials), result.note], lambda: found, json=json)
    if result.promotion is None:
        raise typer.Exit(NOT_PROMOTED)


def _compete(store: Store, config: LeagueConfig, word: str | None, reason: str | None) -> Result:
    """The test, with a line of progress on a terminal."""
    from league.matches.contest import compete

    with progress() as shown:
        task = shown.add_task("", total=None)
        return compete(
            store,
            config,
            word,
            by=options.user(),
            reason=reason,
            watch=lambda line: shown.update(task, description=escape(line)),
            note=lambda line: typer.echo(f"league: {line}", err=True),
        )
