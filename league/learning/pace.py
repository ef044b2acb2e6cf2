"""How playing and learning keep pace: what an update is made from, and how old that may be."""

from __future__ import annotations

import math

from league.cluster.plan import Hardware
from league.config import LeagueConfig


def staleness(config: LeagueConfig, hardware: Hardware) -> int:
    """By how many updates what is learned from may be too old; 0: playing and learning wait for each other.

    A learner that plays in its own process always waits.
    """
    if not hardware.runners:
        return 0
    asked = config.learning.staleness
    return 1 if asked is None else asked


def fragments(config: LeagueConfig, hardware: Hardware) -> int:
    """Fragments of games of which an update is made: the fewest with which all runners play on, or as was asked for."""
    rollout, moves = config.rollout, config.learning.batch_size
    if moves is None:
        return math.ceil(max(1, hardware.runners) / max(1, staleness(config, hardware)))
    return math.ceil(moves / ((rollout.games or 1) * (rollout.plies or 1)))
