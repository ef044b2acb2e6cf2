"""The league as the coordinator sees it: what the store holds, read once and kept up."""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from league.actors.outcomes import Outcomes
from league.errors import CorruptSnapshotError, PrunedPolicyError, StoreUnavailableError
from league.every import Every
from league.games import game_spec
from league.ladder.leaderboard import anchors_of
from league.ladder.ratings import elo
from league.ladder.records import Match, Snapshot
from league.pool.store import Store
from league.status import Status
from league.view.words import counted

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
        self.pruned: set[str] = set()
        """Digests of weights that were pruned."""
        self.stale = True
        """Whether the pool may hold others than these."""
        self.grown = True
        """Whether it has grown since retention looked at it."""
        self.leaving: set[str] = set()
        """Names of those whose weights retention is about to delete."""
        self.unreadable: set[str] = set()
        self._pool: list[Snapshot] | None = None
        """What `pool` says, until it changes."""
        self._playable: list[str] = []
        self._latest: dict[str, Snapshot] = {}
        self.read_snapshots()
        self._unsaid: list[tuple[str, str, float]] = []
        """Events that the store has not taken yet."""
        self.ratings = store.ratings()
        self.matches, self.sealed = store.match_count(), 0
        """In the log, and those of them that are in segments."""
        self.count_sealed()
        self.champion = store.champion()
        self._last: int | None = None
        """Number of the last match in the log, as of the last that was recorded here."""
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
        self.snapshots, self.pruned = self.store.snapshots(), set(self.store.pruned())
        self._latest = {snapshot.learner: snapshot for snapshot in self.snapshots}
        self._pool, self.stale, self.grown = None, False, True

    def refresh(self) -> None:
        """Read the pool again if it may have changed."""
        if self.stale:
            self.read_snapshots()

    def add(self, snapshot: Snapshot) -> None:
        """One was frozen just now."""
        self.snapshots.append(snapshot)
        self._latest[snapshot.learner] = snapshot
        self._pool, self.grown = None, True

    def let_go(self, names: Collection[str]) -> None:
        """Nobody draws these any more: their weights are about to be deleted."""
        self.leaving |= set(names)
        self._pool = None

    def forget(self, digests: Collection[str]) -> None:
        """Weights were deleted; those that were to go and did not are drawn again."""
        self.pruned |= set(digests)
        self.leaving.clear()
        self._pool = None

    def pool(self) -> list[Snapshot]:
        """The snapshots whose weights are there and can be read, oldest first."""
        if self._pool is None:
            out = self.unreadable | self.leaving
            self._pool = [s for s in self.snapshots if s.name not in out and s.digest not in self.pruned]
            self._playable = [s.name for s in self._pool]
        return self._pool

    def playable(self) -> list[str]:
        """Names of the snapshots whose weights are there and can be read, oldest first."""
        self.pool()
        return self._playable

    def anchors(self) -> list[str]:
        """Whom every snapshot is tied to, of those that can be played."""
        return anchors_of(self.config, self.pool(), self.bots)

    def next_name(self, learner: str) -> str:
        """Name of a learner's next snapshot: `main-0007` after `main-0006`."""
        latest = self.latest(learner)
        return f"{learner}-{0 if latest is None else int(latest.name.rpartition('-')[2]) + 1:04d}"

    def latest(self, learner: str) -> Snapshot | None:
        """The newest snapshot of a learner."""
        return self._latest.get(learner)

    def elo_of(self, learner: str) -> float:
        """Elo of a learner's newest snapshot that has played; 0, that of `uniform`, before the first."""
        rated = (s for s in reversed(self.snapshots) if s.learner == learner and s.name in self.ratings)
        newest = next((self.ratings[s.name] for s in rated if self.ratings[s.name].games), None)
        return 0.0 if newest is None else elo(newest, self.ratings, self.config.ratings).points

    def count_sealed(self) -> None:
        """See how much of the log is in segments."""
        self.sealed = self.store.archived()["matches"]

    def record(self, matches: Sequence[tuple[Match, str | None]]) -> None:
        """Store results, each with why games of it have none, and what follows from them."""
        played = [match for match, _ in matches if match.total.games]
        if played:
            recorded = self.store.record_all(played)  # Some may have been before, and only the reply was lost.
            before, self._last = self._last, recorded.last
            if before is not None and recorded.last == before + sum(recorded.counted):
                self.matches += sum(recorded.counted)
                self.ratings |= recorded.ratings
            else:  # Somebody else has recorded, too.
                self.matches, self.ratings = self.store.match_count(), self.store.ratings()
        for match, why in matches:
            self.count(
                "gate" if match.gate else "rating",
                f"{match.row} against {match.column}",
                games=match.total.games,
                decided=match.total.wins + match.total.losses,
                dropped=match.dropped,
                error=why,
            )
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
                self.say(
                    "dropped", f"{counted(self._dropped_unsaid, 'game')} without a result, the last in {where}: {why}"
                )
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
                    self._pool = None
                    self.say("corrupt", f"{error}; the league goes on without it")
                except PrunedPolicyError:
                    pass
