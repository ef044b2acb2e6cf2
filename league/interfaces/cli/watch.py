"""`league watch`: the live panel of a league that runs elsewhere."""

from __future__ import annotations

import contextlib
import dataclasses
import json as json_text
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

from league.errors import StoreError, StoreUnavailableError
from league.interfaces.cli import options
from league.signals import Interruption, interrupts
from league.view.progress import Progress

if TYPE_CHECKING:
    from league.config import LeagueConfig
    from league.pool.store import Store
    from league.view.attachment import Attachment
    from league.view.overview import Overview

RETRY_S = 1.0
LINE_EVERY_S = 10.0
STEP_S = 0.25
"""How often the phase is looked at; a change of it is shown at once."""
TOP = 10
"""Rows of the leaderboard in a line of JSON."""
SCORES = ("results", "score")
"""What they lack there: it would have to be counted for each line."""


def watch(
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    every: Annotated[
        float | None,
        options.number(least=0.1, metavar="SECONDS", help="Between two looks; default: 1 on a terminal, else 10."),
    ] = None,
    json: options.JsonOption = False,
) -> None:
    """Show a league live, from any terminal that reaches its store, until Ctrl-C; the league does not notice.

    A panel on a terminal, elsewhere a line per interval, with --json one object per line. A league that is not there
    yet, and a store that does not answer, are waited for.
    """
    from league.view.attachment import Attachment

    with interrupts(patient=True) as stop, contextlib.closing(Attachment(store, league, events=1)) as attachment:
        if json:
            _print_lines(attachment, every or LINE_EVERY_S, stop)
        else:
            _show(attachment, every, stop)


def _show(attachment: Attachment, every_s: float | None, stop: Interruption) -> None:
    from league.interfaces.cli.console import stdout
    from league.interfaces.cli.panel import TrainingView
    from league.status import Status
    from league.view.progress import Limits

    opened = _wait(attachment, stop)
    if opened is None:
        return
    store, config = opened
    progress = Progress(phase="unknown", seconds=0.0, steps=0, interrupted=False)
    hint = "Ctrl-C leaves; the league goes on"
    with TrainingView(store, config, Limits(), stdout(), every_s=every_s, hint=hint) as view:
        while not stop.is_set():
            try:
                said = Status.from_json(store.status())
                phase, seconds = said.phase_at(store.now_s()), said.run_s
                progress = Progress(phase=phase, seconds=seconds, steps=said.steps, interrupted=False)
            except StoreUnavailableError:
                progress = dataclasses.replace(progress, phase="store lost")
            view.update(progress)
            stop.wait(STEP_S)


def _wait(attachment: Attachment, stop: Interruption) -> tuple[Store, LeagueConfig] | None:
    """The league as soon as it is there; None if somebody wants to leave before."""
    said = ""
    while not stop.is_set():
        try:
            return attachment.open()
        except StoreError as error:
            if str(error) != said:
                said = str(error)
                print(f"league: {said}; waiting", file=sys.stderr, flush=True)
            attachment.close()
        stop.wait(RETRY_S)
    return None


def _print_lines(attachment: Attachment, every_s: float, stop: Interruption) -> None:
    while not stop.is_set():
        try:
            data = _data(attachment.look())
        except StoreError as error:
            data = {"at_s": time.time(), "error": str(error)}
        print(json_text.dumps(data, ensure_ascii=False), flush=True)
        stop.wait(every_s)


def _data(overview: Overview) -> dict[str, Any]:
    from league.view.plain import promotion

    status, champion = overview.status.at(overview.read_s), overview.champion
    return {
        "at_s": overview.read_s,
        "game": overview.config.game,
        "phase": overview.phase,
        "seconds": status.run_s,
        "steps": status.steps,
        "steps_per_s": status.steps_per_s,
        "snapshots": status.snapshots,
        "matches": overview.matches,
        "champion": promotion(champion) if champion else None,
        "learners": status.to_json()["learners"],
        "top": [
            {key: value for key, value in row.to_json().items() if key not in SCORES} for row in overview.rows[:TOP]
        ],
        "event": next(iter(overview.events), None),
    }
