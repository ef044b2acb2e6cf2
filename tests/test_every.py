"""Periods."""

import pytest

from league import every
from league.every import Every


class Clock:
    now = 100.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(every.time, "monotonic", lambda: clock.now)
    return clock


def test_a_period_is_over_after_its_seconds_and_stays_so(clock: Clock) -> None:
    period = Every(5.0)
    assert not period.due
    clock.now += 4.9
    assert not period.due
    clock.now += 0.1
    assert period.due
    assert period.due
    period.begin()
    assert not period.due


def test_what_is_claimed_is_due_again_a_period_later(clock: Clock) -> None:
    period = Every(5.0, at_once=True)
    assert [period.claim(), period.claim()] == [True, False]
    clock.now += 7.0
    assert [period.claim(), period.claim()] == [True, False], "the next period begins when the last was claimed"
