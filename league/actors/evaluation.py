"""The league's match workers, and which matches they play."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import ClassVar

from league.actors.futures import Futures, LostError
from league.actors.gate import Gate
from league.actors.place import Place
from league.actors.remote_worker import RemoteWorker
from league.actors.roster import Roster
from league.actors.spawn import spawn_match_worker
from league.cluster.nodes import Node, match_nodes
from league.cluster.plan import Bundle
from league.every import Every
from league.ladder.leaderboard import anchors_of
from league.ladder.records import Match, Snapshot
from league.ladder.schedule import Schedule
from league.ladder.standings import met
from league.ladder.trials import Wanted
from league.status import ArenaStatus

SETTLED_MATCHES = 4
"""A rating rests on enough after so many matches."""

TOGETHER = 8
"""Results that are stored in one transaction, and in one step of the league: rating forty games takes a millisecond."""

ASSIGNING_S = 0.005
"""Seconds after which idle workers wait for the league's next step."""

WAITING_MATCHES = 4
"""For every so many matches that wait there may be a further worker."""


class MatchWorkerHandle(RemoteWorker):
    """One match worker, seen from the coordinator."""

    kind: ClassVar[str] = "match_worker"

    def __init__(self, number: int, roster: Roster, futures: Futures, *, cpus: float = 0.0) -> None:
        """`cpus`: that it asks for."""
        super().__init__(f"match-{number}", roster, futures)
        self.number = number
        self.cpus = cpus
        self.node: Node | None = None
        """The node on which it was started; None: it has no actor."""
        self.match: Wanted | None = None
        """The one that it was asked for last."""

    def place_on(self, node: Node, place: Place) -> None:
        """Start it on a node, again if need be."""
        started = self.start(lambda: spawn_match_worker(place, self.number, node, cpus=self.cpus))
        self.node = node if started else None

    def came(self, answer: None) -> None:
        """It can play from here; nothing has to be taken note of."""

    def lost(self, error: LostError) -> str:
        """The match under way, which was not recorded."""
        assert self.match is not None
        return f"a match of {self.match.row} against {self.match.column}: {error}"

    def play(self, match: Wanted, seed: int, done: Callable[[Match, float, str | None], None]) -> None:
        """Play a match; `done` is called with what `MatchWorker.play` returns."""
        self.match = match
        future = self.actor.play.remote(match.row, match.column, match.games, seed)
        self.ask(future, lambda answer: done(*answer), loading=(match.row, match.column))


class Evaluation:
    """All match workers of the league, and which matches they play."""

    def __init__(self, place: Place, roster: Roster, futures: Futures) -> None:
        self.place = place
        self.roster = roster
        self.futures = futures
        self.gate = Gate(roster)
        self.workers = [MatchWorkerHandle(n, roster, futures) for n in range(roster.config.arena.workers)]
        anchors = anchors_of(roster.config, roster.snapshots, roster.bots)
        self._met = Counter(met(roster.store.standings(), anchors))
        """Games of everyone with each anchor."""
        self._scheduled: tuple[list[Snapshot], Schedule] | None = None
        """A pool, and the schedule of its policies."""
        self._unneeded = Every(roster.config.capacity.idle_s)
        """Since as many workers as there are were last needed."""
        self.unrecorded: list[tuple[Match, str | None]] = []
        """Results that the store has not taken yet: it did not answer. Each with why games of it have none."""

    @property
    def busy(self) -> bool:
        """Whether a match is being played, or was and is not recorded yet."""
        return bool(self.unrecorded) or any(worker.busy for worker in self.workers)

    @property
    def in_play(self) -> set[str]:
        """Names of those who are in a match, in one that is not recorded, or after the champion's place."""
        wanted = [worker.match for worker in self.workers if worker.busy and worker.match is not None]
        names = {name for one in wanted for name in (one.row, one.column)}
        names |= {name for match, _ in self.unrecorded for name in (match.row, match.column)}
        return names | self.gate.in_play

    @property
    def settled(self) -> bool:
        """Whether every snapshot has played enough, and none races for the champion's place, as of `record`."""
        return not self.unrated and not self.gate.busy

    @property
    def unrated(self) -> int:
        """Matches that snapshots lack until each has played enough, at most: one match may serve two of them."""
        return self.schedule.unrated(SETTLED_MATCHES)

    @property
    def schedule(self) -> Schedule:
        """Of the policies that can be played now; made anew when the pool is not what it was."""
        roster, arena = self.roster, self.roster.config.arena
        pool = roster.pool()
        if self._scheduled is None or self._scheduled[0] is not pool:
            made = Schedule(
                roster.playable(),
                roster.bots,
                roster.ratings,
                roster.config.ratings,
                anchors=roster.anchors(),
                anchor_share=arena.anchor_share,
                met=self._met,
                match_games=arena.games,
            )
            self._scheduled = pool, made
        schedule = self._scheduled[1]
        schedule.champion = None if roster.champion is None else roster.champion.policy
        return schedule

    @property
    def status(self) -> ArenaStatus:
        """Workers and backlog, as people see them."""
        candidates, gate = self.gate.backlog
        return ArenaStatus(
            workers=len(self.workers),
            busy=sum(worker.busy for worker in self.workers),
            candidates=candidates,
            wanted={"gate": gate, "rating": self.unrated},
        )

    @property
    def bundles(self) -> list[Bundle]:
        """What the further workers ask for."""
        return [{"CPU": worker.cpus} for worker in self.workers if worker.cpus]

    def review(self, nodes: Sequence[Node]) -> None:
        """Have as many workers as the backlog needs, each on a node where matches are played."""
        config, homes = self.roster.config, match_nodes(nodes)
        further = min(config.capacity.match_workers, (self.unrated + self.gate.backlog[1]) // WAITING_MATCHES)
        present = len(self.workers) - config.arena.workers
        if further >= present:
            self._unneeded.begin()
        elif not self._unneeded.due:
            further = present
        for number in range(len(self.workers), config.arena.workers + further):
            self.workers.append(MatchWorkerHandle(number, self.roster, self.futures, cpus=1.0))
        while len(self.workers) > config.arena.workers + further and not self.workers[-1].busy:
            self.workers.pop().end()
        for worker in self.workers:
            if not worker.busy and (worker.actor is None or worker.node not in homes):
                worker.place_on(homes[worker.number % len(homes)], self.place)

    def assign(self, *, resting: bool = True) -> None:
        """Give every idle worker a match; `resting`: unless it has had its share of the time."""
        self.record()
        ends = time.monotonic() + ASSIGNING_S
        under_way = [worker.match for worker in self.workers if worker.busy and worker.match is not None]
        for worker in self.workers:
            if not (worker.idle if resting else worker.ready and not worker.busy and not worker.given_up):
                continue
            match = self._next_match(under_way)
            if match is not None:
                under_way.append(match)
                self._play(worker, match)
            if time.monotonic() > ends:
                return

    def _next_match(self, under_way: Sequence[Wanted]) -> Wanted | None:
        """Against an anchor, if it is time for one; else for the champion's place if anybody is after it.

        The share of anchors is of all matches: a race that goes on and on must not keep the top from them.
        """
        roster, schedule = self.roster, self.schedule
        anchor = schedule.ties(roster.rng)
        wanted = None if anchor else self.gate.wanted(under_way)
        if wanted is not None:
            return wanted
        pair = schedule.pair(roster.rng, anchor=anchor)
        return None if pair is None else Wanted(*pair, roster.config.arena.games, gate=False)

    def _play(self, worker: MatchWorkerHandle, wanted: Wanted) -> None:
        def played(match: Match, seconds: float, why: str | None) -> None:
            self.roster.totals["match_seconds"]["gate" if wanted.gate else "rating"] += seconds
            worker.deaths = 0
            worker.rests_until = time.monotonic() + seconds * (1 / self.roster.config.arena.share - 1)
            self.unrecorded.append((wanted.mark(match), why))

        worker.play(wanted, int(self.roster.rng.integers(2**31)), played)

    def record(self) -> None:
        """Store some of the results, and let the race advance; those that the store does not take are kept."""
        batch = self.unrecorded[:TOGETHER]
        if batch:
            self.roster.record(batch)
            del self.unrecorded[: len(batch)]
            for match, _ in batch:
                self.schedule.played(match, self.roster.ratings)
                self.gate.add(match)
        self.gate.advance()
