import numpy as np
from gymnasium import spaces
from pettingzoo import AECEnv

from pile.game import STONES


class PileEnv(AECEnv):
    metadata = {"name": "pile", "perfect_information": True}

    def __init__(self):
        super().__init__()
        self.possible_agents = ["first", "second"]

    def observation_space(self, agent):
        return spaces.Dict(observation=spaces.Box(0, 1, (STONES + 1,)), action_mask=spaces.MultiBinary(3))

    def action_space(self, agent):
        return spaces.Discrete(3)

    def reset(self, seed=None, options=None):
        self.agents, self.left = list(self.possible_agents), STONES
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self.infos = {agent: {} for agent in self.agents}
        self.agent_selection = "first"

    def observe(self, agent):
        seen = np.zeros(STONES + 1, np.float32)
        seen[self.left] = 1
        return {"observation": seen, "action_mask": np.arange(1, 4) <= max(self.left, 1)}

    def step(self, action):
        if self.terminations[self.agent_selection]:
            self._was_dead_step(action)
            return
        mover = self.agent_selection
        other = "second" if mover == "first" else "first"
        self._cumulative_rewards[mover] = 0.0
        self.left = max(0, self.left - int(action) - 1)
        if self.left == 0:
            self.rewards = {mover: 1.0, other: -1.0}
            self.terminations = dict.fromkeys(self.agents, True)
        self.agent_selection = other
        self._accumulate_rewards()


def env():
    return PileEnv()
