"""The champion's place, seen from the coordinator: who races for it, and what comes of it.

A race goes on where the match log ends, so that a restart of the coordinator loses no game that was reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from league.errors import PrunedPolicyError
from league.ladder.promotion import Race
from league.ladder.records import Match, Promotion, Snapshot
from league.ladder.trials import Wanted
from league.matches.candidates import Candidates
from league.matches.race import Races, promotion_of, start_race

if TYPE_CHECKING:
    from league.actors.roster import Roster


READ_EVERY = 1000
"""Recorded matches after which the log is looked at for those of races: in small parts, not all when a race begins."""


class Gate:
    """One race at a time, as long as there is a plausible candidate and no person has pinned the champion."""

    def __init__(self, roster: Roster) -> None:
        self.roster = roster
        self._candidates = Candidates(roster.config)
        self._race: Race | None = None
        self._over: Promotion | None = None
        """The champion when the race began."""
        self._known: list[str] = []
        """Who could be played when the race was looked at last."""
        self._races, self._unread = Races(roster.store), 0
        if (holder := self._holder(roster.snapshots)) is not None:
            self._races.against(holder)  # As far back as it has to be: here, before anybody waits for the league.

    @property
    def busy(self) -> bool:
        """Whether a race is under way, as of the last `advance`."""
        return self._race is not None

    @property
    def backlog(self) -> tuple[int, int]:
        """Candidates in the race under way, and the matches that it asks for now."""
        return (0, 0) if self._race is None else (len(self._race.candidates), self._race.backlog)

    @property
    def in_play(self) -> set[str]:
        """Names of those whose weights a race under way needs: its candidates and the champion."""
        race = self._race
        return set() if race is None else {*race.candidates, *([race.champion] if race.champion else [])}

    def wanted(self, under_way: Sequence[Wanted]) -> Wanted | None:
        """The match to be played next while these are being played; None where the race, as of `advance`, has none."""
        return None if self._race is None else next(iter(self._race.wanted(under_way)), None)

    def add(self, match: Match) -> None:
        """A match was played and is recorded."""
        self._unread += 1
        if self._race is not None:
            self._race.add(match)

    def advance(self) -> None:
        """Conclude the race if it is decided, which may promote; and begin the next one if there are candidates."""
        roster = self.roster
        if self._unread >= READ_EVERY:
            self._races.read_on()
            self._unread = 0
        if self._race is not None and (roster.champion != self._over or self._out_of_reach(self._race)):
            self._race = None
        if self._race is not None:
            names = roster.playable()
            if names is not self._known:  # The same list as long as nobody came or went.
                for name in set(self._known) - set(names):
                    self._race.leave_out(name)
                self._known = names
            if self._race.over:
                self._conclude(self._race)
        if self._race is None:
            self._race = self._start()

    def _out_of_reach(self, race: Race) -> bool:
        return not {*race.candidates, race.champion or race.candidates[0]} <= set(self.roster.playable())

    def _holder(self, among: Sequence[Snapshot]) -> Snapshot | None:
        champion = self.roster.champion
        return next((s for s in among if champion is not None and s.name == champion.policy), None)

    def _start(self) -> Race | None:
        roster = self.roster
        champion, pool = roster.champion, roster.pool()
        candidates, succession = self._candidates.choose(champion, pool, roster.ratings)
        if not candidates:
            return None
        self._over, self._known, holder = champion, roster.playable(), self._holder(pool)
        return start_race(
            roster.store,
            roster.config,
            roster.spec,
            candidates=candidates,
            champion=holder,
            pool=[snapshot.name for snapshot in pool],
            succession=succession,
            evidence=None if holder is None else self._races.against(holder),
        )

    def _conclude(self, race: Race) -> None:
        """Promote the winner, or remember who did not pass. May be repeated if the store does not answer."""
        roster, winner = self.roster, race.winner
        if winner is not None:
            snapshot = next(s for s in roster.snapshots if s.name == winner.candidate)
            try:
                now_s = roster.store.now_s()
                promotion = promotion_of(winner, snapshot, now_s=now_s, by="coordinator", how="automatic")
                roster.store.promote(promotion, over=self._over)
            except PrunedPolicyError:  # A person was faster.
                roster.read_snapshots()
            roster.champion = roster.store.champion()
        else:
            for trial in race.trials():
                roster.totals["refusals"][trial.outcome] += 1
                roster.say("gate", f"not promoted: {trial.summary}")
            self._candidates.failed(race)
        self._race = None
