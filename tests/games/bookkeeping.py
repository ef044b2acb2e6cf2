"""Environments that keep their rewards each in another way, for `bookkeeping:name`; the last move is seat `b`'s."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces
from pettingzoo import AECEnv, ParallelEnv
from pettingzoo.utils.wrappers import BaseWrapper, OrderEnforcingWrapper


class Sound(AECEnv):
    """Two seats, six steps. Each step pays its mover what it was (1 to 6), the last one also takes 10 from `a`."""

    metadata = {"name": "sound", "render_modes": []}  # noqa: RUF012
    truth = (1 + 3 + 5 - 10, 2 + 4 + 6)
    steps = 6

    def __init__(self):
        super().__init__()
        self.possible_agents = ["a", "b"]
        self.render_mode = None

    def observation_space(self, agent):
        return spaces.Box(0, 1, (1,), np.float32)

    def action_space(self, agent):
        return spaces.Discrete(2)

    def observe(self, agent):
        return np.array([self.step_count / self.steps], np.float32)

    def reset(self, seed=None, options=None):
        self.agents = list(self.possible_agents)
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self.infos = {agent: {} for agent in self.agents}
        self.agent_selection = "a"
        self.step_count = 0

    def step(self, action):
        if self.terminations[self.agent_selection]:
            self.leave()
            return
        mover = self.agent_selection
        self.step_count += 1
        paid = {mover: float(self.step_count)}
        if self.step_count == self.steps:
            paid["a"] = paid.get("a", 0.0) - 10
            self.terminations = dict.fromkeys(self.agents, True)
        self.agent_selection = "b" if mover == "a" else "a"
        self.book(mover, paid)

    def leave(self):
        self._was_dead_step(None)

    def book(self, mover, paid):
        self._cumulative_rewards[mover] = 0.0
        self._clear_rewards()
        self.rewards.update(paid)
        self._accumulate_rewards()


class OnlyCumulative(Sound):
    def book(self, mover, paid):
        self._cumulative_rewards[mover] = 0.0
        for agent, reward in paid.items():
            self._cumulative_rewards[agent] += reward


class OnlyRewards(Sound):
    def book(self, mover, paid):
        self._clear_rewards()
        self.rewards.update(paid)


class NeverEmptied(Sound):
    def book(self, mover, paid):
        self._clear_rewards()
        self.rewards.update(paid)
        self._accumulate_rewards()


class AddedLater(Sound):
    def book(self, mover, paid):
        self._cumulative_rewards[mover] = 0.0
        self._accumulate_rewards()
        self._clear_rewards()
        self.rewards.update(paid)


class LastOnlyCumulative(Sound):
    """Keeps both books, but for the end."""

    def book(self, mover, paid):
        if self.step_count < self.steps:
            super().book(mover, paid)
            return
        self._cumulative_rewards[mover] = 0.0
        self._clear_rewards()
        for agent, reward in paid.items():
            self._cumulative_rewards[agent] += reward


class LeftStanding(Sound):
    """The last rewards stand while the seats leave, and are added once more for each of them."""

    def leave(self):
        agent = self.agent_selection
        self.agents.remove(agent)
        for book in (self.rewards, self._cumulative_rewards, self.terminations, self.truncations, self.infos):
            del book[agent]
        self.agent_selection = self.agents[0] if self.agents else None
        self._accumulate_rewards()


class Emptied(Sound):
    def book(self, mover, paid):
        super().book(mover, paid)
        if self.step_count == self.steps:
            self.agents = []


class Arrays(Sound):
    def book(self, mover, paid):
        super().book(mover, {agent: np.array([reward], np.float32) for agent, reward in paid.items()})


class Integers(Sound):
    def book(self, mover, paid):
        super().book(mover, {agent: np.int64(reward) for agent, reward in paid.items()})


class Nones(OnlyRewards):
    def book(self, mover, paid):
        self.rewards = {**dict.fromkeys(self.possible_agents), **paid}


class Bools(Sound):
    truth = (0, 1)

    def book(self, mover, paid):
        super().book(mover, {agent: self.step_count == self.steps and agent == "b" for agent in paid})


class Doubles(BaseWrapper):
    """Pays twice as much from the fourth step on, by a book of its own."""

    truth = (1 + 3 + 10 - 20, 2 + 8 + 12)

    def reset(self, seed=None, options=None):
        for name in {"rewards", "_cumulative_rewards"} & vars(self).keys():
            delattr(self, name)
        super().reset(seed=seed)

    def step(self, action):
        super().step(action)
        if self.env.step_count > 3:
            self._cumulative_rewards = {}
            self.rewards = {agent: 2 * reward for agent, reward in self.env.rewards.items()}


def wrapped():
    return OrderEnforcingWrapper(Doubles(OrderEnforcingWrapper(Sound())))


class Opposite(Sound):
    """Its books contradict each other: wrong."""

    def book(self, mover, paid):
        super().book(mover, paid)
        self._cumulative_rewards[mover] -= 2 * paid[mover]


class Twice(Sound):
    def book(self, mover, paid):
        super().book(mover, paid)
        self._accumulate_rewards()


class Words(Sound):
    def book(self, mover, paid):
        self.rewards = dict.fromkeys(paid, "much")


class Pairs(Sound):
    def book(self, mover, paid):
        self.rewards = {agent: np.ones(2) for agent in paid}


class Strangers(Sound):
    def book(self, mover, paid):
        self.rewards = {"c": 1.0}


class Lists(Sound):
    def book(self, mover, paid):
        self.rewards = [1.0, 2.0]


class Some(Sound):
    """Four could play, two or three do; whoever plays last wins a point from the first."""

    def __init__(self):
        super().__init__()
        self.possible_agents = ["a", "b", "c", "d"]

    def reset(self, seed=None, options=None):
        super().reset(seed)
        self.agents = self.agents[: 2 + (seed or 0) % 2]

    def book(self, mover, paid):
        self._clear_rewards()
        if self.step_count == self.steps:
            self.rewards.update(a=-1.0, b=1.0)


class Together(ParallelEnv):
    """Two seats, three rounds; what `a` has more than `b` it wins. A seat must not see the other one's move."""

    metadata = {"name": "together", "render_modes": []}  # noqa: RUF012

    def __init__(self):
        self.possible_agents = ["a", "b"]

    def observation_space(self, agent):
        return spaces.Box(0, 3, (1,), np.float32)

    def action_space(self, agent):
        return spaces.Discrete(3)

    def reset(self, seed=None, options=None):
        self.agents = list(self.possible_agents)
        self.round = 0
        return self._seen(), {agent: {} for agent in self.agents}

    def step(self, actions):
        self.round += 1
        paid = float(actions["a"] - actions["b"])
        over = self.round == 3
        answer = (
            self._seen(),
            {"a": paid, "b": -paid},
            dict.fromkeys(self.agents, over),
            dict.fromkeys(self.agents, False),
            {agent: {} for agent in self.agents},
        )
        if over:
            self.agents = []
        return answer

    def _seen(self):
        return {agent: np.array([self.round], np.float32) for agent in self.possible_agents}


def parallel_env():
    return Together()
