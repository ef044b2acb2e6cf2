"""Environments that meddle with the process around them, for `meddling:name`, and masks, for `meddling:mask_...`."""

from __future__ import annotations

import builtins
import contextlib
import os
import random
import signal
import sys
import tempfile
import threading
import time
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


class Interrupts(Sound):
    def step(self, action):
        if self.step_count == 2:
            raise KeyboardInterrupt("enough")
        super().step(action)


class ExitsHard(Sound):
    def step(self, action):
        if self.step_count == 2:
            os._exit(3)
        super().step(action)


class KillsItself(Sound):
    def step(self, action):
        if self.step_count == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        super().step(action)


class Hangs(Sound):
    """Tries for ever what fails."""

    def step(self, action):
        while self.step_count == 2:
            with contextlib.suppress(Exception):
                time.sleep(3600)
        super().step(action)


class HangsAsItIsBuilt(Sound):
    def __init__(self):
        time.sleep(3600)


class ExitsAsItIsBuilt(Sound):
    left = 3

    def __init__(self):
        if not self.left:
            sys.exit("no more tables")
        type(self).left -= 1
        super().__init__()


class ExitsInReset(Sound):
    def reset(self, seed=None, options=None):
        if seed:
            raise SystemExit
        super().reset(seed)


class Panic(BaseException):
    """As Rust's panics arrive in Python: no `Exception`; and it cannot say what it is."""

    def __str__(self):
        raise ValueError("not even that")


class Panics(Sound):
    def step(self, action):
        if self.step_count == 2:
            raise Panic
        super().step(action)


class Shouts(Sound):
    def step(self, action):
        raise ValueError("\x1b[31m" + "no " * 1000)


class Alarms(Sound):
    """Leaves an alarm behind that goes off in somebody else's code."""

    def step(self, action):
        signal.signal(signal.SIGALRM, lambda *frame: sys.exit("too late"))
        signal.setitimer(signal.ITIMER_REAL, 3600)
        super().step(action)


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
        torch.set_default_device("meta")
        sys.setrecursionlimit(10_000)
        sys.stdout.close()
        sys.stderr.close()
        sys.stdout = builtins.print = None
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


class LateDice(Dice):
    """Begins to do so with its second game."""

    begun = 0

    def reset(self, seed=None, options=None):
        self.begun += 1
        (Sound if self.begun == 1 else Dice).reset(self, seed)

    def observe(self, agent):
        return (Sound if self.begun == 1 else Dice).observe(self, agent)


class ThrowsTheSame(Sound):
    """Seeds the global dice, but not as it begins."""

    def step(self, action):
        random.seed(7)
        np.random.seed(7)
        torch.manual_seed(7)
        super().step(action)


class SeesNothingAndRaises(Sound):
    """Lets numpy raise where it rounded."""

    def observe(self, agent):
        np.seterr(all="raise")
        return np.array([np.nan if self.step_count == 2 else 0.0], np.float32)


class SeesTensors(Sound):
    def observe(self, agent):
        return torch.tensor(super().observe(agent), requires_grad=True)


class SeesFractions(Sound):
    """Of an image, as its space has it, only the values of other libraries."""

    def observation_space(self, agent):
        return spaces.Box(0, 255, (1,), np.uint8)


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


class Homeless(Sound):
    """Works in a folder that it then deletes."""

    def step(self, action):
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
        if self.step_count == 2:
            raise ValueError("nowhere")
        super().step(action)


class Complex(Sound):
    def observe(self, agent):
        return super().observe(agent) + 1j


class Rich(Sound):
    """Pays what no number of 32 bits can hold."""

    def book(self, mover, paid):
        super().book(mover, {agent: 1e308 * value for agent, value in paid.items()})


class Modes(Sound):
    metadata = {"name": "modes", "render_modes": None}  # noqa: RUF012


class Agents(Sound):
    def __init__(self, render_mode=None):
        super().__init__()
        self.possible_agents = [["a"], ["b"]]
