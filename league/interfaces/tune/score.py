"""How a trial does: each of its snapshots is scored against the fixed bots once, and all of the time counts."""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass, replace
from typing import Any

from league.config import LeagueConfig
from league.errors import StoreUnavailableError
from league.games import game_spec
from league.ladder.records import Snapshot
from league.matches.arena import Arena
from league.pool.store import Store


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a trial has come, and how well it did on the way; plain data."""

    number: int = 0
    """Of the league's folder; each exploit of population-based training begins another one."""
    seconds: float = 0.0
    """Trained so far."""
    area: float = 0.0
    """The score summed over that time; between two measurements it counts as their mean, before the first as 0."""
    score: float = 0.0
    """Points per game of the snapshot that was measured last."""
    snapshot: str | None = None
    """Which one that was; None: none yet."""

    @property
    def mean(self) -> float:
        """The score, averaged over the time."""
        return self.area / self.seconds if self.seconds else 0.0

    def after(self, seconds: float, score: float, snapshot: str | None) -> Progress:
        """So many seconds later, when `snapshot` has scored `score`."""
        area = self.area + seconds * (self.score + score) / 2
        return replace(self, seconds=self.seconds + seconds, area=area, score=score, snapshot=snapshot)

    def to_json(self) -> dict[str, Any]:
        """What the constructor takes, by name."""
        return asdict(self)


class Judge:
    """Plays the newest snapshots of one trial's league against the fixed bots of its game."""

    def __init__(self, store: Store, config: LeagueConfig, games: int) -> None:
        """`games` are played against each bot."""
        self._arena, self._games, self._seed = Arena(store, config), games, 0
        self._bots = config.arena.bots or game_spec(config.game).bots

    def is_new(self, progress: Progress) -> bool:
        """Whether something has been learned and frozen since the last measurement."""
        newest = self._newest()
        return newest is not None and newest.steps > 0 and newest.name != progress.snapshot

    def measure(self, progress: Progress) -> tuple[float, str | None]:
        """Points per game of the newest snapshot over all bots alike, and its name; a known one plays no more."""
        newest = self._newest()
        if newest is None or newest.name == progress.snapshot:
            return progress.score, progress.snapshot
        self._seed += 1
        with contextlib.suppress(StoreUnavailableError):
            played = [self._arena.play(newest.name, bot, games=self._games, seed=self._seed) for bot in self._bots]
            scores = [match.total.score for match in played if match.total.games]
            return (sum(scores) / len(scores) if scores else 0.0), newest.name
        return progress.score, progress.snapshot

    def _newest(self) -> Snapshot | None:
        with contextlib.suppress(StoreUnavailableError):
            return next(reversed(self._arena.store.present()), None)
        return None
