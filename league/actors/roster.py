"""The league as the coordinator sees it: what the store holds, read once and kept up."""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import Collection
from typing import Any

import numpy as np

from league.actors.outcomes import Outcomes
from league.errors import CorruptSnapshotError, PrunedPolicyError, StoreUnavailableError
from league.every import Every
from league.games import game_spec
from league.ladder.records import Match, Snapshot
from league.ladder.retention import Pruned
from league.pool.keeping import retain
from league.pool.store import Store
from league.status import Status

DROPPED_EVERY_S = 10.0
"""Between two events of games without a result: where every game breaks there is one in each iteration."""


class Roster:
    """Snapshots, bots, ratings and the champion of one league."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.config = store.require_config()
        self.spec = game_spec(self.config.game)
        self.bots = list(self.config.arena.bots or self.spec.bots)
        self.snapshots: list[Snapshot] = []
        self.pruned: dict[str, Pruned] = {}
        self.stale = True
        """Whether the pool may hold others than these."""
        self.read_snapshots()
        self._unsaid: list[tuple[str, str, float]] = []
        """Events that the store has not taken yet."""
        self.ratings = store.ratings()
        self.matches = store.match_count()
        self.champion = store.champion()
        self.unreadable: set[str] = set()
        self.dropped = 0
        """Games without a result since this process began."""
        self.outcomes = Outcomes()
        self._dropping = Every(DROPPED_EVERY_S, at_once=True)
        self._dropped_unsaid = 0
        self.in_play: dict[str, Collection[str]] = {}
        """Whom each learner meets now: weights that somebody is about to load."""
        self.share: float | None = None
        """How much of what the run was asked for is done, in [0, 1]; None: it goes on until it is stopped."""
        self.lost: set[str] = set()
        """Names of actors that have not answered since they were lost."""
        kept = Status.from_json(store.status()).totals
        self.totals: defaultdict[str, Any] = defaultdict(
            Counter, {what: Counter(numbers) for what, numbers in kept.items()}
        )
        """What has happened since the league began, for monitors: numbers that only grow, by what and by whom. They are
        written with the status, where the next coordinator finds them."""
        self.rng = np.random.default_rng([self.config.seed, self.matches])

    def say(self, kind: str, text: str) -> None:
        """Add a line to the league's events; if the store does not take it now, `tell` adds it later."""
        self._unsaid.append((kind, text, self.store.now_s()))
        with contextlib.suppress(StoreUnavailableError):
            self.tell()

    def tell(self) -> None:
        """Write what was said and is not written yet."""
        while self._unsaid:
            self.store.add_event(*self._unsaid[0])
            self._unsaid.pop(0)

    def read_snapshots(self) -> None:
        """Take the pool as the store has it: with what was imported, and without the weights that were pruned."""
        self.snapshots, self.pruned = self.store.snapshots(), self.store.pruned()
        self.stale = False

    def refresh(self) -> None:
        """Read the pool again if it may have changed."""
        if self.stale:
            self.read_snapshots()

    def retain(self) -> None:
        """Let retention prune, if it is automatic; whoever is in play stays. Then take the pool as it is."""
        in_play = [name for names in self.in_play.values() for name in names]
        retain(self.store, self.config.retention, in_play=in_play, now_s=self.store.now_s())
        self.read_snapshots()

    def pool(self) -> list[Snapshot]:
        """The snapshots whose weights are there and can be read, oldest first."""
        return [s for s in self.snapshots if s.name not in self.unreadable and s.digest not in self.pruned]

    def playable(self) -> list[str]:
        """Names of the snapshots whose weights are there and can be read, oldest first."""
        return [s.name for s in self.pool()]

    def next_name(self, learner: str) -> str:
        """Name of a learner's next snapshot: `main-0007` after `main-0006`."""
        numbers = [int(s.name.rpartition("-")[2]) for s in self.snapshots if s.learner == learner]
        return f"{learner}-{max(numbers, default=-1) + 1:04d}"

    def latest(self, learner: str) -> Snapshot | None:
        """The newest snapshot of a learner."""
        return next((s for s in reversed(self.snapshots) if s.learner == learner), None)

    def record(self, match: Match, why: str | None = None) -> None:
        """Store a result, with what follows from it; `why` games of it have none."""
        total = match.total
        if total.games:
            self.store.record(match)  # Or it was recorded before, and only the reply was lost.
            self.matches, self.ratings = self.store.match_count(), self.store.ratings()
        purpose = "gate" if match.gate else "rating"
        decided = total.wins + total.losses
        where = f"{match.row} against {match.column}"
        self.count(purpose, where, games=total.games, decided=decided, dropped=match.dropped, error=why)
        self.champion = self.store.champion()  # A person may have chosen another one.

    def count(self, purpose: str, where: str, *, games: int, decided: int, dropped: int, error: str | None) -> None:
        """Count games that ended; those that broke are said, never scored. `purpose`: `training`, `gate`, `rating`."""
        self.outcomes.add(training=purpose == "training", games=games, decided=decided, dropped=dropped, error=error)
        if dropped:
            self.dropped += dropped
            self._dropped_unsaid += dropped
            self.totals["dropped_games"][purpose] += dropped
            if self._dropping.due:
                why = error or "nobody says why"
                self.say("dropped", f"{self._dropped_unsaid} game(s) without a result, the last in {where}: {why}")
                self._dropping.begin()
                self._dropped_unsaid = 0

    def count_lost(self, actor: str, kind: str) -> None:
        """An actor of that kind did not answer: counted once until it has answered again."""
        if actor not in self.lost:
            self.lost.add(actor)
            self.totals["restarts"][kind] += 1

    def quarantine(self, names: Collection[str]) -> None:
        """Find out which of these cannot be read, and go on without them."""
        for snapshot in self.snapshots:
            if snapshot.name in names and snapshot.name not in self.unreadable:
                try:
                    self.store.weights(snapshot.digest)
                except CorruptSnapshotError as error:
                    self.unreadable.add(snapshot.name)
                    self.say("corrupt", f"{error}; the league goes on without it")
                except PrunedPolicyError:
                    pass
