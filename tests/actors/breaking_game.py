"""Two seats; each draws a number; one game in three breaks."""

from typing import Any

import gymnasium as gym
import numpy as np
from pettingzoo import AECEnv
from pettingzoo.utils.agent_selector import AgentSelector


class Breaking(AECEnv):  # type: ignore[misc]
    metadata = {"name": "breaking_v0"}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.possible_agents = ["a", "b"]
        self.observation_spaces = {agent: gym.spaces.Box(0, 1, (3,), np.float32) for agent in self.possible_agents}
        self.action_spaces = {agent: gym.spaces.Discrete(3) for agent in self.possible_agents}

    def observation_space(self, agent: str) -> Any:
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Any:
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: Any = None) -> None:
        self.breaks = np.random.default_rng(seed).random() < 1 / 3
        self.agents = self.possible_agents[:]
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self.infos = {agent: {} for agent in self.agents}
        self.chosen: list[int] = []
        self._selector = AgentSelector(self.agents)
        self.agent_selection = self._selector.reset()

    def observe(self, agent: str) -> Any:
        return np.eye(3, dtype=np.float32)[len(self.chosen) % 3]

    def step(self, action: int | None) -> None:
        if self.terminations[self.agent_selection]:
            self._was_dead_step(action)
            return
        self.chosen.append(int(action or 0))
        if len(self.chosen) == 2:
            if self.breaks:
                raise RuntimeError("the table collapsed")
            difference = float(np.sign(self.chosen[0] - self.chosen[1]))
            self.rewards = {"a": difference, "b": -difference}
            self.terminations = dict.fromkeys(self.agents, True)
        self.agent_selection = self._selector.next()
        self._accumulate_rewards()


def env() -> Breaking:
    return Breaking()
