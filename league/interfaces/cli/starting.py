"""What is on the screen before there is a league to show: the imports alone take seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from league.interfaces.cli.console import progress
from league.signals import at_once

T = TypeVar("T")


class Starting(AbstractContextManager["Starting"]):
    """Names each stage: in one line that changes and is gone at the end on a terminal, elsewhere in a line of its own.

    Who is interrupted meanwhile is told what was under way.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self.began = time.monotonic()
        self._stage = ""
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        self._line = Progress(*columns, console=console, transient=True) if console.is_interactive else None
        self._task = self._line.add_task("", total=None) if self._line is not None else None

    def __call__(self, stage: str) -> None:
        """Say what begins now, such as `opening the store`."""
        self._stage = stage
        if self._line is not None and self._task is not None:
            self._line.update(self._task, description=stage)
            self._line.start()
            self._line.refresh()
        else:
            self._console.print(f"{clock(time.monotonic() - self.began)} starting: {stage}", soft_wrap=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._line is not None:
            self._line.stop()
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            self._console.print(f"interrupted while {self._stage}: the league is as it was")


@contextmanager
def loading(what: str = "torch") -> Iterator[None]:
    """A line on a terminal while something large is imported, which takes seconds; gone afterwards."""
    with _waiting(f"loading {what}"):
        yield


@contextmanager
def loaded(stage: str, block: AbstractContextManager[T]) -> Iterator[T]:
    """A block that takes seconds to enter, which a terminal says meanwhile."""
    with ExitStack() as end:
        with _waiting(stage):
            value = end.enter_context(block)
        yield value


@contextmanager
def _waiting(stage: str) -> Iterator[None]:
    with progress(SpinnerColumn(), TextColumn("{task.description}")) as shown, at_once():
        shown.add_task(stage, total=None)
        yield


def clock(seconds: float) -> str:
    """Seconds as hours, minutes and seconds, rounded down: 3661 as `1:01:01`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
