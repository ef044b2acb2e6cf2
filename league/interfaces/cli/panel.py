"""The live view of a league that trains: a panel on a terminal, a line per interval elsewhere.

Everything it shows beside the clock is read from the store, so `league watch` shows the same from another terminal.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from league.config import LeagueConfig
from league.errors import StoreError, WrongLeagueError
from league.every import Every
from league.interfaces.cli.console import Column, Columns, tabulate
from league.interfaces.cli.leaderboard import row_style
from league.interfaces.cli.starting import clock
from league.interfaces.cli.terminal import quiet_keys
from league.iteration import LOSSES
from league.ladder.leaderboard import Row
from league.pool.mirror import Mirror
from league.pool.store import Store
from league.status import ENDED, LearnerStatus, Status
from league.view.overview import Overview
from league.view.progress import Limits, Progress

TOP = 8
LINE_EVERY_S = 10.0
REFRESH_S = 1.0
NARROW = 110
"""Columns of a terminal below which counts are rounded and the least important columns left out."""
OPPONENTS = 2
"""So many of a learner's opponents are named."""

Learner = tuple[str, LearnerStatus]
"""With its name."""


@dataclass(frozen=True, kw_only=True)
class View:
    """One reading of the store."""

    status: Status
    rows: list[Row]
    champion: str | None
    event: str | None


class TrainingView:
    """Shows a run; use as a context manager and call `update` with every `Progress`."""

    def __init__(
        self,
        store: Store,
        config: LeagueConfig,
        limits: Limits,
        console: Console,
        *,
        every_s: float | None = None,
        hint: str = "Ctrl-C saves and ends",
        began: float | None = None,
    ) -> None:
        """`every_s`: between two looks; None: `REFRESH_S` on a terminal, else `LINE_EVERY_S`. `hint`: for Ctrl-C.

        `began`: when the start of the run began (`time.monotonic`), which the clock counts from until it trains.
        """
        self.config = config
        self.limits = limits
        self.console = console
        self._live = Live(console=console, auto_refresh=False, transient=False) if console.is_interactive else None
        self.hint = hint
        self._began = began
        self._every = Every(every_s if every_s is not None else REFRESH_S if self._live else LINE_EVERY_S, at_once=True)
        self._shown: tuple[object, ...] = ()
        """Of the progress, what is shown at once when it changes."""
        self._end = contextlib.ExitStack()
        self._first_error: str | None = None
        self._view = View(status=Status(), rows=[], champion=None, event=None)
        """The last reading that succeeded."""
        self._mirror = Mirror(store, standings=False, events=1)

    def __enter__(self) -> TrainingView:
        if self._live:
            self._end.enter_context(quiet_keys())
            self._end.enter_context(self._live)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._end.close()
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            self.console.print("interrupted: the league is as it was saved last")

    def update(self, progress: Progress) -> None:
        """Show how far the run is: once per interval, and at once when its phase or stage changes, or it waits."""
        shown = (progress.phase, progress.stage, progress.interrupted, progress.waits is not None)
        if shown == self._shown and not self._every.due:
            return
        self._every.begin()
        self._shown = shown
        waits = f"the league waits: {progress.waits}" if progress.waits else None
        view = self._look()
        if self._live:
            self._live.update(self._panel(progress, replace(view, event=waits or view.event)), refresh=True)
        else:
            self.console.print(_line(progress, self._time(progress), view), soft_wrap=True, highlight=False)
            if waits:
                self.console.print(waits, soft_wrap=True, highlight=False, markup=False)
            elif view.status.trouble:
                line = f"nothing is decided: {view.status.trouble}"
                self.console.print(line, soft_wrap=True, highlight=False, markup=False)
            elif view.status.first_error != self._first_error:
                line = f"a game broke: {view.status.first_error}"
                self.console.print(line, soft_wrap=True, highlight=False, markup=False)
            self._first_error = view.status.first_error

    def _look(self) -> View:
        """What the store holds; while it does not answer, what it held, and why."""
        try:
            self._view = self._read()
        except WrongLeagueError:  # It is being made.
            pass
        except StoreError as error:
            return replace(self._view, event=str(error))
        return self._view

    def _read(self) -> View:
        overview = Overview.read(self._mirror)
        return View(
            status=overview.status.at(overview.read_s),
            rows=overview.rows,
            champion=overview.champion.policy if overview.champion else None,
            event=next((f"{event['kind']}: {event['text']}" for event in overview.events), None),
        )

    def _panel(self, progress: Progress, view: View) -> RenderableType:
        parts: list[RenderableType] = [self._clock(progress, view)]
        if view.status.learners:
            parts.append(_learners(view, self._narrow))
        if view.rows:
            parts.append(_board(view, self._narrow))
        if view.status.first_error and not view.status.trouble:
            parts.append(Text(f"a game broke: {view.status.first_error}", style="red", overflow="fold"))
        if view.status.trouble:
            parts.append(Text(f"nothing is decided: {view.status.trouble}", style="bold red", overflow="fold"))
        if view.event:
            parts.append(Text(view.event, style="yellow", overflow="fold"))
        hint = "" if progress.phase in ENDED else "saving…" if progress.interrupted else self.hint
        title = f"league · {self.config.game} · {_doing(progress)}"
        return Panel(Group(*parts), title=title, subtitle=hint, title_align="left", subtitle_align="right")

    @property
    def _narrow(self) -> bool:
        return self.console.width < NARROW

    def _clock(self, progress: Progress, view: View) -> RenderableType:
        line = Table.grid(expand=True, padding=(0, 2))
        line.add_column(no_wrap=True)
        line.add_column(ratio=1)
        line.add_column(no_wrap=True)
        text = f"{self._time(progress)}  {count(progress.steps, self._narrow)} steps"
        counts = f"pool {view.status.snapshots}  matches {view.status.matches}"
        share = self._share(progress)
        line.add_row(text, ProgressBar(total=1.0, completed=share) if share is not None else "", counts)
        return line

    def _time(self, progress: Progress) -> str:
        """Of training; before it, since the start began."""
        if self._began is None or progress.phase != "starting":
            return clock(progress.seconds)
        return clock(time.monotonic() - self._began)

    def _share(self, progress: Progress) -> float | None:
        reached = (progress.seconds, self.limits.seconds), (progress.steps, self.limits.steps)
        return max((min(1.0, done / limit) for done, limit in reached if limit), default=None)


def _learners(view: View, narrow: bool) -> Table:
    def number(field: str, heading: str) -> Column[Learner]:
        return Column(f">{heading}", lambda one: count(round(getattr(one[1], field)), narrow))

    def loss(key: str) -> Column[Learner]:
        return Column(
            f">{LOSSES[key]}", lambda one: "" if one[1].losses.get(key) is None else f"{one[1].losses[key]:.3f}"
        )

    def opponents(one: Learner) -> str:
        names = list(one[1].opponents)
        rest = f" and {len(names) - OPPONENTS}" if names[OPPONENTS:] else ""
        return " ".join(names[:OPPONENTS]) + rest

    columns = [
        Column[Learner]("learner", lambda one: f"{one[0]} (stopped)" if one[1].stopped else one[0], fold=True),
        *(number(name, one.heading) for name, one in LearnerStatus.numbers("panel") if not (narrow and one.wide)),
        *([] if narrow else [loss("policy_loss"), loss("vf_loss")]),
        loss("entropy"),
        *([] if narrow else [Column("opponents", opponents, fold=True)]),
    ]
    return tabulate(view.status.learners.items(), columns)


def _board(view: View, narrow: bool) -> Table:
    columns: Columns[Row] = (
        Column(">", lambda row: row.rank),
        Column("policy", lambda row: f"★ {row.policy}" if row.champion else row.policy, fold=True),
        Column(">Elo", lambda row: f"{row.elo:.0f}" if row.games else "unrated"),
        Column(">± 95%", lambda row: f"{row.interval:.0f}" if row.games else ""),
        Column(">games", lambda row: count(row.games, narrow)),
        Column(">steps", lambda row: "" if row.steps is None else count(row.steps, narrow)),
    )
    return tabulate(view.rows[:TOP], columns, style=row_style)


def count(number: int, short: bool) -> str:
    """`5750000` as `5,750,000`, in short as `5.75M`: three digits."""
    rounded = int(float(f"{number:.3g}"))
    power = min((len(str(rounded)) - 1) // 3, 4)
    return f"{rounded / 1000**power:g}{'kMGT'[power - 1]}" if short and power else f"{number:,}"


def _line(progress: Progress, at: str, view: View) -> str:
    if progress.stage:
        return f"{at} {_doing(progress)}  steps {progress.steps}"
    losses = [learner.losses for learner in view.status.learners.values()]
    loss = next((loss["total_loss"] for loss in losses if "total_loss" in loss), None)
    parts = [
        f"{at} {_doing(progress)}",
        f"steps {progress.steps}",
        f"{view.status.steps_per_s:.0f} steps/s",
        *([f"loss {loss:.3f}"] if loss is not None else []),
        f"pool {view.status.snapshots}",
        f"matches {view.status.matches}",
        f"champion {view.champion or '-'}",
        *([f"[{view.event}]"] if view.event else []),
    ]
    return "  ".join(parts)


def _doing(progress: Progress) -> str:
    return f"{progress.phase}: {progress.stage}" if progress.stage else progress.phase
