"""One PettingZoo AEC environment, played from the outside: its spaces, and one game of it at a time."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium.spaces
import numpy as np
from numpy.typing import NDArray

from league.errors import GameError
from league.games.aec_factory import AecEnv, describe


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How an environment's agents, observations and actions become seats, arrays and numbers."""

    agents: tuple[str, ...]
    """The agent of every seat."""
    shape: tuple[int, ...]
    """Shape of one observation as an array."""
    one_hot_from: int | None
    """First value of a discrete observation, which becomes one-hot; None for arrays."""
    actions: int
    first_action: int
    """The environment's number for action 0."""


def read_layout(name: str, env: AecEnv) -> Layout:
    """Read an environment's spaces; raises `GameError` for what this engine cannot play."""
    try:
        agents = tuple(env.possible_agents)
        with warnings.catch_warnings():
            # PettingZoo's base class warns where an environment only has the dictionaries of spaces.
            warnings.simplefilter("ignore", UserWarning)
            spaces = [(env.observation_space(agent), env.action_space(agent)) for agent in agents]
    except Exception as error:  # a user's code may raise anything
        raise GameError(f"{name}: cannot read its agents and spaces: {describe(error)}") from error
    if not agents:
        raise GameError(f"{name}: possible_agents is empty")
    layouts = [_seat_layout(name, agents, agent, *pair) for agent, pair in zip(agents, spaces, strict=True)]
    for agent, layout in zip(agents, layouts, strict=True):
        if layout != layouts[0]:
            raise GameError(
                f"{name}: the spaces of {agent} differ from those of {agents[0]}; one network plays every seat, "
                "so pad them to one size (SuperSuit's pad_observations and pad_action_space do)"
            )
    return layouts[0]


def _seat_layout(name: str, agents: tuple[str, ...], agent: str, seen: Any, played: Any) -> Layout:
    if not isinstance(played, gymnasium.spaces.Discrete):
        raise GameError(f"{name}: the action space of {agent} is {played}; only Discrete can be played")
    if isinstance(seen, gymnasium.spaces.Dict):
        if "observation" not in seen.spaces:
            keys = ", ".join(seen.spaces)
            raise GameError(f"{name}: the observation space of {agent} has no 'observation', only {keys}")
        seen = seen["observation"]
    one_hot_from = None
    if isinstance(seen, gymnasium.spaces.Discrete):
        shape, one_hot_from = (int(seen.n),), int(seen.start)
    elif isinstance(seen, gymnasium.spaces.Box | gymnasium.spaces.MultiBinary):
        shape = tuple(seen.shape) or (1,)
    else:
        raise GameError(f"{name}: the observation space of {agent} is {seen}; only Box and Discrete can be played")
    return Layout(
        agents=agents, shape=shape, one_hot_from=one_hot_from, actions=int(played.n), first_action=int(played.start)
    )


class AecBoard:
    """One game at a time in one environment, written into one row of the batch's arrays.

    `observation` float32 `[*shape]`, `legal` bool `[A]` and `seat` int64 `[1]` are views that belong to the batch.
    Whatever the environment raises ends the game without a result, and the next one gets a new environment.
    """

    def __init__(
        self,
        make: Callable[[], AecEnv],
        layout: Layout,
        *,
        observation: NDArray[np.float32],
        legal: NDArray[np.bool_],
        seat: NDArray[np.int64],
    ) -> None:
        self._make = make
        self._layout = layout
        self._seats = {agent: seat for seat, agent in enumerate(layout.agents)}
        self._observation, self._legal, self._seat = observation, legal, seat
        self._over = True
        self.env: AecEnv | None = None
        self.error: str | None = None
        """What the environment did wrong in this game, if it did."""

    def reset(self, seed: int) -> None:
        """Start a new game. One that cannot start is over at its next ply, with `error` set."""
        self.error = None
        self._over = False
        try:
            if self.env is None:
                self.env = self._make()
            self.env.reset(seed=seed)
            self._look(self.env)
        except Exception as error:  # a user's code may raise anything
            self._break(f"reset(seed={seed})", error)

    def step(self, action: int) -> tuple[list[float], bool]:
        """Play for the seat to move; return what each seat received, and whether the game is over."""
        rewards = [0.0] * len(self._layout.agents)
        env = self.env
        if self._over or env is None:
            return rewards, True
        action += self._layout.first_action
        agent = ""
        try:
            agent = env.agent_selection
            env.step(action)
            self._collect(env, rewards)
            self._over = self._pass_dead_seats(env, rewards)
            if self._over:
                self._blank()
            else:
                self._look(env)
        except Exception as error:  # a user's code may raise anything
            self._break(f"step({action}) by {agent}", error)
            return [0.0] * len(rewards), True
        return rewards, self._over

    def _pass_dead_seats(self, env: AecEnv, rewards: list[float]) -> bool:
        """Step seats whose part has ended with None, as PettingZoo asks, and return whether all have."""
        for _ in range(len(self._layout.agents) + 1):
            if not env.agents:
                return True
            agent = env.agent_selection
            if not (env.terminations[agent] or env.truncations[agent]):
                return False
            env.step(None)
            self._collect(env, rewards)
        raise ValueError(f"{agent} stays selected after it is done")

    def _collect(self, env: AecEnv, rewards: list[float]) -> None:
        """Add what `env.step` has just paid: PettingZoo's `rewards` holds the last step's only."""
        for agent, reward in env.rewards.items():
            if not math.isfinite(reward):
                raise ValueError(f"the reward of {agent} is {reward}")
            rewards[self._seats[agent]] += float(reward)

    def _look(self, env: AecEnv) -> None:
        """Read the mover's view, once per ply."""
        agent = env.agent_selection
        seen = env.observe(agent)
        mask = None
        if isinstance(seen, dict):
            mask, seen = seen.get("action_mask"), seen["observation"]
        if mask is None:
            mask = env.infos.get(agent, {}).get("action_mask")
        self._seat[0] = self._seats[agent]
        self._write_observation(seen)
        legal = np.ones(self._layout.actions, np.bool_) if mask is None else np.asarray(mask).astype(np.bool_)
        if legal.shape != self._legal.shape:
            raise ValueError(f"the action mask of {agent} has shape {legal.shape}, not {self._legal.shape}")
        if not legal.any():
            raise ValueError(f"{agent} is to move and has no legal action")
        self._legal[:] = legal

    def _write_observation(self, seen: Any) -> None:
        if self._layout.one_hot_from is not None:
            self._observation[:] = 0.0
            self._observation[range(len(self._observation))[int(seen) - self._layout.one_hot_from]] = 1.0
            return
        array = np.asarray(seen)
        if array.shape != self._layout.shape and (array.shape, self._layout.shape) != ((), (1,)):
            raise ValueError(f"the observation has shape {array.shape}, not {self._layout.shape}")
        self._observation[:] = array
        if array.dtype.kind == "f" and not np.isfinite(self._observation).all():
            raise ValueError("the observation holds a number that is not finite")

    def _break(self, doing: str, error: Exception) -> None:
        self.error = f"{doing}: {describe(error)}"
        self.env = None
        self._over = True
        self._blank()

    def _blank(self) -> None:
        self._observation[:] = 0.0
        self._legal[:] = True
