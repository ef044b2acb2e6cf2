"""When a learner's policy is frozen: often while it is young, then ever more seldom, sooner where it has changed.

Snapshots a fixed number of steps apart make ten thousand a day, of which neighbours differ by nothing. Spaced in
proportion to the steps that a learner has made, each is as much older than the one before, as a share of its age: so
many for every doubling, for however long it learns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from league.config import RoleConfig, SnapshotConfig
from league.ladder.matchmaking import Memory, all_beaten
from league.ladder.payoff import LivePayoff
from league.ladder.records import Snapshot

SOONER: Final = 0.5
"""Share of the spacing after which a learner that clearly beats its last snapshot is frozen: it has changed."""

BEATEN: Final = 0.6
"""Points per game against its last snapshot from which on a learner has changed."""

LIMIT_FACTOR: Final = 4
"""Of `freeze_steps`, for a role with `freeze_win_rate` and no limit of its own."""

KNOWN_GAMES: Final = 100
"""Games against its last snapshot before which that says nothing."""


def spacing(least: int, steps: int, config: SnapshotConfig) -> int:
    """Steps between two snapshots of a learner that has made `steps`: `least`, or `growth` of them if that is more.

    With `growth` 1/80 a learner of 100,000 steps a second and a least spacing of 1,000,000 makes 60 snapshots in its
    first ten minutes and 460 in its first day.
    """
    return max(least, int(config.growth * steps))


def spaced(least: int, steps: int, last: int, changed: bool, config: SnapshotConfig) -> bool:
    """Whether a learner that has made `steps` is due, frozen last at `last` steps.

    `changed`: it is not what it was then (`has_changed`).
    """
    space = spacing(least, steps, config)
    return steps - last >= (max(least, int(SOONER * space)) if changed else space)


def in_time(steps: int, last: int, config: SnapshotConfig) -> bool:
    """Whether `timeout_s` may freeze a learner: it has moved, and by as much as its age asks for."""
    return steps - last > 0 and steps - last >= int(config.growth * steps)


def has_changed(live: LivePayoff, last: str) -> bool:
    """Whether a learner beats the snapshot called `last` so clearly that it plays otherwise now."""
    return live.games(last) >= KNOWN_GAMES and live.win_rate(last) > BEATEN


def is_due(
    role: RoleConfig,
    snapshots: SnapshotConfig,
    steps: int,
    last: Snapshot | None,
    memory: Memory,
    pool: Sequence[Snapshot],
) -> bool:
    """Whether a learner's number of steps, or what it has beaten, freezes it.

    Args:
        role: of the learner.
        snapshots: the league's spacing.
        steps: those that the learner has made.
        last: its last snapshot; without one it is due.
        memory: what it knows of its opponents.
        pool: the frozen policies, oldest first.
    """
    if last is None:
        return True
    least = role.least_steps(snapshots)
    if role.freeze_win_rate is None:
        return spaced(least, steps, last.steps, has_changed(memory.live, last.name), snapshots)
    limit = role.freeze_limit_steps or LIMIT_FACTOR * spacing(least, steps, snapshots)
    if steps - last.steps >= limit:
        return True
    return spaced(least, steps, last.steps, False, snapshots) and all_beaten(role, pool, memory, role.freeze_win_rate)
