"""Who plays, in the process of who learns."""

import random

import numpy as np
import torch

from league.config import load_config
from tests.learning.alone import alone


def test_what_an_environment_does_to_the_global_dice_does_not_reach_who_learns():
    runner = alone(load_config(settings=["game=meddling:ThrowsTheSame", "rollout.games=2", "rollout.plies=4"])).runner
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    runner.sample()
    assert before == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
