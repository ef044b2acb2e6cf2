"""When a policy is frozen: often in the first minutes, hundreds of times a day, and hardly more in a month."""

import pytest

from league.config import SnapshotConfig
from league.ladder.freezing import BEATEN, KNOWN_GAMES, has_changed, in_time, spaced, spacing
from league.ladder.payoff import LivePayoff
from league.ladder.records import Tally

DEMO = SnapshotConfig(every_steps=2_000_000)
RATE = 267_000
"""Steps a second at which the demo froze every 7.5 seconds."""
DAY = 86_400


def frozen(seconds: float, rate: int = RATE, config: SnapshotConfig = DEMO, changed: bool = False) -> list[float]:
    """The times at which a learner is frozen, looked at after each iteration of a quarter of a second or more."""
    times, steps, last, last_s, at = list[float](), 0, 0, 0.0, 0.0
    pause = 0.25
    while at < seconds:
        at += pause
        pause = max(pause, at / 20_000)  # A fine look where it matters.
        steps = int(rate * at)
        late = at - last_s >= config.timeout_s and in_time(steps, last, config)
        if late or spaced(config.every_steps or 1, steps, last, changed, config):
            times.append(at)
            last, last_s = steps, at
    return times


def test_the_first_ten_minutes_look_as_before() -> None:
    before = frozen(600, config=SnapshotConfig(every_steps=2_000_000, growth=0.0))
    now = frozen(600)
    assert len(before) in range(75, 81)
    assert len(now) == len(before)


def test_a_day_makes_hundreds_and_a_month_hardly_more() -> None:
    day, month = len(frozen(DAY)), len(frozen(30 * DAY))
    assert 300 < day < 600
    assert month < day + 400
    assert day < len(frozen(DAY, changed=True)) < 1000, "also where every snapshot is clearly beaten"


def test_a_slow_environment_is_frozen_by_the_clock_at_first_and_by_growth_later() -> None:
    slow = SnapshotConfig(every_steps=250_000)
    assert frozen(600, rate=1000, config=slow)[0] == pytest.approx(120, abs=1)
    assert len(frozen(600, rate=1000, config=slow)) in (4, 5)
    assert len(frozen(30 * DAY, rate=1000, config=slow)) < 700


def test_spacing_is_the_least_or_a_part_of_the_age() -> None:
    assert spacing(1000, 0, DEMO) == spacing(1000, 80_000, DEMO) == 1000
    assert spacing(1000, 800_000, DEMO) == 10_000
    assert spacing(1000, 10**12, SnapshotConfig(growth=0.0)) == 1000


def test_who_has_changed_is_frozen_sooner_but_never_before_the_least() -> None:
    assert not spaced(1000, 800_000, 794_000, False, DEMO)
    assert spaced(1000, 800_000, 794_000, True, DEMO)
    assert not spaced(8000, 800_000, 794_000, True, DEMO)


def test_a_change_is_a_clear_win_over_the_last_snapshot_in_enough_games() -> None:
    live = LivePayoff(1000.0)
    assert not has_changed(live, "main-0001")
    live.add("main-0001", Tally(KNOWN_GAMES // 2, 0, 0))
    assert not has_changed(live, "main-0001")
    live.add("main-0001", Tally(KNOWN_GAMES, 0, 10))
    assert live.win_rate("main-0001") > BEATEN
    assert has_changed(live, "main-0001")
    live.add("main-0001", Tally(0, 0, 100))
    assert not has_changed(live, "main-0001")
