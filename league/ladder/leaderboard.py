"""The rows that people read, and the snapshots to put forward as champion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, NamedTuple

from league.config import LeagueConfig
from league.ladder.comparison import expected_score, score_interval
from league.ladder.ratings import ANCHOR, Elo, Rating, Ratings, elo, lower_bound
from league.ladder.records import Snapshot, Tally
from league.ladder.standings import Standing

ANCHOR_MATCHES: Final = 2
"""Matches against anchors after which the rating of a snapshot is shown as settled."""
CANDIDATE_MATCHES = 2
"""A snapshot needs so many matches before the league puts it forward as champion."""


class Seen(NamedTuple):
    """A policy against an anchor, as it was."""

    games: Tally
    """From the side of the policy."""
    promised: float
    """Points per game in [0, 1] that their Elo promises."""

    @property
    def differs(self) -> bool:
        """Whether what was seen is not what their Elo promises, beyond chance: one number cannot hold both."""
        seen = score_interval(self.games)
        return not seen.low <= self.promised <= seen.high

    def to_json(self) -> dict[str, Any]:
        """Plain data, the score with its 95% interval."""
        score, low, high = score_interval(self.games)
        seen = {"games": self.games.games, "score": score, "score_low": low, "score_high": high}
        return {**seen, "promised": self.promised, "differs": self.differs}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One policy on the leaderboard."""

    rank: int
    """Place on the leaderboard, counted from 1."""
    policy: str
    kind: Literal["snapshot", "bot"]
    elo: float
    """Elo points above the bot `uniform`, which is at 0."""
    interval: float
    """Half the width of the 95% interval, in Elo."""
    mu: float
    """Mean of the rating, on OpenSkill's scale."""
    sigma: float
    """Standard deviation of the rating, on OpenSkill's scale."""
    games: int
    """Games behind the rating; 0: not yet rated."""
    score: Tally
    """Wins, draws and losses against everyone."""
    against: Mapping[str, Seen]
    """Its games against each bot that it has met, by name: what was observed, whatever the Elo promises."""
    settled: bool
    """Whether it has met the anchors in so many games that its Elo rests on something; a bot's always does."""
    steps: int | None
    """Steps of its learner when it was frozen; None for a bot."""
    champion: bool

    @property
    def bound(self) -> Literal["least", "most"] | None:
        """Whether its Elo is only the least, or the most, that it may be: it has won, or lost, every game.

        Such results fit any strength beyond. Of `uniform`, which is at 0 by definition, there is nothing to say.
        """
        wins, draws, losses = self.score
        if self.policy == ANCHOR or draws or (wins and losses) or not self.score.games:
            return None
        return "least" if wins else "most"

    def to_json(self) -> dict[str, Any]:
        """Plain data: `results` are the games by their end, `score` the points per game of them, in [0, 1]."""
        found = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "champion"} | {"bound": self.bound}
        found["against_bots"] = {name: seen.to_json() for name, seen in found.pop("against").items()}
        return found | {"results": self.score._asdict(), "score": self.score.score, "is_champion": self.champion}


def leaderboard(
    snapshots: Sequence[Snapshot],
    bots: Sequence[str],
    ratings: Ratings,
    standings: Mapping[str, Standing],
    champion: str | None,
    config: LeagueConfig,
) -> list[Row]:
    """Rank every snapshot and bot by Elo, the highest first; those without games come last.

    Equal ones keep their order, snapshots oldest first and then the bots.

    Args:
        snapshots: oldest first.
        bots: names of the fixed bots.
        ratings: by policy; those of anyone else are passed over.
        standings: each one's games against all others and against anchors, for its score; those of anyone else are
            passed over.
        champion: name of the champion, if there is one.
        config: the scale, and how many games a match has.
    """
    steps: dict[str, int | None] = {snapshot.name: snapshot.steps for snapshot in snapshots}
    steps |= {bot: None for bot in bots if bot not in steps}
    rated = {name: ratings.get(name) or Rating.new(config.ratings) for name in steps}
    strength = {name: elo(rating, ratings, config.ratings) for name, rating in rated.items()}
    stand, anchors = {name: standings.get(name, Standing()) for name in steps}, set(anchors_of(config, snapshots, bots))
    order = sorted(steps, key=lambda name: (rated[name].games == 0, -rated[name].mu))
    return [
        Row(
            rank=rank,
            policy=name,
            kind="bot" if steps[name] is None else "snapshot",
            elo=strength[name].points,
            interval=strength[name].interval,
            mu=rated[name].mu,
            sigma=rated[name].sigma,
            games=rated[name].games,
            score=stand[name].total,
            against=_seen(stand[name], bots, strength[name], strength),
            settled=steps[name] is None or stand[name].anchored(anchors) >= settling_games(config),
            steps=steps[name],
            champion=name == champion,
        )
        for rank, name in enumerate(order, start=1)
    ]


def _seen(standing: Standing, bots: Sequence[str], own: Elo, strength: Mapping[str, Elo]) -> dict[str, Seen]:
    """A policy against each bot that it has met."""
    return {
        bot: Seen(standing.against(bot), expected_score(own.points - strength[bot].points))
        for bot in bots
        if bot in standing.anchors
    }


def fixed_bots(config: LeagueConfig, snapshots: Iterable[Snapshot], ratings: Ratings) -> list[str]:
    """The bots of a league: those that its configuration names, and whoever has a rating without being a snapshot."""
    known = {snapshot.name for snapshot in snapshots}
    return list(dict.fromkeys([*(config.arena.bots or ()), *(name for name in ratings if name not in known)]))


def anchors_of(config: LeagueConfig, snapshots: Iterable[Snapshot], bots: Iterable[str]) -> list[str]:
    """What ties a league's ratings: its bots, and the landmarks among the snapshots that may lead."""
    return [*bots, *(s.name for s in snapshots if s.landmark and config.may_lead(s.role))]


def settling_games(config: LeagueConfig) -> int:
    """Games against anchors after which a snapshot's Elo is settled; none where the league has no anchors."""
    return ANCHOR_MATCHES * config.arena.games if config.arena.anchor_share else 0


def contenders(snapshots: Iterable[Snapshot], ratings: Ratings, config: LeagueConfig) -> list[Snapshot]:
    """The snapshots that may race for the champion's place, the most promising first.

    Their role may, and `CANDIDATE_MATCHES` matches' worth of games are behind their rating.
    """
    allowed = [snapshot for snapshot in snapshots if config.may_lead(snapshot.role)]
    return best_candidates(allowed, ratings, CANDIDATE_MATCHES * config.arena.games)


def best_candidates(snapshots: Iterable[Snapshot], ratings: Ratings, min_games: int) -> list[Snapshot]:
    """The snapshots with `min_games` or more games, that with the highest lower bound of its rating first.

    Equal ones keep their order.
    """
    played = [s for s in snapshots if s.name in ratings and ratings[s.name].games >= max(min_games, 1)]
    return sorted(played, key=lambda s: lower_bound(ratings[s.name]), reverse=True)
