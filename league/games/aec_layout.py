"""How an environment's agents, observations and actions become seats, arrays and numbers."""

from __future__ import annotations

import warnings
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any, Final

import gymnasium.spaces
import numpy as np
from numpy.typing import NDArray

from league.errors import GameError
from league.foreign import blame
from league.games.aec_factory import AecEnv
from league.games.aec_mask import MASK, is_added
from league.games.base import Bounds
from league.games.bubble import raised_by_environment

WIDEST: Final = 1000.0
"""Of a number's range: bounds farther apart say little of what occurs between them."""
BELIEVED: Final = 10.0
"""Observations may reach so many times as far from the middle of their bounds as these say."""
LONGEST_SPACE: Final = 80
"""Characters of a space that a message shows."""
SMALL: Final = (-1.0, 1.0)
"""Numbers that stay between these suit a network as they are."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What every seat of an environment has in common: one network plays them all."""

    agents: tuple[Any, ...]
    """The agent of every seat."""
    shape: tuple[int, ...]
    """Shape of one observation as an array."""
    one_hot_from: int | None
    """First value of a discrete observation, which becomes one-hot; None for arrays."""
    actions: int
    first_action: int
    """The environment's number for action 0."""
    bounds: Bounds | None
    """Of the numbers of an observation; None: they stay between -1 and 1."""
    whole: bool
    """These are bounds of whole numbers."""
    promises_mask: bool
    """The observation space has an action mask."""
    adds_mask: bool
    """That mask is what is added to the logits."""

    @property
    def reach(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The middle of every element of an observation, and how far from there it is believed, `[*shape]` twice."""
        bounds = self.bounds or Bounds(SMALL[:1], SMALL[1:])
        size = int(np.prod(self.shape))
        low, high = (np.broadcast_to(np.asarray(end, np.float32), size).reshape(self.shape) for end in bounds)
        free = np.isinf(low) | np.isinf(high)
        with np.errstate(invalid="ignore"):
            centre, half = np.where(free, 0, (low + high) / 2), np.where(free, np.inf, (high - low) / 2)
        return centre.astype(np.float32), (BELIEVED * np.maximum(half, 1)).astype(np.float32)

    @property
    def believed(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The least and the largest number that is believed in every element of an observation, `[*shape]` twice."""
        (centre, reach), finite = self.reach, np.finfo(np.float32)
        return np.maximum(centre - reach, finite.min), np.minimum(centre + reach, finite.max)


def read_layout(name: str, env: AecEnv) -> Layout:
    """Read an environment's spaces; raises `GameError` for what this engine cannot play."""
    if getattr(env, "possible_agents", None) is None:
        raise GameError(f"{name} has no possible_agents, the list of its seats")
    try:
        agents = tuple(env.possible_agents)
        with warnings.catch_warnings():
            # PettingZoo's base class warns where an environment only has the dictionaries of spaces.
            warnings.simplefilter("ignore", UserWarning)
            spaces = [(env.observation_space(agent), env.action_space(agent)) for agent in agents]
    except BaseException as error:  # a user's code may raise anything
        if not raised_by_environment(error):
            raise
        raise GameError(f"{name}: cannot read its agents and spaces: {blame(error)}") from error
    if not agents:
        raise GameError(f"{name}: possible_agents is empty")
    if len(agents) == 1:
        raise GameError(f"{name} has one seat, {agents[0]}: a league is of games between two players or more")
    if odd := next((agent for agent in agents if not isinstance(agent, Hashable)), None):
        raise GameError(f"{name}: possible_agents holds {odd!r}, which cannot be the key of a dict: name seats by text")
    if len(set(agents)) < len(agents):
        raise GameError(f"{name}: possible_agents has a name twice: {', '.join(map(str, agents))}")
    layouts = [_seat_layout(name, agents, agent, *pair) for agent, pair in zip(agents, spaces, strict=True)]
    first = layouts[0]
    for agent, layout in zip(agents, layouts, strict=True):
        if replace(layout, bounds=first.bounds) != first:
            raise GameError(
                f"{name}: the spaces of {agent} differ from those of {agents[0]} ({_in_words(layout)}; "
                f"{_in_words(first)}); one network plays every seat, so pad them to one size (SuperSuit's "
                "pad_observations and pad_action_space do)"
            )
    return replace(first, bounds=Bounds.around([layout.bounds for layout in layouts]))


def _in_words(layout: Layout) -> str:
    kind = "one of" if layout.one_hot_from is not None else "shape"
    last = layout.first_action + layout.actions - 1
    return f"observations {kind} {list(layout.shape)}, actions {layout.first_action} to {last}"


def _seat_layout(name: str, agents: tuple[Any, ...], agent: Any, seen: Any, played: Any) -> Layout:
    if not isinstance(played, gymnasium.spaces.Discrete):
        raise GameError(f"{name}: the action space of {agent} is {_short(played)}; only Discrete can be played")
    mask = None
    if isinstance(seen, gymnasium.spaces.Dict):
        if "observation" not in seen.spaces:
            keys = ", ".join(seen.spaces)
            raise GameError(f"{name}: the observation space of {agent} has no 'observation', only {keys}")
        seen, mask = seen["observation"], seen.spaces.get(MASK)
    one_hot_from, bounds, whole = None, None, False
    if isinstance(seen, gymnasium.spaces.Discrete):
        shape, one_hot_from = (int(seen.n),), int(seen.start)
    elif isinstance(seen, gymnasium.spaces.Box | gymnasium.spaces.MultiBinary):
        shape = tuple(seen.shape) or (1,)
        if isinstance(seen, gymnasium.spaces.Box):
            bounds = _bounds(seen)
            whole = bounds is not None and np.issubdtype(seen.dtype, np.integer)
    else:
        raise GameError(
            f"{name}: the observation space of {agent} is {_short(seen)}; only Box, Discrete and MultiBinary can be "
            "played"
        )
    if 0 in shape:
        raise GameError(f"{name}: the observations of {agent} have shape {list(shape)}: there is nothing to see")
    return Layout(
        agents=agents,
        shape=shape,
        one_hot_from=one_hot_from,
        actions=int(played.n),
        first_action=int(played.start),
        bounds=bounds,
        whole=whole,
        promises_mask=mask is not None,
        adds_mask=is_added(mask),
    )


def _short(space: Any) -> str:
    text = " ".join(str(space).split())
    return text if len(text) <= LONGEST_SPACE else type(space).__name__


def _bounds(space: gymnasium.spaces.Box) -> Bounds | None:
    """Those of a Box, infinite where they are too far apart to say anything."""
    low, high = (np.asarray(end, np.float64).reshape(-1) for end in (space.low, space.high))
    if (low >= SMALL[0]).all() and (high <= SMALL[1]).all():
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        wide = ~(high - low <= WIDEST)
    low, high = np.where(wide, -np.inf, low), np.where(wide, np.inf, high)
    return Bounds.of(low.tolist(), high.tolist())
