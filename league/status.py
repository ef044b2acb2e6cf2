"""What a coordinator says of its league: each number of a learner is declared once, for every screen and monitor.

The coordinator writes a `Status` to the store every second; everything that people and monitors see of the present is
read back from there. Another version of this project may have said less, or more: what is not there, or cannot be read,
has its default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from league.iteration import Iteration, Usage

Phase = Literal["starting", "training", "closing", "stopped", "failed"]

STALE_S: Final = 10.0
"""A coordinator says something every second; after so many without a word, by the store's clock, it is not running."""

ENDED: Final = ("stopped", "failed")

SMOOTHING: Final = 0.8
"""Of speeds, per iteration: so much of the old one is kept."""


class _Said(BaseModel):
    """Plain data, as the store keeps it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> Self:
        """Of what any version of this project has said; a value that is missing, or none of its kind, has its default.

        `data` None: nothing was ever said.
        """
        return cls.model_validate(data or {}, context={"said": True})

    @field_validator("*", mode="wrap")
    @classmethod
    def _tolerate(cls, value: Any, read: Callable[[Any], Any], info: ValidationInfo) -> Any:
        try:
            return read(value)
        except ValidationError:
            if not info.context or info.field_name is None:  # Our own mistake.
                raise
            return cls.model_fields[info.field_name].get_default(call_default_factory=True)

    def to_json(self) -> dict[str, Any]:
        """Plain data for `from_json`, the defaults included."""
        return self.model_dump(mode="json")


Screen = Literal["panel", "status", "page"]
"""Where people look: the live panel, `league status`, the web page."""


@dataclass(frozen=True, kw_only=True)
class Number:
    """How a number of a learner is shown. It is a metric of the exporter's in any case."""

    unit: str
    """What one of it is."""
    about: str
    """The help of its metric: one sentence."""
    heading: str
    """Of its column, in lower case."""
    screens: tuple[Screen, ...] = ()
    """Which of them have the column."""
    explained: str = ""
    """What its heading means, where that needs a word; the page has its column after the losses."""
    wide: bool = False
    """The panel has it only where there is room."""
    per_second: Callable[[Iteration], float] | None = None
    """It is a speed: what an iteration adds to, shown per second and smoothed; 0 while the learner is at rest."""
    not_shown: str = ""
    """Why no dashboard shows its metric; empty for one that is shown."""


class LearnerStatus(_Said):
    """One learner. A field that is a `Number` appears on its screens and as a metric by being declared here."""

    steps: Annotated[
        int,
        Number(
            unit="steps",
            about="A learner's clock: the steps behind its weights. It goes back to the last checkpoint after a crash.",
            heading="steps",
            screens=("panel", "status", "page"),
        ),
    ] = 0
    steps_per_s: Annotated[
        float,
        Number(
            unit="steps/s",
            about="Speed of a learner, smoothed; 0 at rest.",
            heading="steps/s",
            screens=("panel", "status", "page"),
            per_second=lambda iteration: iteration.steps,
        ),
    ] = 0.0
    plies_per_s: Annotated[
        float,
        Number(
            unit="plies/s",
            about="Plies played for a learner, smoothed; 0 at rest.",
            heading="plies/s",
            screens=("panel", "status"),
            wide=True,
            per_second=lambda iteration: iteration.plies,
        ),
    ] = 0.0
    lag_steps: Annotated[
        int,
        Number(
            unit="steps",
            about="The lag of the pool: a learner's steps since its last snapshot.",
            heading="lag",
            explained="steps since its last snapshot",
            screens=("page",),
        ),
    ] = 0
    losses: Mapping[str, float] = {}
    """Of the last update, by RLlib's names."""
    opponents: Mapping[str, float] = {}
    """Share of the games, 0 to 1, by name."""
    stopped: bool = False
    """Whether it has been given up."""
    placed: bool = True
    """Whether it has its share of the cluster, or waits for room."""
    gpus: float = 0.0
    """GPUs of each of its learner processes."""
    runners: int = 0
    """Runner processes that it was started with."""
    reported_s: float | None = None
    """When it finished its last iteration of this run (Unix time, s)."""
    saved_s: float | None = None
    """When it made its last checkpoint of this run (Unix time, s)."""
    parts_s: Mapping[str, float] = {}
    """Seconds of the parts of its last iteration: `sample` and `learn`."""
    usage: Usage | None = None

    @classmethod
    def numbers(cls, screen: Screen | None = None) -> Iterator[tuple[str, Number]]:
        """Name of the field and declaration of every number, or of those that have a column on one screen."""
        for name, declared in cls.model_fields.items():
            for number in declared.metadata:
                if isinstance(number, Number) and (screen is None or screen in number.screens):
                    yield name, number

    def after(self, iteration: Iteration, seconds: float) -> Self:
        """It has learned for `seconds` since its last iteration, in which others may have had their turn."""
        speeds = {
            name: _smoothed(getattr(self, name), number.per_second(iteration) / seconds)
            for name, number in self.numbers()
            if number.per_second is not None
        }
        parts_s = {"sample": iteration.sample_s, "learn": iteration.learn_s}
        losses = dict(iteration.losses)
        return self.model_copy(update={**speeds, "losses": losses, "parts_s": parts_s, "usage": iteration.usage})

    def at_rest(self) -> Self:
        """Without what it did and held."""
        speeds = {name: 0.0 for name, number in self.numbers() if number.per_second is not None}
        usage = None if self.usage is None else Usage()
        return self.model_copy(update={**speeds, "placed": False, "usage": usage})


def _smoothed(old: float, new: float) -> float:
    return SMOOTHING * old + (1 - SMOOTHING) * new if old else new


class ArenaStatus(_Said):
    """The matches between policies: who plays them, and how many wait."""

    workers: int = 0
    busy: int = 0
    candidates: int = 0
    """Snapshots that race for the champion's place."""
    wanted: Mapping[str, int] = {}
    """Matches that are still to be played, by purpose."""


class Status(_Said):
    """The league; without a heartbeat, one that never ran."""

    phase: str = "unknown"
    """What the coordinator said of itself; `phase_at` says whether that still holds."""
    heartbeat_s: float | None = None
    """When it said so, by the store's clock (Unix, s), as all times here."""
    started_s: float | None = None
    """When its run began (Unix, s)."""
    game: str | None = None
    steps: int = 0
    """Steps of all learners together, since the league began."""
    snapshots: int = 0
    matches: int = 0
    champion: str | None = None
    dropped_games: int = 0
    """Games without a result in this run."""
    missing: str | None = None
    """What the league asks for and cannot have."""
    trouble: str | None = None
    """Why nothing is decided: games that all break, or are all drawn."""
    first_error: str | None = None
    """What was wrong with the first game of this run that had no result."""
    unreadable: tuple[str, ...] = ()
    """Snapshots whose weights are damaged."""
    learners: Mapping[str, LearnerStatus] = {}
    arena: ArenaStatus | None = None
    nodes: Mapping[str, int] = {}
    """Ray nodes alive, by group."""
    totals: Mapping[str, Mapping[str, int | float]] = {}
    """Since the league began, by what is counted and by label."""

    @property
    def steps_per_s(self) -> float:
        """Of all learners together, when they were last heard of."""
        return sum(learner.steps_per_s for learner in self.learners.values())

    @property
    def run_s(self) -> float:
        """How long the run had lasted at the last heartbeat, in seconds; 0 where that is not known."""
        if self.heartbeat_s is None or self.started_s is None:
            return 0.0
        return max(0.0, self.heartbeat_s - self.started_s)

    def age_s(self, now_s: float) -> float | None:
        """Seconds since the last heartbeat, None if there never was one; `now_s` by the store's clock."""
        return None if self.heartbeat_s is None else max(0.0, now_s - self.heartbeat_s)

    def phase_at(self, now_s: float) -> str:
        """Its phase; `not running` if it fell silent without having ended, `never run` if it never was."""
        if self.heartbeat_s is None:
            return "never run"
        return self.phase if self.phase in ENDED or self.at_work(now_s) else "not running"

    def at_work(self, now_s: float) -> bool:
        """Whether the coordinator runs, so that what it said of the present still holds."""
        if self.heartbeat_s is None or self.phase in ENDED:
            return False
        # One of the future was dated before the store's clock was set back: had its coordinator lived on, it would have
        # said more.
        return abs(now_s - self.heartbeat_s) <= STALE_S

    def at(self, now_s: float) -> Self:
        """What still holds: unless the coordinator runs, nobody does or holds anything, and no node is known."""
        if self.at_work(now_s):
            return self
        arena = None if self.arena is None else ArenaStatus()
        learners = {name: learner.at_rest() for name, learner in self.learners.items()}
        return self.model_copy(update={"learners": learners, "arena": arena, "nodes": {}})
