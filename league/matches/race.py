"""Where a race for the champion's place starts: from all that the match log knows; and the promotion it may end in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from league.config import LeagueConfig
from league.games.base import GameSpec
from league.ladder.promotion import Race
from league.ladder.records import How, Match, Promotion, Snapshot
from league.ladder.trials import Trial
from league.pool.store import Store
from league.rollout.arena import seatings

CLOCKS_S = 3600.0
"""How far the clocks of two machines may be apart that dated what is in the log, each by its own in older versions: so
much of it is read beyond the age of a snapshot."""


def start_race(
    store: Store,
    config: LeagueConfig,
    spec: GameSpec,
    *,
    candidates: Sequence[Snapshot],
    champion: Snapshot | None,
    pool: Sequence[str],
    succession: bool = False,
    evidence: Iterable[Match] | None = None,
) -> Race:
    """A race of `candidates` for the place of `champion`, with all that the log knows of it.

    `champion` None: there is none, or its weights cannot be read. `pool`: names of the snapshots that can be played.
    `succession`: whether the candidates have to prove not to be weaker, instead of stronger. `evidence`: matches of
    races since `since`, newest first, from whoever has them at hand.
    """
    if evidence is None and champion is not None:
        evidence = store.evidence_since(since(champion))
    seated, names = seatings(spec.seats), [snapshot.name for snapshot in candidates]
    return Race(
        candidates=names,
        champion=None if champion is None else champion.name,
        pool=pool,
        config=config.promotion,
        group=len(seated),
        batch=config.arena.games,
        payoff=store.payoff_between([*names, *([] if champion is None else [champion.name])], pool, seated),
        played=evidence or (),
        succession=succession,
    )


def since(champion: Snapshot) -> float:
    """Unix time before which nobody can have raced against a champion: it was frozen after that, in seconds."""
    return champion.created_s - CLOCKS_S


class Races:
    """The matches of races since the present champion was frozen, as the log grows: none of it is read twice."""

    def __init__(self, store: Store) -> None:
        """Read nothing yet."""
        self._store = store
        self._kept: list[Match] = []
        """In the order of the log."""
        self._since_s = float("inf")
        """All of them are there that were played since then."""
        self._number = 0
        """Of the last match of the log that was looked at."""

    def against(self, champion: Snapshot) -> list[Match]:
        """Those that may say something of a race against it, newest first.

        The log is read from where it was read last; as far back as the champion's age only the first time, and where a
        person has made somebody champion who is older than the last one.
        """
        if since(champion) < self._since_s:
            self._number = self._store.stored_last()
            self._kept = list(self._store.evidence_since(since(champion)))[::-1]
            known = {match.match_id for match in self._kept}
        else:
            known = set()
        self._since_s = since(champion)
        self.read_on(known)
        self._kept = [match for match in self._kept if match.played_s >= self._since_s]
        return self._kept[::-1]

    def read_on(self, known: Collection[str] = ()) -> None:
        """Look at what has come since, if anything was; `known` are ids of matches that are kept already."""
        if self._since_s == float("inf"):
            return
        found, self._number = self._store.evidence_after(self._number)
        self._kept += [match for match in found if match.match_id not in known]


def promotion_of(
    trial: Trial, snapshot: Snapshot, *, now_s: float, by: str, how: How, reason: str | None = None
) -> Promotion:
    """The entry in the champion's history for a candidate that has passed; `now_s`: the store's time."""
    return Promotion(
        policy=snapshot.name,
        digest=snapshot.digest,
        by=by,
        reason=reason or trial.reason,
        promoted_s=now_s,
        how=how,
        against=trial.champion,
        evidence=trial.to_json(),
    )
