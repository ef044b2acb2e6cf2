"""What a configuration leaves to the game, chosen: every `None` of its network, its rollouts and its learning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from league.config import LeagueConfig, LearningConfig, RoleConfig, RolloutConfig
from league.config.auto import (
    ANNEAL_MINIBATCHES,
    AUTO_GAMES,
    AUTO_LEARNING,
    AUTO_PLIES,
    AUTO_ROLLOUT,
    EXPLORING_PART,
    EXPLORING_PLIES,
    LOOKAHEAD_GAMES,
    LOOKAHEAD_PLIES,
)
from league.errors import ConfigError
from league.games.base import GameSpec
from league.policies.network import settled as settled_network

_Section = TypeVar("_Section", LearningConfig, RolloutConfig)


def for_role(config: LeagueConfig, role: RoleConfig) -> LeagueConfig:
    """The configuration for learners of a role: one that never plays itself does not look ahead by itself.

    It looks for what its opponents do wrong; lookahead takes them for as good as itself.
    """
    if role.plays_itself or config.learning.lookahead is not None:
        return config
    return replace(config, learning=replace(config.learning, lookahead=False))


def settled(config: LeagueConfig, spec: GameSpec) -> LeagueConfig:
    """The configuration with all that was left to the game chosen; runners and devices stay open.

    Raises `ConfigError` where lookahead is asked for in a game that cannot be looked ahead in.
    """
    looks = looks_ahead(config.learning, spec)
    learning: LearningConfig = _chosen(replace(config.learning, lookahead=looks), AUTO_LEARNING, looks=looks)
    anneal_steps = learning.anneal_steps or ANNEAL_MINIBATCHES * (learning.minibatch_size or 1)
    return replace(
        config,
        network=settled_network(config.network, spec),
        rollout=settled_rollout(config.rollout, spec, looks=looks),
        learning=replace(learning, anneal_steps=anneal_steps),
    )


def settled_rollout(config: RolloutConfig, spec: GameSpec, *, looks: bool) -> RolloutConfig:
    """How games are played for training, with nothing left open but runners and device; `looks`: with lookahead."""
    known = EXPLORING_PLIES if spec.plies is None else max(1, round(EXPLORING_PART * spec.plies))
    return replace(
        _chosen(config, AUTO_ROLLOUT, looks=looks),
        games=config.games or (LOOKAHEAD_GAMES if looks else AUTO_GAMES[spec.batched]),
        plies=config.plies or (LOOKAHEAD_PLIES if looks else AUTO_PLIES[spec.batched]),
        exploring_plies=config.exploring_plies or known,
    )


def looks_ahead(config: LearningConfig, spec: GameSpec) -> bool:
    """Whether learning looks ahead; raises `ConfigError` where it is asked for and cannot be."""
    if config.lookahead and not spec.positions:
        raise ConfigError(f"learning.lookahead = true: {spec.name} {spec.only_played}: leave it out")
    return spec.positions if config.lookahead is None else config.lookahead


def _chosen(section: _Section, numbers: Mapping[str, tuple[float, float]], *, looks: bool) -> _Section:
    """The section with its open keys among those of `numbers` filled from there."""
    open_keys: dict[str, Any] = {
        name: pair[0 if looks else 1] for name, pair in numbers.items() if getattr(section, name) is None
    }
    return replace(section, **open_keys)
