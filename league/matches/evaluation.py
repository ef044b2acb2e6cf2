"""A match of two policies that a person asked for, and what it says."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from league.errors import GameError, PolicyError
from league.ladder.comparison import Interval, elo_interval, score_interval
from league.ladder.records import Match, Tally
from league.matches.arena import Arena
from league.matches.players import resolve
from league.rollout.arena import rounded

CHUNK_GAMES = 100
"""Games that are played at once: after so many progress shows, and an interruption is noticed."""


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """What came of it, from the side of the policy that was named first."""

    match: Match
    """All games, by seating."""
    repeated: int
    """Games that went move by move like an earlier one, and do not count."""
    seed: int
    """With it the same games are played again."""

    @property
    def total(self) -> Tally:
        """Wins, draws and losses over all seatings."""
        return self.match.total

    @property
    def score(self) -> Interval:
        """Points per game in [0, 1], with its 95% interval."""
        return score_interval(self.total)

    @property
    def elo(self) -> Interval:
        """The same as a difference in Elo, infinite where every game was won or lost."""
        return elo_interval(self.score)


def evaluate(
    arena: Arena,
    policy: str,
    against: str,
    *,
    games: int,
    seed: int | None = None,
    record: bool = False,
    watch: Callable[[int], None] = lambda games: None,
) -> Evaluated:
    """Play two policies of the arena's league, named as `resolve` takes them; `league.open` has the arguments.

    Raises `PolicyError` where a name is nobody's or both are the same policy, `GameError` where every game was dropped.
    """
    row, column = (resolve(arena.store, word, arena.spec).name for word in (policy, against))
    if row == column:
        raise PolicyError(f"{policy!r} and {against!r} are both {row}: give two different policies")
    if games < 1:
        raise PolicyError(f"{games} games: must be at least 1")
    seed = random.SystemRandom().randrange(2**31) if seed is None else seed
    seeds, chunk = random.Random(seed), rounded(CHUNK_GAMES, arena.spec.seats)  # noqa: S311
    boards = left = rounded(games, arena.spec.seats)
    match: Match | None = None
    while left:
        part = arena.play(row, column, games=min(left, chunk), seed=seeds.randrange(2**31))
        match = replace(part, replays=()) if match is None else match.plus(part)
        watch(min(left, chunk))
        left -= min(left, chunk)
    assert match is not None  # There is at least one game.
    if not match.total.games:
        raise GameError(f"all {match.dropped} games of {arena.spec.name} were dropped: {arena.why}")
    if record:
        arena.store.record(match)
    return Evaluated(match=match, repeated=boards - match.total.games - match.dropped, seed=seed)
