"""What the league of these tests holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from league.config import LeagueConfig
from league.ladder.records import Match, Promotion, Snapshot
from league.pool.store import Store

CONFIG = LeagueConfig.from_dict(
    {"game": "tic_tac_toe", "network": {"kind": "mlp", "hidden": [16]}, "arena": {"games": 20, "opening_plies": 2}}
)
NAMES = ("main-0000", "main-0001", "main-0002")
STATUS = {
    "phase": "training",
    "started_s": 1_790_000_000.0,
    "game": "tic_tac_toe",
    "steps": 3000,
    "snapshots": 3,
    "matches": 10,
    "champion": "main-0001",
    "dropped_games": 2,
    "unreadable": [],
    "learners": {
        "main": {
            "steps": 3000,
            "steps_per_s": 1234.5,
            "plies_per_s": 2345.6,
            "losses": {"policy_loss": 0.25, "entropy": 1.5},
            "opponents": {"main-0000": 1.0},
            "stopped": False,
            "lag_steps": 500,
            "reported_s": 1_789_999_999.0,
            "saved_s": 1_789_999_990.0,
            "parts_s": {"sample": 0.5, "learn": 1.5},
            "usage": {"gpu_bytes": 0, "runners": 2, "runners_lost": 0, "parts": 1, "runner_restarts": 0},
        }
    },
    "arena": {"workers": 2, "busy": 1, "candidates": 1, "wanted": {"gate": 2, "rating": 7}},
    "nodes": {"head": 1, "gpu": 0},
    "totals": {
        "steps": {"main": 3500},
        "busy_seconds": {"main": 60.5},
        "restarts": {"learner": 1},
        "refusals": {"refused": 3},
        "dropped_games": {"training": 2},
        "match_seconds": {"gate": 1.25, "rating": 8.5},
    },
}


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Result]


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What every league of these tests is filled with."""

    snapshots: tuple[tuple[Snapshot, bytes], ...]
    matches: tuple[Match, ...]

    def games(self, name: str) -> int:
        """Of four matches, in which no game between deterministic policies counts twice."""
        games = sum(match.total.games for match in self.matches if name in (match.row, match.column))
        assert 60 < games <= 80
        return games


def fill(store: Store, recorded: Recorded) -> None:
    store.create(CONFIG)
    for snapshot, weights in recorded.snapshots:
        store.add_snapshot(snapshot, weights)
    for match in recorded.matches:
        store.record(match)
    for number in (0, 1):
        snapshot = recorded.snapshots[number][0]
        promotion = Promotion(
            policy=snapshot.name,
            digest=snapshot.digest,
            by="coordinator",
            how="automatic",
            reason="rated highest",
            promoted_s=100.0 + number,
        )
        store.promote(promotion)
    store.set_status(STATUS)
    store.add_event("lost", "a runner came [bold]back[/bold]", 200.0)
