"""The gate's rules of the road: which snapshots race for the champion's place next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from league.config import LeagueConfig
from league.ladder.leaderboard import contenders
from league.ladder.promotion import Race
from league.ladder.ratings import Ratings
from league.ladder.records import Promotion, Snapshot


class Entrants(NamedTuple):
    """Who races for the champion's place next."""

    candidates: list[Snapshot]
    """The most promising first; nobody: there is no race."""
    succession: bool
    """Whether they have to prove not to be weaker than the champion, instead of stronger."""


class Candidates:
    """Chooses entrants, and remembers who did not pass: nobody is tried twice against the same champion."""

    def __init__(self, config: LeagueConfig) -> None:
        """Nobody was tried against any champion yet."""
        self.config = config
        self._tried: set[tuple[str, str | None]] = set()
        """Names of candidates that did not prove stronger, each with that of the champion."""
        self._unfit: set[tuple[str, str | None]] = set()
        """Names of successors that proved weaker, or nothing, each with that of the champion."""

    def choose(self, champion: Promotion | None, pool: Sequence[Snapshot], ratings: Ratings) -> Entrants:
        """The plausible ones among the best rated; failing them, a successor of the champion.

        Args:
            champion: the present one, if there is one.
            pool: the snapshots that can be played, oldest first.
            ratings: by name.
        """
        promotion = self.config.promotion
        if not promotion.automatic or (champion is not None and champion.pinned):
            return Entrants([], succession=False)
        holder = next((s for s in pool if champion is not None and s.name == champion.policy), None)
        predecessor = champion.against if champion is not None else None
        rated = contenders(pool, ratings, self.config)
        plausible = [s for s in rated if s.name != predecessor and self._plausible(s, holder, ratings)]
        if plausible or holder is None:
            return Entrants(plausible[: promotion.candidates], succession=False)
        return Entrants(self._successors(rated, holder), succession=True)

    def _plausible(self, snapshot: Snapshot, holder: Snapshot | None, ratings: Ratings) -> bool:
        """Rated above the champion, and not tried against it yet. Whom it took the place from is none of them."""
        name = holder.name if holder is not None else None
        if snapshot.name == name or (snapshot.name, name) in self._tried:
            return False
        rating = ratings.get(name) if name is not None else None
        return rating is None or ratings[snapshot.name].mu > rating.mu

    def _successors(self, rated: Sequence[Snapshot], holder: Snapshot) -> list[Snapshot]:
        """The newest snapshot of the champion's learner, if it has learned for long enough and was not tried yet."""
        factor = self.config.promotion.succession
        later = [s for s in rated if s.learner == holder.learner and s.steps > holder.steps]
        if factor is None or not later:
            return []
        newest = max(later, key=lambda snapshot: snapshot.steps)
        grown = newest.steps >= factor * holder.steps
        return [newest] if grown and (newest.name, holder.name) not in self._unfit else []

    def failed(self, race: Race) -> None:
        """Nobody has won this race."""
        tried = self._unfit if race.succession else self._tried
        tried |= {(name, race.champion) for name in race.candidates}
