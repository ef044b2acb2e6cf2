"""What a knob may be a learner bears: it makes a step, or says in one line why it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from league.cluster.plan import Hardware
from league.cluster.session import ray_session
from league.config import LeagueConfig, LearningConfig, NetworkConfig, RolloutConfig
from league.errors import DivergedError
from league.games import game_spec
from league.learning.trainer import Trainer

SPEC = game_spec("tic_tac_toe")
SMALL: dict[str, Any] = {
    "game": "tic_tac_toe",
    "network": {"kind": "mlp", "hidden": [8]},
    "rollout": {"games": 8, "plies": 8},
    "learning": {"minibatch_size": 16, "num_epochs": 1, "lookahead": False},
}
PROCESSES = {"runners", "num_learners", "gpus"}
"""Of these there are as many as there is room for, which a plan says: `tests/cluster/test_plan.py`."""
SECTIONS = {"network": NetworkConfig(), "rollout": RolloutConfig(), "learning": LearningConfig()}
LOW = {"at_least": lambda bound: bound, "above": lambda bound: bound + 1e-300}
HIGH = {"at_most": lambda bound: bound, "below": lambda bound: bound - 1e-9}
LARGE = {"games": 4096, "hidden": [2048], "blocks": 20, "channels": 256, "num_epochs": 20, "batch_size": 100_000}
"""What this machine has room and time for, of knobs whose most is for larger ones."""


def ends() -> Iterator[tuple[str, str, Any]]:
    for name, section in SECTIONS.items():
        for key, f in type(section).__dataclass_fields__.items():
            for end in (LOW, HIGH):
                for rule, value in end.items():
                    if f.metadata.get(rule) is not None and key not in PROCESSES:
                        found = value(f.metadata[rule])
                        large = LARGE.get(key, found) if end is HIGH else found
                        yield name, key, [large] if key == "hidden" and isinstance(large, int) else large


@pytest.fixture(scope="module", autouse=True)
def ray_for_all() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with ray_session():
        yield
    torch.set_num_threads(threads)


@pytest.mark.long
@pytest.mark.parametrize(("section", "key", "value"), list(ends()))
def test_a_knob_at_its_end(section: str, key: str, value: Any) -> None:
    more = {"network": {"kind": "conv"}} if key in ("blocks", "channels") else {}
    asked = {**SMALL, **more}
    asked[section] = {**asked[section], key: value}
    if key.startswith("lookahead_"):
        asked["learning"]["lookahead"] = True
    trainer = Trainer(SPEC, LeagueConfig.from_dict(asked), seed=0, hardware=Hardware())
    try:
        steps = sum(trainer.iterate().steps for _ in range(2))
        assert steps > 0
    except DivergedError:
        if key not in ("lr", "gamma"):
            raise
    finally:
        trainer.stop()
