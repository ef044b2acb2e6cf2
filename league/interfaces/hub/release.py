"""All that is said of a policy that leaves its league: what it is, how strong, and how it was made."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Self

from league.config import LeagueConfig
from league.games import bot_names, game_spec
from league.games.base import GameSpec
from league.installation import DISTRIBUTION
from league.installation import version as own_version
from league.ladder.leaderboard import Row
from league.ladder.records import Replay, Snapshot, Tally
from league.matches.arena import Arena
from league.policies.network import PolicyNetwork
from league.policies.weights import unpack
from league.pool.mirror import Mirror
from league.pool.store import Store
from league.rollout.arena import seatings
from league.view import plain
from league.view.overview import Overview

OPPONENTS = 10
"""Most opponents that a table names; the strongest ones."""
REPLAY_SEED = 1


@dataclass(frozen=True, kw_only=True)
class Meeting:
    """All games against one opponent."""

    opponent: Row
    tally: Tally
    """From the policy's point of view."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """One policy at the moment of its export."""

    spec: GameSpec
    config: LeagueConfig
    snapshot: Snapshot
    weights: bytes
    """As they are stored; their sha256 is `snapshot.digest`."""
    network: PolicyNetwork
    standing: Row
    """Its row on the leaderboard."""
    rivals: int
    """Policies on the leaderboard, itself and bots among them."""
    meetings: Sequence[Meeting]
    """The strongest opponent first, at most `OPPONENTS`."""
    shown: Replay
    """A game to look at."""
    shown_against: str
    made_s: float
    """Unix time, in seconds."""

    @classmethod
    def read(cls, store: Store, word: str) -> Self:
        """Read all of it from the store, and play a game to look at.

        Raises:
            PolicyError: `word` names no snapshot with weights.
            StoreError: as the store's own methods do.
        """
        overview = Overview.read(Mirror(store))
        config, spec = overview.config, game_spec(overview.config.game)
        named = store.resolve(word, bot_names(spec, word))
        digest = named.require_digest()
        weights = store.weights(digest)
        rows = {row.policy: row for row in overview.rows}
        others = [row for row in overview.rows if row.policy != named.name]
        payoff = store.payoff_between([named.name], [row.policy for row in others], seatings(spec.seats))
        met = [(row, payoff.tally(named.name, row.policy)) for row in others]
        replay, against = _game(store, config, named.name, spec)
        return cls(
            spec=spec,
            config=config,
            snapshot=overview.snapshots[named.name],
            weights=weights,
            network=unpack(weights, spec),
            standing=rows[named.name],
            rivals=len(rows),
            meetings=[Meeting(opponent=row, tally=tally) for row, tally in met if tally.games][:OPPONENTS],
            shown=replay,
            shown_against=against,
            made_s=time.time(),
        )

    @property
    def name(self) -> str:
        """The policy's name, which may hold anything but blanks and `|`, and be of any length."""
        return self.snapshot.name

    def results(self) -> dict[str, Any]:
        """What `results.json` holds, as plain data: the policy, its Elo, its games by opponent, and one of them."""
        elo = None if not self.standing.games else {"points": self.standing.elo, "interval": self.standing.interval}
        return {
            "policy": self.name,
            "sha256": self.snapshot.digest,
            "game": self.spec.name,
            "steps": self.snapshot.steps,
            "elo": elo,
            "rank": self.standing.rank,
            "of": self.rivals,
            **_tally(self.standing.score),
            "opponents": [
                {
                    "policy": meeting.opponent.policy,
                    "kind": meeting.opponent.kind,
                    "elo": meeting.opponent.elo if meeting.opponent.games else None,
                    **_tally(meeting.tally),
                }
                for meeting in self.meetings
            ],
            "replay": {
                "against": self.shown_against,
                "first": self.name if self.shown.seating[0] == "0" else self.shown_against,
                "points": self.shown.points,
                "opening": self.shown.opening,
                "moves": list(self.shown.moves),
            },
            "versions": versions(),
            "exported": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.made_s)),
        }


def versions() -> dict[str, str]:
    """Of this project and of what a policy is made with."""
    found = {DISTRIBUTION: own_version()}
    for package in ("torch", "ray", "pettingzoo"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _game(store: Store, config: LeagueConfig, policy: str, spec: GameSpec) -> tuple[Replay, str]:
    """A game of the policy against the strongest bot, best one that it wins."""
    against = spec.bots[-1]
    games = Arena(store, config).play(policy, against, games=2 * spec.seats, seed=REPLAY_SEED).replays
    return max(games, key=lambda replay: -1.0 if replay.points is None else replay.points), against


def _tally(games: Tally) -> dict[str, Any]:
    """As commands print it; not-a-number, the score without games, is no JSON."""
    return plain.tally(games) | ({} if games.games else {"score": None})
