"""What a league's coordinator said last, as far as it did: another version may have said less, or more."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

STALE_S: Final = 10.0
"""A coordinator says something every second; after so many without a word it is not running."""

_ENDED: Final = ("stopped", "failed")


class _Read:
    """Fields with the names that they have in the store; one that is not there, or null, has its default."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Of plain data; what this version does not know is left out."""
        known = (f.name for f in dataclasses.fields(cls))  # type: ignore[arg-type]
        return cls(**{name: data[name] for name in known if data.get(name) is not None})


@dataclass(frozen=True, kw_only=True)
class Usage(_Read):
    """What a learner held after its last iteration."""

    gpu_bytes: int = 0
    """GPU memory that torch had reserved."""
    runners: int = 0
    """Runner processes that answered."""
    runners_lost: int = 0
    """Those that did not."""
    runner_restarts: int = 0
    """Those that came back since the iteration before."""


@dataclass(frozen=True, kw_only=True)
class LearnerStatus(_Read):
    """One learner."""

    steps: int = 0
    steps_per_s: float = 0.0
    plies_per_s: float = 0.0
    losses: Mapping[str, float] = field(default_factory=dict)
    opponents: Mapping[str, float] = field(default_factory=dict)
    """Share of the games, 0 to 1, by name."""
    stopped: bool = False
    """Whether it has been given up."""
    placed: bool = True
    """Whether it has a place on the cluster, or waits for room."""
    gpus: float = 0.0
    runners: int = 0
    """That it was started with."""
    lag_steps: int = 0
    """Since its last snapshot."""
    reported_s: float | None = None
    """When it finished its last iteration of this run (Unix time, s)."""
    saved_s: float | None = None
    """When it made its last checkpoint of this run (Unix time, s)."""
    parts_s: Mapping[str, float] = field(default_factory=dict)
    """Seconds of the parts of its last iteration."""
    usage: Usage | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Of plain data."""
        read, usage = super().from_json(data), data.get("usage")
        return dataclasses.replace(read, usage=None if usage is None else Usage.from_json(usage))

    def at_rest(self) -> Self:
        """Without what it did and held."""
        usage = None if self.usage is None else Usage()
        return dataclasses.replace(self, steps_per_s=0.0, plies_per_s=0.0, placed=False, usage=usage)


@dataclass(frozen=True, kw_only=True)
class ArenaStatus(_Read):
    """The matches between policies."""

    workers: int = 0
    busy: int = 0
    candidates: int = 0
    """Snapshots that race for the champion's place."""
    wanted: Mapping[str, int] = field(default_factory=dict)
    """Matches that are still to be played, by purpose."""


@dataclass(frozen=True, kw_only=True)
class Status(_Read):
    """The league; without a heartbeat, one that never ran."""

    phase: str = "unknown"
    """What the coordinator said of itself; `phase_at` says whether that still holds."""
    heartbeat_s: float | None = None
    """When it said so (Unix time, s)."""
    started_s: float | None = None
    """When its run began (Unix time, s)."""
    game: str | None = None
    steps: int = 0
    """Of all learners together."""
    snapshots: int = 0
    matches: int = 0
    champion: str | None = None
    dropped_games: int = 0
    """In this run."""
    missing: str | None = None
    """What the league asks for and cannot have."""
    unreadable: tuple[str, ...] = ()
    """Snapshots whose weights are damaged."""
    learners: Mapping[str, LearnerStatus] = field(default_factory=dict)
    arena: ArenaStatus | None = None
    nodes: Mapping[str, int] = field(default_factory=dict)
    """Ray nodes alive, by group."""
    totals: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Since the league began, by what is counted and by label."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> Self:
        """Of what `Store.status` gives."""
        if data is None:
            return cls()
        learners, arena = data.get("learners") or {}, data.get("arena")
        return dataclasses.replace(
            super().from_json(data),
            unreadable=tuple(data.get("unreadable") or ()),
            learners={name: LearnerStatus.from_json(learner) for name, learner in learners.items()},
            arena=None if arena is None else ArenaStatus.from_json(arena),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data, as the coordinator says it."""
        return dataclasses.asdict(self)

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
        """Seconds since the last heartbeat, None if there never was one."""
        return None if self.heartbeat_s is None else max(0.0, now_s - self.heartbeat_s)

    def phase_at(self, now_s: float) -> str:
        """Its phase; `not running` if it fell silent without having ended, `never run` if it never was."""
        age_s = self.age_s(now_s)
        if age_s is None:
            return "never run"
        return self.phase if self.phase in _ENDED or age_s <= STALE_S else "not running"

    def at_work(self, now_s: float) -> bool:
        """Whether the coordinator runs, so that what it said of the present still holds."""
        age_s = self.age_s(now_s)
        return age_s is not None and age_s <= STALE_S and self.phase not in _ENDED

    def at(self, now_s: float) -> Self:
        """What still holds: unless the coordinator runs, nobody does or holds anything, and no node is known."""
        if self.at_work(now_s):
            return self
        arena = None if self.arena is None else ArenaStatus()
        learners = {name: learner.at_rest() for name, learner in self.learners.items()}
        return dataclasses.replace(self, learners=learners, arena=arena, nodes={})
