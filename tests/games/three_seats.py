"""Last seat standing: a three-seat game of the kind that a user might write, as a PettingZoo AEC environment.

Seats take one to three stones from a pile in turn. Whoever takes the last one is out and pays 1, every seat still in
receives 0.5, and a smaller pile is laid. The last seat in receives another 1, and the seat that went out first 0.25,
although it left the table long ago. The mask is in `infos`.
"""

from __future__ import annotations

import numpy as np
from gymnasium import spaces
from pettingzoo import AECEnv

SEATS = ("ann", "ben", "cat")


class LastSeatStanding(AECEnv):
    metadata = {"name": "last_seat_standing", "render_modes": []}  # noqa: RUF012

    def __init__(self):
        super().__init__()
        self.possible_agents = list(SEATS)
        self.render_mode = None

    def observation_space(self, agent):
        return spaces.Box(0, 16, (1 + len(SEATS),), np.int64)

    def action_space(self, agent):
        return spaces.Discrete(3, start=1)

    def reset(self, seed=None, options=None):
        self.agents = list(SEATS)
        self.rewards = dict.fromkeys(SEATS, 0.0)
        self._cumulative_rewards = dict.fromkeys(SEATS, 0.0)
        self.terminations = dict.fromkeys(SEATS, False)
        self.truncations = dict.fromkeys(SEATS, False)
        self.pile = int(np.random.default_rng(seed).integers(4, 11))
        self.out = []
        self.agent_selection = SEATS[0]
        self._mask()

    def observe(self, agent):
        first = SEATS.index(agent)
        return np.array([self.pile, *(SEATS[(first + i) % 3] not in self.out for i in range(3))])

    def step(self, action):
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            if not self.agents:
                self.rewards = {self.out[0]: 0.25}  # paid when the table is cleared
            return
        assert 1 <= action <= min(3, self.pile)
        self._cumulative_rewards[agent] = 0.0
        self._clear_rewards()
        self.pile -= action
        following = self._next(agent)
        if self.pile == 0:
            self._go_out(agent)
        self.agent_selection = following
        self._mask()
        self._accumulate_rewards()
        if any(self.terminations.values()):
            self._deads_step_first()

    def _go_out(self, agent):
        self.out.append(agent)
        self.terminations[agent] = True
        self.rewards[agent] = -1.0
        still_in = [one for one in SEATS if one not in self.out]
        for one in still_in:
            self.rewards[one] = 0.5
        self.pile = 6
        if len(still_in) == 1:
            self.rewards[still_in[0]] += 1.0
            self.terminations[still_in[0]] = True

    def _next(self, agent):
        turn = SEATS.index(agent)
        order = [SEATS[(turn + i) % 3] for i in (1, 2, 3)]
        return next(one for one in order if one not in self.out)

    def _mask(self):
        mask = np.array([take <= self.pile for take in (1, 2, 3)], np.int8)
        self.infos = {agent: {"action_mask": mask} for agent in self.agents}


def env(**kwargs):
    return LastSeatStanding(**kwargs)
