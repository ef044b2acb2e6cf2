"""How playing and learning keep pace: what an update is made from, and how old that may be."""

from __future__ import annotations

import math

from league.cluster.plan import Hardware
from league.config import LeagueConfig


def staleness(config: LeagueConfig, hardware: Hardware) -> int:
    """By how many updates what is learned from may be too old; 0: playing and learning wait for each other.

    One that plays in its own process plays on with a core for each of the two, where a second thread brings learning
    nothing: that is so for the small products of networks that look up tables. `config` is settled.
    """
    asked = config.learning.staleness
    if hardware.runners:
        return asked or 0
    wanted = config.network.kind == "tables" if asked is None else asked > 0
    return int(wanted and hardware.threads > 1)


def overlaps(config: LeagueConfig, hardware: Hardware) -> bool:
    """Whether one thread learns while another one of the same process plays. `config` is settled."""
    return not hardware.runners and staleness(config, hardware) > 0


def fragments(config: LeagueConfig, hardware: Hardware) -> int:
    """Fragments of games of which an update is made: the fewest with which all runners play on, or as was asked for."""
    rollout, moves = config.rollout, config.learning.batch_size
    if moves is None:
        return math.ceil(max(1, hardware.runners) / max(1, staleness(config, hardware)))
    return math.ceil(moves / ((rollout.games or 1) * (rollout.plies or 1)))
