"""Environments that meddle with the process around them, for `meddling:name`, and masks, for `meddling:mask_...`."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import warnings

import numpy as np
import torch
from bookkeeping import Sound
from gymnasium import spaces


class Exits(Sound):
    def step(self, action):
        if self.step_count == 2:
            sys.exit("enough")
        super().step(action)


class ExitsHard(Sound):
    def step(self, action):
        if self.step_count == 2:
            os._exit(3)
        super().step(action)


class ExitsInReset(Sound):
    def reset(self, seed=None, options=None):
        if seed:
            raise SystemExit
        super().reset(seed)


class Forks(Sound):
    def step(self, action):
        if os.fork() == 0:
            self.observe = lambda agent: 1 / 0
        super().step(action)


class Meddles(Sound):
    """Leaves everything that is global in another state."""

    def step(self, action):
        print("a line for nobody")
        os.chdir("/")
        warnings.simplefilter("error")
        np.seterr(all="raise")
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
        sys.stdout = None
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        super().step(action)


class Dice(Sound):
    """Draws from the global random numbers, which it seeds."""

    def reset(self, seed=None, options=None):
        super().reset(seed)
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)

    def observe(self, agent):
        return np.array([(random.random() + np.random.random() + float(torch.rand(()))) / 3], np.float32)


class Masked(Sound):
    """Action 0 is legal, 1 is not."""

    mask = (True, False)

    def observation_space(self, agent):
        return spaces.Dict(
            {"observation": super().observation_space(agent), "action_mask": spaces.Box(0, 1, (2,), np.int8)}
        )

    def observe(self, agent):
        return {"observation": super().observe(agent), "action_mask": self.mask}

    def step(self, action):
        assert action in (None, 0), "not legal"
        super().step(action)


class Added(Masked):
    """Masks are added to logits, and the space says so: zeros forbid nothing until the third step."""

    def observation_space(self, agent):
        return spaces.Dict(
            {"observation": super(Masked, self).observation_space(agent), "action_mask": spaces.Box(-np.inf, 0, (2,))}
        )

    def observe(self, agent):
        self.mask = np.array([0.0, 0.0 if self.step_count < 2 else -np.inf])
        return super().observe(agent)


class OtherName(Masked):
    def observe(self, agent):
        seen = super().observe(agent)
        return {"observation": seen["observation"], "legal_moves": seen["action_mask"]}


def needs(size, colour="red"):
    return Sound()
