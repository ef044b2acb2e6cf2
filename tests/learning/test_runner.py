"""Who plays, in the process of who learns."""

import random

import numpy as np
import torch

from league.cluster.plan import Hardware
from league.config import load_config
from league.learning import runner as runner_module
from tests.learning.alone import alone


def test_what_an_environment_does_to_the_global_dice_does_not_reach_who_learns():
    runner = alone(load_config(settings=["game=meddling:ThrowsTheSame", "rollout.games=2", "rollout.plies=4"])).runner
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    runner.sample()
    assert before == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())


def test_in_a_process_of_its_own_it_writes_what_an_environment_raised(monkeypatch):
    kept = []
    monkeypatch.setattr(runner_module, "keep_log", lambda: kept.append(True))
    monkeypatch.setattr(torch, "set_num_threads", lambda threads: None)
    config = load_config(settings=["game=tic_tac_toe", "rollout.games=2", "rollout.plies=4"])
    alone(config)
    assert not kept
    alone(config, Hardware(runners=1))
    assert kept
