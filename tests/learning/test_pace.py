"""What an update is made from, and how old that may be."""

import pytest

from league.cluster.plan import Hardware
from league.config import LeagueConfig, load_config
from league.games import game_spec
from league.learning.pace import fragments, staleness
from league.rollout.choices import settled

ROLLOUT = {"games": 64, "plies": 16}


@pytest.mark.parametrize(
    ("learning", "hardware", "expected"),
    [
        ({}, Hardware(), (0, 1)),
        ({"staleness": 5}, Hardware(threads=2), (0, 1)),
        ({"batch_size": 3000}, Hardware(), (0, 3)),
        ({}, Hardware(runners=1), (1, 1)),
        ({}, Hardware(runners=6), (1, 6)),
        ({"staleness": 1}, Hardware(runners=6), (1, 6)),
        ({"staleness": 0}, Hardware(runners=6), (0, 6)),
        ({"staleness": 4}, Hardware(runners=6), (4, 2)),
        ({"batch_size": 1024}, Hardware(runners=1), (1, 1)),
        ({"batch_size": 1024}, Hardware(runners=3), (3, 1)),
        ({"batch_size": 6000}, Hardware(runners=6), (1, 6)),
        ({"batch_size": 2048}, Hardware(runners=7), (4, 2)),
        ({"batch_size": 1024}, Hardware(runners=100), (4, 1)),
        ({"staleness": 4, "batch_size": 1024}, Hardware(runners=100), (4, 1)),
        ({"staleness": 4, "batch_size": 1025}, Hardware(runners=100), (4, 2)),
    ],
)
def test_staleness_and_size_of_an_update(
    learning: dict[str, int], hardware: Hardware, expected: tuple[int, int]
) -> None:
    made = LeagueConfig.from_dict({"game": "tic_tac_toe", "rollout": ROLLOUT, "learning": learning})
    config = settled(made, game_spec("tic_tac_toe"))
    assert (staleness(config, hardware), fragments(config, hardware)) == expected


@pytest.mark.parametrize(("preset", "runners"), [(None, 0), (None, 1), ("gpu", 0), ("gpu", 1), ("gpu", 4), ("gpu", 16)])
def test_schedules_end_after_equally_many_minibatches(preset: str | None, runners: int) -> None:
    config = settled(load_config(preset=preset), game_spec("connect_four"))
    rollout, learning, hardware = config.rollout, config.learning, Hardware(runners=runners)
    taken = fragments(config, hardware)
    assert taken * staleness(config, hardware) >= runners, "all of them play on"
    played = taken * (rollout.games or 0) * (rollout.plies or 0)
    updates = (learning.anneal_steps or 0) / played
    assert updates * played / (learning.minibatch_size or 1) == pytest.approx(2000)
    assert learning.num_epochs == 2
    assert updates >= 100
