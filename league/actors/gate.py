"""The champion's place, as the coordinator guards it: which snapshots race for the place, and what comes of it.

A race goes on where the match log ends, so that a restart of the coordinator loses no game that was reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from league.errors import PrunedPolicyError
from league.ladder.leaderboard import contenders
from league.ladder.promotion import Race
from league.ladder.records import Match, Promotion, Snapshot
from league.ladder.trials import Wanted
from league.matches.race import promotion_of, start_race

if TYPE_CHECKING:
    from league.actors.roster import Roster


class Gate:
    """One race at a time, as long as there is a plausible candidate and no person has pinned the champion."""

    def __init__(self, roster: Roster) -> None:
        self.roster = roster
        self._race: Race | None = None
        self._over: Promotion | None = None
        """The champion when the race began."""
        self._tried: set[tuple[str, str | None]] = set()
        """Candidates that did not pass, each with the champion that it was tested against: no second try."""
        self._unfit: set[tuple[str, str | None]] = set()
        """The same of successors."""

    @property
    def busy(self) -> bool:
        """Whether a race is under way, as of the last `advance`."""
        return self._race is not None

    @property
    def backlog(self) -> tuple[int, int]:
        """Candidates in the race under way, and the matches that it asks for now."""
        return (0, 0) if self._race is None else (len(self._race.candidates), len(self._race.wanted()))

    def wanted(self, under_way: Sequence[Wanted]) -> Wanted | None:
        """The match to be played next while these are being played; None where the race, as of `advance`, has none."""
        return None if self._race is None else next(iter(self._race.wanted(under_way)), None)

    def add(self, match: Match) -> None:
        """A match was played and is recorded."""
        if self._race is not None:
            self._race.add(match)

    def advance(self) -> None:
        """Conclude the race if it is decided, which may promote; and begin the next one if there are candidates."""
        roster = self.roster
        if self._race is not None and (roster.champion != self._over or self._out_of_reach(self._race)):
            self._race = None
        if self._race is not None:
            for name in {s.name for s in roster.snapshots} - set(roster.playable()):
                self._race.leave_out(name)
            if self._race.over:
                self._conclude(self._race)
        if self._race is None:
            self._race = self._start()

    def _out_of_reach(self, race: Race) -> bool:
        return not {*race.candidates, race.champion or race.candidates[0]} <= set(self.roster.playable())

    def _start(self) -> Race | None:
        roster, config = self.roster, self.roster.config
        champion = roster.champion
        if not config.promotion.automatic or (champion is not None and champion.pinned):
            return None
        playable = {s.name: s for s in roster.pool()}
        opponent = playable.get(champion.policy) if champion is not None else None
        rated = contenders(playable.values(), roster.ratings, config)
        plausible = [snapshot for snapshot in rated if self._plausible(snapshot, opponent)]
        candidates = plausible[: config.promotion.candidates]
        succession = not candidates
        if succession and opponent is not None:
            candidates = self._successors(rated, opponent)
        if not candidates:
            return None
        self._over = champion
        return start_race(
            roster.store,
            config,
            roster.spec,
            candidates=candidates,
            champion=opponent,
            pool=list(playable),
            succession=succession,
        )

    def _successors(self, rated: Sequence[Snapshot], champion: Snapshot) -> list[Snapshot]:
        """The newest snapshot of the champion's learner, if it has learned for long enough and was not tried yet."""
        factor = self.roster.config.promotion.succession
        later = [s for s in rated if s.learner == champion.learner and s.steps > champion.steps]
        if factor is None or not later:
            return []
        newest = max(later, key=lambda snapshot: snapshot.steps)
        grown = newest.steps >= factor * champion.steps
        return [newest] if grown and (newest.name, champion.name) not in self._unfit else []

    def _plausible(self, snapshot: Snapshot, champion: Snapshot | None) -> bool:
        """Rated above the champion, and neither tried against it yet nor beaten by it for the place."""
        name = champion.name if champion is not None else None
        predecessor = self.roster.champion.against if self.roster.champion is not None else None
        if snapshot.name in (name, predecessor) or (snapshot.name, name) in self._tried:
            return False
        holder = self.roster.ratings.get(name) if name is not None else None
        return holder is None or self.roster.ratings[snapshot.name].mu > holder.mu

    def _conclude(self, race: Race) -> None:
        """Promote the winner, or remember who did not pass. May be repeated if the store does not answer."""
        roster, winner = self.roster, race.winner
        if winner is not None:
            snapshot = next(s for s in roster.snapshots if s.name == winner.candidate)
            try:
                roster.store.promote(promotion_of(winner, snapshot, by="coordinator", how="automatic"), over=self._over)
            except PrunedPolicyError:  # A person was faster.
                roster.read_snapshots()
            roster.champion = roster.store.champion()
        else:
            for trial in race.trials():
                roster.totals["refusals"][trial.outcome] += 1
                roster.say("gate", f"not promoted: {trial.summary}")
            tried = self._unfit if race.succession else self._tried
            tried |= {(name, race.champion) for name in race.candidates}
        self._race = None
