"""How playing and learning keep pace: what an update is made from, and how old that may be."""

from __future__ import annotations

import math

from league.cluster.plan import Hardware
from league.config import LeagueConfig
from league.config.auto import MOST_AUTO_STALENESS


def staleness(config: LeagueConfig, hardware: Hardware) -> int:
    """By how many updates what is learned from may be too old; 0: playing and learning wait for each other.

    A learner that plays in its own process always waits. Where nothing was asked for it is the least with which all
    runners play on, within `MOST_AUTO_STALENESS`.
    """
    if not hardware.runners:
        return 0
    learning = config.learning
    if learning.staleness is not None:
        return learning.staleness
    if learning.batch_size is None:
        return 1
    return min(MOST_AUTO_STALENESS, math.ceil(hardware.runners / _whole(config, learning.batch_size)))


def fragments(config: LeagueConfig, hardware: Hardware) -> int:
    """Fragments of games of which an update is made: the fewest with which all runners play on, or as was asked for."""
    moves = config.learning.batch_size
    if moves is None:
        return math.ceil(max(1, hardware.runners) / max(1, staleness(config, hardware)))
    return _whole(config, moves)


def _whole(config: LeagueConfig, moves: int) -> int:
    """Fragments that have so many moves."""
    return math.ceil(moves / ((config.rollout.games or 1) * (config.rollout.plies or 1)))
