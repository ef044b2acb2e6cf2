"""A league under way, seen from the process that started it."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RuntimeEnvSetupError

from league.errors import ClusterError, LeagueError
from league.signals import Interruption
from league.view.progress import Limits, Progress

POLL_S = 0.5
SILENCE_S = 120.0
"""A coordinator that does not answer for so long is given up."""
ENDING_S = 180.0
"""How long the league may take to save and end, beside its closing matches."""


class Run:
    """Asks the coordinator how the league is, says so, and has it end."""

    def __init__(
        self,
        coordinator: Any,
        limits: Limits,
        watch: Callable[[Progress], None],
        interrupted: Interruption,
        progress: Progress,
        champion_elo: Callable[[], float | None],
    ) -> None:
        self.coordinator = coordinator
        self.limits = limits
        self.watch = watch
        self.interrupted = interrupted
        self.began: float | None = None
        self.heard = time.monotonic()
        self.progress = progress
        self.champion_elo = champion_elo

    def until_limit(self) -> None:
        """Go on until a limit is reached, or somebody wants it to end."""
        limits = self.limits
        while not self.interrupted.is_set():
            self._look()
            seconds, steps = self.progress.seconds, self.progress.steps
            if self.progress.phase == "starting":  # Its steps are those that it had.
                steps = 0
            if limits.reached(seconds, steps, self.champion_elo() if limits.elo is not None else None):
                return
            self.interrupted.wait(POLL_S)

    def end(self, closing_s: float) -> Progress:
        """Have it save and end; first play matches, at most `closing_s` seconds, until the ratings are settled."""
        deadline = time.monotonic() + ENDING_S + closing_s
        asked = False
        while self.progress.phase != "stopped":
            with contextlib.suppress(RayActorError, GetTimeoutError):
                if not asked or self.progress.phase in ("starting", "training"):
                    self._answer(self.coordinator.stop.remote(closing_s))
                    asked = True
            self._look()
            if time.monotonic() > deadline:
                why = f": {self.progress.waits}" if self.progress.waits else ""
                raise ClusterError(
                    f"the league did not end within {ENDING_S + closing_s:.0f} s; its last checkpoint is safe{why}"
                )
            time.sleep(POLL_S / 2)
        return self.progress

    def _look(self) -> None:
        """Ask the coordinator how it is, and say how far the run is; while Ray restarts it, what was known stays."""
        share = self.limits.share(self.progress.seconds, self.progress.steps)
        try:
            phase, failure, steps, waits, stage, trouble = self._answer(self.coordinator.state.remote(share))
        except RuntimeEnvSetupError as error:
            raise ClusterError(f"Ray cannot make the environment of its workers: {_first_line(error)}") from error
        except (RayActorError, GetTimeoutError) as error:
            if time.monotonic() - self.heard > SILENCE_S:
                why = f": {_first_line(error)}" if isinstance(error, RayActorError) else ""
                raise ClusterError(f"the coordinator has not answered for {SILENCE_S:.0f} s{why}{_logs()}") from error
            return
        self.heard = time.monotonic()
        if failure is not None:
            raise LeagueError(failure)
        if phase == "training" and self.began is None:
            self.began = time.monotonic()
        seconds = time.monotonic() - self.began if self.began is not None else 0.0
        steps = self.progress.steps if steps is None else steps
        self._show(phase=phase, seconds=seconds, steps=steps, waits=waits, stage=stage, trouble=trouble)

    def _answer(self, future: Any) -> Any:
        """What the coordinator answers; the view goes on meanwhile, as its process may take long to start."""
        deadline = time.monotonic() + SILENCE_S
        while not ray.wait([future], timeout=POLL_S)[0] and time.monotonic() < deadline:
            self._show()
        return ray.get(future, timeout=POLL_S)

    def _show(self, **changes: Any) -> None:
        self.progress = dataclasses.replace(self.progress, interrupted=self.interrupted.is_set(), **changes)
        self.watch(self.progress)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _logs() -> str:
    """Where the reason may stand; nothing where Ray's head is another machine."""
    node = ray._private.worker._global_node
    return "" if node is None else f"; the logs of its processes are in {node.get_logs_dir_path()}"
