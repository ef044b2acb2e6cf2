"""A number is declared once; what another version has said is read as far as it goes."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import ValidationError

from league.iteration import Iteration, Rollout, Usage
from league.ladder.records import Tally
from league.status import LearnerStatus, Number, Status

ITERATION = Iteration(
    results={"main-0000": Tally(3, 1, 0)},
    plies=600,
    games=4,
    steps=400,
    losses={"entropy": 1.5},
    sample_s=0.5,
    learn_s=1.5,
    usage=Usage(runners=2),
)


def test_speeds_follow_from_iterations_and_are_smoothed() -> None:
    once = LearnerStatus().after(ITERATION, seconds=2.0)
    assert (once.steps_per_s, once.plies_per_s) == (200.0, 300.0)
    assert (once.losses, once.parts_s) == ({"entropy": 1.5}, {"sample": 0.5, "learn": 1.5})
    twice = once.after(replace(ITERATION, steps=0, plies=0), seconds=2.0)
    assert (twice.steps_per_s, twice.plies_per_s) == pytest.approx((160.0, 240.0))
    rest = twice.at_rest()
    assert (rest.steps_per_s, rest.plies_per_s, rest.placed, rest.usage) == (0.0, 0.0, False, Usage())
    assert rest.losses == twice.losses


def test_a_new_number_needs_its_declaration_alone() -> None:
    class More(LearnerStatus):
        games_per_s: Annotated[
            float,
            Number(unit="games/s", about="Games.", heading="games/s", screens=("page",), per_second=lambda i: i.games),
        ] = 0.0

    assert [name for name, _ in More.numbers("page")] == ["steps", "steps_per_s", "lag_steps", "games_per_s"]
    assert More().after(ITERATION, seconds=2.0).to_json()["games_per_s"] == 2.0


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ({}, {}),
        ({"phase": None, "steps": "many", "nodes": 3, "tomorrow": 1}, {}),
        ({"learners": {"main": {"steps": 7, "usage": {"runners": "two"}}}}, {"learners": {"main": {"steps": 7}}}),
        ({"learners": {"main": 7}, "steps": 5}, {"steps": 5}),
        ({"totals": {"steps": {"main": 3500}, "busy_seconds": {"main": 0.5}}, "unreadable": ["a"]}, None),
    ],
)
def test_what_cannot_be_read_has_its_default(said: dict[str, Any], read: dict[str, Any] | None) -> None:
    expected = Status(**(said if read is None else read))
    assert Status.from_json(said) == expected
    assert Status.from_json(expected.to_json()) == expected


def test_nothing_was_ever_said() -> None:
    assert Status.from_json(None) == Status()
    assert Status().phase_at(1.0) == "never run"


def test_what_we_say_ourselves_must_be_right() -> None:
    with pytest.raises(ValidationError):
        Status(steps="many")


def test_rollouts_are_added_up_and_name_the_first_error_that_cost_a_game() -> None:
    parts = [
        Rollout(results={"a": Tally(1, 0, 0)}, plies=10, games=1, error="an old one"),
        Rollout(results={"a": Tally(0, 1, 0), "b": Tally(0, 0, 1)}, plies=20, games=2, dropped=1, error="broke"),
        Rollout(plies=5, dropped=2, error="broke, too", gpu_bytes=7),
    ]
    assert Rollout.together(parts) == Rollout(
        results={"a": Tally(1, 1, 0), "b": Tally(0, 0, 1)}, plies=35, games=3, dropped=3, error="broke", gpu_bytes=7
    )
    assert ITERATION.rollout() == Rollout(results={"main-0000": Tally(3, 1, 0)}, plies=600, games=4)


def test_no_zero_has_a_minus() -> None:
    """As `-0` Elo, of what is a little less than 0."""
    package = Path(__file__).parents[1] / "league"
    signed = [form for path in package.rglob("*.py") for form in re.findall(r":\+[^{}]*f\}", path.read_text("utf-8"))]
    assert len(signed) > 10
    assert [form for form in signed if not form.startswith(":+z")] == []
