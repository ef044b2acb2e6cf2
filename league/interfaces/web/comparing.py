"""This league beside others: their curves as of now, and matches between their champions, played once for each."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from league.api.comparison import Cross, Leagues, Side
from league.errors import LeagueError
from league.every import Every
from league.interfaces.web.charts import LINES, History, Rated, Scale, Tick, drawn_lines, nice_ticks
from league.interfaces.web.promotion import ENDING_S
from league.view.visitors import Visitors

MOST: Final = LINES
"""Leagues on one chart: so many colours can be told apart."""
READ_EVERY_S: Final = 5.0
"""The stores are read at most so often, however many people look."""
PLAY_EVERY_S: Final = 60.0
"""Champions meet at most so often, however often they change."""
GAMES: Final = 100
"""Of each match between two champions."""


class _ClosedError(Exception):
    """The page ends."""


class Beside(NamedTuple):
    """What is known of the leagues."""

    game: str
    sides: tuple[Side, ...]
    crosses: tuple[Cross, ...]
    """Matches of the champions of now, or of those before while the new ones play."""
    note: str
    """What is being played, or why nothing could be; empty where all is done."""


class Comparing:
    """Reads the leagues when somebody asks, and has their champions play in a thread. Threads may share it."""

    def __init__(self, stores: Sequence[str], league: str, visitors: Visitors) -> None:
        """Two stores or more, as `league.api.comparison.compare` takes them, and who looks at what comes of it."""
        self._visitors = visitors
        self._stores, self._league = tuple(stores), league
        self._lock = threading.Lock()
        self._read, self._play = Every(READ_EVERY_S, at_once=True), Every(PLAY_EVERY_S, at_once=True)
        self._leagues: Leagues | None = None
        self._sides: tuple[Side, ...] = ()
        self._crosses: tuple[Cross, ...] = ()
        self._met: tuple[str | None, ...] = ()
        """Hashes of the champions that have played, by league."""
        self._note = ""
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def look(self) -> Beside:
        """The leagues as of now; raises what `Leagues` does, for one that is not there or plays another game."""
        with self._lock:
            leagues = self._leagues = self._leagues or Leagues(self._stores, self._league)
            if self._read.due:
                self._sides = leagues.sides()
                self._read.begin()
            idle = self._thread is None or not self._thread.is_alive()
            if idle and _champions(self._sides) != self._met and self._play.claim():
                self._note = "the champions are about to meet"
                self._thread = threading.Thread(target=self._meet, args=(leagues, self._sides), daemon=True)
                self._thread.start()
            return Beside(leagues.game, self._sides, self._crosses, self._note)

    def close(self) -> bool:
        """Wait a moment for the match under way; whether nothing is under way any more."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(ENDING_S)
            if self._thread.is_alive():
                return False
        if self._leagues is not None:
            self._leagues.close()
        return True

    def _meet(self, leagues: Leagues, sides: tuple[Side, ...]) -> None:
        try:
            self._crosses = tuple(leagues.crosses(sides, GAMES, seed=None, watch=self._watch))
            self._met, self._note = _champions(sides), ""
        except _ClosedError:
            pass
        except LeagueError as error:
            self._note = f"the champions could not meet: {self._visitors.told(error)}"
        except Exception:
            traceback.print_exc(file=sys.stderr)
            self._note = "a bug: the page's own log has the traceback"

    def _watch(self, line: str) -> None:
        if self._ending.is_set():
            raise _ClosedError
        self._note = f"being played: {line}, {GAMES} games"


def _champions(sides: Sequence[Side]) -> tuple[str | None, ...]:
    return tuple(side.champion.digest if side.champion else None for side in sides)


def elo_curves(
    sides: Sequence[Side], over: Literal["steps", "seconds"], width: int = 480, height: int = 350
) -> History | None:
    """Elo of several leagues over steps, or over the time since the first snapshot of each; None if nobody is rated."""
    lines = {
        side.name: [Rated(getattr(one, over), one.policy, one.elo, one.interval) for one in side.line] for side in sides
    }
    points = [point for line in lines.values() for point in line]
    if not points:
        return None
    left, top, right, bottom = 66.0, 14.0, width - 10.0, height - 26.0
    y = Scale(min(one.elo - one.interval for one in points), max(one.elo + one.interval for one in points), bottom, top)
    x = Scale(0.0, max(max(one.at for one in points), 1.0), left, right)
    unit, word = _unit(x.high, over)
    return History(
        width=width,
        height=height,
        plot=(left, top, right, bottom),
        lines=drawn_lines(lines, x, y),
        here=None,
        champion="",
        bots=[],
        across=[Tick(x(unit * tick), f"{tick:g}{word if tick else ''}") for tick in nice_ticks(0.0, x.high / unit, 4)],
        up=[Tick(y(level), f"{level:+z,.0f}" if level else "0") for level in nice_ticks(y.low, y.high, height // 60)],
    )


def _unit(most: float, over: str) -> tuple[float, str]:
    """The unit of the horizontal axis, and its sign."""
    units = [(1e9, " G"), (1e6, " M"), (1e3, " k")] if over == "steps" else [(86_400, " d"), (3600, " h"), (60, " min")]
    return next(((size, sign) for size, sign in units if most >= 2 * size), (1.0, "" if over == "steps" else " s"))
