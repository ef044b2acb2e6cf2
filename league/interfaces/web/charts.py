"""The geometry of the page's pictures. Templates draw them; colours are the style sheet's."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from league.ladder.leaderboard import Row
from league.ladder.records import Snapshot
from league.view.overview import Overview
from league.view.words import counted

WIDTH: Final = 480
HEIGHT: Final = 350
"""Of the picture, in its units."""
POINTS: Final = 200
"""Of one line at most; of more, every n-th is drawn."""
LINES: Final = 6
"""Learners with a line of their own, those with the most snapshots."""
LABEL_PX: Final = 18
"""Room that a label needs."""


class Tick(NamedTuple):
    """A line of the grid."""

    at: float
    """Where the line is, in the picture's units."""
    label: str


class Rated(NamedTuple):
    """One snapshot on the line of its learner, or of its league."""

    at: float
    """Where it stands on the horizontal axis."""
    policy: str
    elo: float
    interval: float
    """Half the width of the 95% interval."""


class Mark(NamedTuple):
    """One snapshot as a point of the picture, with its tooltip."""

    x: float
    y: float
    title: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """The snapshots of a learner, or of a league, as a line with its band of intervals."""

    name: str
    path: str
    band: str
    """The 95% intervals, as a closed path."""
    marks: list[Mark]
    summary: str
    """For people who do not see the picture."""


@dataclass(frozen=True, kw_only=True)
class History:
    """Elo over time, or over steps: each snapshot at the moment when it was frozen, as it is rated today.

    A frozen policy does not change, so today's rating, from the most games, is the best account of how strong its
    learner was then.
    """

    width: int
    height: int
    plot: tuple[float, float, float, float]
    """Left, top, right and bottom of the plot."""
    lines: list[Line]
    here: Mark | None
    """The policy that is looked at."""
    champion: str
    """Path of the champion's Elo, a step at each promotion."""
    bots: list[Tick]
    """The fixed bots, as levels of Elo."""
    across: list[Tick]
    up: list[Tick]


@dataclass(frozen=True)
class Scale:
    """A linear map from values to the picture's units."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """A value's place, to a tenth of a unit."""
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return round(self.start + share * (self.end - self.start), 1)


def elo_history(overview: Overview, policy: str | None = None) -> History | None:
    """The picture, None while nobody is rated.

    With a `policy` it is of its learner alone, and shows where the policy is; of a bot, which has none, it is of all.

    It has room for labels of 15 units, so that they can be read on a phone, which shows it at two thirds of its size.
    """
    rated = {row.policy: row for row in overview.rows if row.games}
    frozen = [(snapshot, rated[name]) for name, snapshot in overview.snapshots.items() if name in rated]
    if not frozen:
        return None
    own = overview.snapshots.get(policy or "")
    learner = None if own is None else own.learner
    frozen = [pair for pair in frozen if learner in (None, pair[0].learner)] or frozen
    left, top, right, bottom = 66.0, 14.0, WIDTH - 10.0, HEIGHT - 26.0
    bots = [row for row in rated.values() if row.kind == "bot"]
    rows = [row for _, row in frozen] + bots
    times = [snapshot.created_s for snapshot, _ in frozen]
    y = Scale(min(row.elo - row.interval for row in rows), max(row.elo + row.interval for row in rows), bottom, top)
    x = Scale(min(times), max(max(times), min(times) + 1.0), left, right)
    return History(
        width=WIDTH,
        height=HEIGHT,
        plot=(left, top, right, bottom),
        lines=drawn_lines(_by_learner(frozen), x, y),
        here=next((_mark(_rated(*pair), x, y) for pair in frozen if pair[1].policy == policy), None),
        champion=_champion(overview, rated, x, y),
        bots=_apart([Tick(y(row.elo), row.policy) for row in bots]),
        across=[Tick(x(at), label) for at, label in _moments(x.low, x.high, max(2, WIDTH // 230))],
        up=[Tick(y(level), f"{level:+z,.0f}" if level else "0") for level in nice_ticks(y.low, y.high, HEIGHT // 60)],
    )


def _by_learner(frozen: Sequence[tuple[Snapshot, Row]]) -> dict[str, list[Rated]]:
    """The learners with the most snapshots, by name."""
    found: defaultdict[str, list[Rated]] = defaultdict(list)
    for snapshot, row in frozen:
        found[snapshot.learner].append(_rated(snapshot, row))
    largest = sorted(found, key=lambda name: -len(found[name]))[:LINES]
    return {name: found[name] for name in sorted(largest)}


def _rated(snapshot: Snapshot, row: Row) -> Rated:
    return Rated(snapshot.created_s, row.policy, row.elo, row.interval)


def drawn_lines(named: Mapping[str, Sequence[Rated]], x: Scale, y: Scale) -> list[Line]:
    """A line for each name with somebody on it, of at most `POINTS` points."""
    lines = []
    for name, points in named.items():
        if not points:
            continue
        every = sorted(points, key=lambda one: one.at)
        stride = -(-len(every) // POINTS)
        kept = every[::-1][::stride][::-1]  # The newest is always among them.
        first, last = every[0], every[-1]
        up = [(x(one.at), y(one.elo + one.interval)) for one in kept]
        down = [(x(one.at), y(one.elo - one.interval)) for one in reversed(kept)]
        few = kept if len(kept) <= POINTS // 4 else []
        lines.append(
            Line(
                name=name,
                path=_path([(x(one.at), y(one.elo)) for one in kept]),
                band=_path(up + down) + "Z",
                marks=[_mark(one, x, y) for one in few],
                summary=f"{name}: {counted(len(every), 'snapshot')}, from {first.policy} at Elo {first.elo:+z.0f} "
                f"to {last.policy} at {last.elo:+z.0f} ± {last.interval:.0f}",
            )
        )
    return lines


def _mark(one: Rated, x: Scale, y: Scale) -> Mark:
    return Mark(x(one.at), y(one.elo), f"{one.policy}: Elo {one.elo:+z.0f} ± {one.interval:.0f}")


def _champion(overview: Overview, rated: dict[str, Row], x: Scale, y: Scale) -> str:
    """A step at each promotion, on to the right edge."""
    points: list[tuple[float, float]] = []
    for promotion in overview.promotions:
        row = rated.get(promotion.policy)
        if row is not None:
            at = x(min(max(promotion.promoted_s, x.low), x.high))
            points += [(at, points[-1][1])] if points else []
            points.append((at, y(row.elo)))
    return _path([*points, (x.end, points[-1][1])]) if points else ""


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)


def nice_ticks(low: float, high: float, count: int) -> list[float]:
    """About `count` round numbers from `low` to `high`."""
    rough = max(high - low, 1.0) / count
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _moments(low_s: float, high_s: float, count: int) -> list[tuple[float, str]]:
    """`count` + 1 moments, evenly spaced, as local time: with the date where a day is not enough."""
    span = high_s - low_s
    form = "%H:%M:%S" if span < 600 else "%H:%M" if span < 86_400 else "%b %d"
    moments = [low_s + span * number / count for number in range(count + 1)]
    return [(at, time.strftime(form, time.localtime(at))) for at in moments]


def _apart(ticks: list[Tick]) -> list[Tick]:
    """Those whose labels have room, from the top."""
    kept: list[Tick] = []
    for tick in sorted(ticks):
        if not kept or tick.at - kept[-1].at >= LABEL_PX:
            kept.append(tick)
    return kept


class Whisker(NamedTuple):
    """An interval in a row of the leaderboard, in % of the width."""

    low: float
    at: float
    high: float
    zero: float | None
    """None: 0 is not in sight."""


def whiskers(rows: Sequence[Row]) -> dict[str, Whisker]:
    """By policy, on one scale for all rows that have games, as wide as their intervals."""
    rated = [row for row in rows if row.games]
    if not rated:
        return {}
    low, high = min(row.elo - row.interval for row in rated), max(row.elo + row.interval for row in rated)
    scale = Scale(low, high, 2, 98)
    zero = scale(0.0) if low <= 0 <= high else None
    return {
        row.policy: Whisker(scale(row.elo - row.interval), scale(row.elo), scale(row.elo + row.interval), zero)
        for row in rated
    }
