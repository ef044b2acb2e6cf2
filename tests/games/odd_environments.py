"""Environments that are wrong in one way each, for `odd_environments:name`."""

from __future__ import annotations

import os

import numpy as np
from gymnasium import spaces
from pettingzoo import AECEnv
from pettingzoo.utils.wrappers import AssertOutOfBoundsWrapper, OrderEnforcingWrapper


class Walk(AECEnv):
    """Two seats walk in turn; on the fifth step the game ends and the seat that took it wins."""

    metadata = {"name": "walk", "render_modes": []}  # noqa: RUF012
    seen = spaces.Box(-1, 1, (2,), np.float32)
    played = spaces.Discrete(2)

    def __init__(self, render_mode=None):
        super().__init__()
        self.possible_agents = ["left", "right"]
        self.render_mode = render_mode

    def observation_space(self, agent):
        return self.seen

    def action_space(self, agent):
        return self.played

    def reset(self, seed=None, options=None):
        self.seed = seed
        self.agents = list(self.possible_agents)
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self.infos = {agent: {} for agent in self.agents}
        self.agent_selection = "left"
        self.steps = 0

    def observe(self, agent):
        return np.array([self.steps / 5, agent == "left"], np.float32)

    def step(self, action):
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            return
        self._cumulative_rewards[agent] = 0.0
        self._clear_rewards()
        self.steps += 1
        other = "right" if agent == "left" else "left"
        if self.steps == 5:
            self.rewards = {agent: 1.0, other: -1.0}
            self.end()
        self.agent_selection = other
        self._accumulate_rewards()

    def end(self):
        self.terminations = dict.fromkeys(self.agents, True)


class Truncated(Walk):
    def end(self):
        self.truncations = dict.fromkeys(self.agents, True)


class RaisesInStep(Walk):
    def step(self, action):
        if self.steps == 2:
            raise RuntimeError("the table\nfell over")
        super().step(action)


class ExitsInStep(Walk):
    def step(self, action):
        if self.steps == 2:
            os._exit(3)
        super().step(action)


class RaisesInObserve(Walk):
    def observe(self, agent):
        if self.steps == 3:
            raise KeyError("eyes")
        return super().observe(agent)


class RaisesInReset(Walk):
    """Starts the trial game only."""

    def reset(self, seed=None, options=None):
        if seed != 0:
            raise ValueError("no more chairs")
        super().reset(seed)


class OverAsItBegins(Walk):
    """But for the trial game."""

    def reset(self, seed=None, options=None):
        super().reset(seed)
        if seed != 0:
            self.end()


class NeverStarts(Walk):
    def reset(self, seed=None, options=None):
        raise ValueError("no chairs")


class PaysNan(Walk):
    def step(self, action):
        super().step(action)
        if self.steps == 2:
            self.rewards["left"] = float("nan")


class PaysInfinity(PaysNan):
    def step(self, action):
        super().step(action)
        if self.steps == 2:
            self.rewards["left"] = float("inf")


class NoLegalAction(Walk):
    def observe(self, agent):
        return {"observation": super().observe(agent), "action_mask": np.full(2, self.steps != 2, np.int8)}


class SeesNan(Walk):
    def observe(self, agent):
        return np.array([np.nan if self.steps == 2 else 0.0, 0.0])


class SeesNanIn32Bits(Walk):
    """In the numbers that its space has; where it began with an odd seed."""

    def observe(self, agent):
        return np.array([np.nan if self.steps == 2 and self.seed % 2 else 0.5, 0.0], np.float32)


class PaysAndForbids(Walk):
    """Where it began with an odd seed nothing is legal after a step that pays."""

    def observe(self, agent):
        return {"observation": Walk.observe(self, agent), "action_mask": np.full(2, self.legal, np.int8)}

    def step(self, action):
        super().step(action)
        if self.steps == 2:
            self.rewards = dict.fromkeys(self.agents, 1.0)
            self._accumulate_rewards()

    @property
    def legal(self):
        return not (self.steps == 2 and self.seed % 2)


class OneSpaceEach(Walk):
    """Its actions are always in another space, which has fewer of them from the third step on."""

    def __init__(self):
        super().__init__()
        self.steps = 0

    def action_space(self, agent):
        return spaces.Discrete(2 if self.steps < 2 else 1)


def asserted():
    return OrderEnforcingWrapper(AssertOutOfBoundsWrapper(Walk()))


def asserted_each():
    return OrderEnforcingWrapper(AssertOutOfBoundsWrapper(OneSpaceEach()))


class SeesObjects(Walk):
    def observe(self, agent):
        return np.array([None, {}], dtype=object)


class SeesFar(Walk):
    """Its space says -1 to 1."""

    def observe(self, agent):
        return np.array([255.0 if self.steps == 2 else 0.0, 0.0])


class CountsFar(Walk):
    """In whole numbers, of which those below zero are another matter."""

    def observe(self, agent):
        return np.array([-20 if self.steps == 2 else -1, 1])


class WrongShape(Walk):
    def observe(self, agent):
        return np.zeros(2 if self.steps < 2 else 3)


class ShortMask(Walk):
    def observe(self, agent):
        return {"observation": super().observe(agent), "action_mask": np.ones(2 if self.steps < 2 else 1, np.int8)}


class StaysDead(Walk):
    """Never lets go of a seat that is done."""

    def step(self, action):
        if action is not None:
            super().step(action)


class DiscreteView(Walk):
    seen = spaces.Discrete(6, start=10)

    def observe(self, agent):
        return 10 + self.steps


class ScalarView(Walk):
    seen = spaces.Box(0, 5, (), np.float32)

    def observe(self, agent):
        return np.float32(self.steps)


class ContinuousActions(Walk):
    played = spaces.Box(-1, 1, (2,), np.float32)


class TextView(Walk):
    seen = spaces.Text(5)


class DictView(Walk):
    seen = spaces.Dict({"cards": spaces.Discrete(3)})


class Alone(Walk):
    def __init__(self):
        super().__init__()
        self.possible_agents = ["left"]


class Unnamed(Walk):
    def __init__(self):
        super().__init__()
        del self.possible_agents


class Fleeting(Walk):
    """Selects a seat that has left."""

    def step(self, action):
        super().step(action)
        if self.steps == 2:
            self.agents = ["left"]
            self.agent_selection = "right"
            del self.terminations["right"]


class UnevenSeats(Walk):
    def action_space(self, agent):
        return spaces.Discrete(2 if agent == "left" else 3)


class NoSeats(Walk):
    def __init__(self):
        super().__init__()
        self.possible_agents = []


class Ansi(Walk):
    metadata = {"name": "walk", "render_modes": ["ansi"]}  # noqa: RUF012

    def render(self):
        return f"step {self.steps} of 5"


class Coloured(Ansi):
    metadata = {**Ansi.metadata, "action_names": ["left foot", "Right"], "perfect_information": True}  # noqa: RUF012

    def render(self):
        return f"\x1b[1;31mstep\x1b[0m {self.steps} of 5"


class SameNames(Walk):
    metadata = {"name": "walk", "action_names": ("step", "Step")}  # noqa: RUF012


class NamesAsNumbers(Walk):
    metadata = {"name": "walk", "action_names": [0, 1]}  # noqa: RUF012


class NamesOfTwoLines(Walk):
    metadata = {"name": "walk", "action_names": ["left\nfoot", "right"]}  # noqa: RUF012


class PromisesAnsi(Walk):
    metadata = {"name": "walk", "render_modes": ["ansi"]}  # noqa: RUF012

    def __init__(self):
        super().__init__()


def raises():
    raise OSError("no cards in the box")


def needs_a_package():
    import a_package_that_nobody_has  # noqa: F401


def not_an_environment():
    return object()
