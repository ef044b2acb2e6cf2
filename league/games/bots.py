"""The fixed bots: opponents that never change, and so anchor the rating scale.

    uniform      any game            a legal move at random
    negamax-D    connect_four        search D plies deep, D in 1 to 8
    mcts-N       connect_four and    Monte Carlo tree search with N random playouts a move, N in 1 to 100000
                 tic_tac_toe
    perfect      tic_tac_toe         never loses
    perfect      connect_four        plays a best move; needs the extra `solver`

They see what a network sees, the observation and the legal actions. Other packages bring more of them (entry points
`league.bots`), and `my_module:MyBot` is one by its dotted name: a class that is called without arguments, with `choose`
as `Player` has it, and `game`, the name of the only game that it plays, if there is one.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

from torch import Tensor

from league.errors import PolicyError, UnknownPolicyError, nearest
from league.foreign import load, refused
from league.games.base import GameSpec, Player, Turn, sample_uniform
from league.games.mcts import Mcts
from league.games.negamax import Negamax
from league.games.perfect import Perfect
from league.games.solver import Solver
from league.plugins import find, is_dotted, names

_log: Final = logging.getLogger(__name__)
DEPTHS = range(1, 9)
PLAYOUTS = range(1, 100_001)
NO_BOTS: Final = re.compile(r"champion|.*-\d{4,}|.*\+search\d+")
"""Names of policies that are none: the champion, snapshots, and who searches."""


class Uniform(Player):
    """Plays every legal move with the same probability."""

    def choose(self, turn: Turn) -> Tensor:
        """Return int64 `[n]`: one legal action per row."""
        return sample_uniform(turn.legal, turn.generator)


class _Kind(NamedTuple):
    """Bots whose names begin alike, up to a hyphen."""

    names: tuple[str, ...]
    """Those that are listed, weakest first."""
    makers: Mapping[str, Callable[[int], Player]]
    """By game, from the number at the end of the name; "" is any game."""
    numbers: range | None = None
    """Those that the name may end with; None: it has none."""
    hint: str | None = None
    """How to write a name."""

    def maker(self, name: str, game: str) -> Callable[[], Player] | None:
        """Of the bot of that name for a game; None if there is none."""
        make = self.makers.get(game, self.makers.get(""))
        _, hyphen, number = name.partition("-")
        if self.numbers is None:
            return None if make is None or hyphen else partial(make, 0)
        plain = number.isascii() and number.isdecimal() and not number.startswith("0")
        return partial(make, int(number)) if make and plain and int(number) in self.numbers else None


_KINDS: Final = {
    "uniform": _Kind(("uniform",), {"": lambda _: Uniform()}),
    "negamax": _Kind(
        tuple(f"negamax-{depth}" for depth in DEPTHS),
        {"connect_four": Negamax},
        numbers=DEPTHS,
        hint=f"write negamax-D with a depth D from {DEPTHS[0]} to {DEPTHS[-1]}",
    ),
    "mcts": _Kind(
        ("mcts-100", "mcts-1000"),
        {"connect_four": Mcts, "tic_tac_toe": Mcts},
        numbers=PLAYOUTS,
        hint=f"write mcts-N with a number N of playouts a move from {PLAYOUTS[0]} to {PLAYOUTS[-1]}",
    ),
    "perfect": _Kind(("perfect",), {"tic_tac_toe": lambda _: Perfect(), "connect_four": lambda _: Solver()}),
}
"""By how their names begin. A new bot is one entry here."""


def bot_names(spec: GameSpec, word: str | None = None) -> tuple[str, ...]:
    """The bots of a game that are worth a place in a list, weakest first of each kind; `word`, too, if it names one."""
    own = [name for kind in _KINDS.values() if {"", spec.name} & set(kind.makers) for name in kind.names]
    named = [word] if word is not None and is_bot_name(word, spec) else []
    return tuple(dict.fromkeys([*own, *(name for name in names("league.bots") if _plays(name, spec)), *named]))


def is_bot_name(name: str, spec: GameSpec) -> bool:
    """Whether `make_bot` takes this name for this game, or says what is wrong with a bot of that name."""
    own = _maker(name, spec) is not None
    return own or ((is_dotted(name) or name in names("league.bots")) and _plays(name, spec))


def make_bot(name: str, spec: GameSpec) -> Player:
    """Build a bot by name.

    Raises:
        UnknownPolicyError: there is none of that name for that game.
        MissingExtraError: it needs a package that is not installed.
        PolicyError: one of another package has a name that is taken, cannot be imported, or is no bot.
    """
    theirs = _theirs(name)
    if theirs is not None and theirs.game in (None, spec.name):
        return theirs.make()
    maker = _maker(name, spec)
    if maker is None:
        raise UnknownPolicyError(_refusal(name, spec))
    return maker()


def _maker(name: str, spec: GameSpec) -> Callable[[], Player] | None:
    kind = _KINDS.get(name.partition("-")[0])
    return None if kind is None else kind.maker(name, spec.name)


def anchors(spec: GameSpec) -> GameSpec:
    """The spec of a game of another package, whose rating scale the bots that were written for it alone anchor, too.

    One that cannot be imported is left out, and logged.
    """
    for name in names("league.bots"):
        try:
            theirs = _theirs(name)
        except PolicyError as error:
            _log.warning("%s: it anchors no game", error)
            continue
        if theirs is not None and theirs.game == spec.name and name not in spec.bots:
            spec = replace(spec, bots=(*spec.bots, name))
    return spec


class _Theirs(NamedTuple):
    """A bot of another package."""

    name: str
    kind: type[Any]
    game: str | None
    """The only one that it plays."""

    def make(self) -> Player:
        with refused(f"bot {self.name} cannot be built", PolicyError):
            player: Player = self.kind()
        return player


def _is_ours(name: str) -> bool:
    """Whether a name means something in this project, so that no package may declare it."""
    kind = _KINDS.get(name.partition("-")[0])
    return bool(NO_BOTS.fullmatch(name)) or (kind is not None and any(kind.maker(name, game) for game in kind.makers))


@lru_cache
def _theirs(name: str) -> _Theirs | None:
    entry = find("league.bots", name, [name] if _is_ours(name) else [], PolicyError)
    if entry is None and not is_dotted(name):
        return None
    found = load(name, name if entry is None else entry.value, PolicyError)
    if not isinstance(found, type) or not callable(getattr(found, "choose", None)):
        raise PolicyError(f"bot {name} is no class with a method choose(turn), as league.games.Player has it")
    if not hasattr(found, "deterministic"):
        found.deterministic = False  # type: ignore[attr-defined]  # What `Player` says, for classes that are none.
    return _Theirs(name, found, getattr(found, "game", None))


def _plays(name: str, spec: GameSpec) -> bool:
    """Whether a bot of another package plays this game; one that is broken does, so that asking for it says why."""
    try:
        theirs = _theirs(name)
    except PolicyError:
        return True
    return theirs is not None and theirs.game in (None, spec.name)


def _refusal(name: str, spec: GameSpec) -> str:
    kind, known = _KINDS.get(name.partition("-")[0]), bot_names(spec)
    if kind is not None and not {"", spec.name} & set(kind.makers):
        plays = " and ".join(kind.makers)
        return f"bot {name!r} plays {plays} only, not {spec.name} (there are: {', '.join(known)})"
    if kind is not None and kind.hint is not None:
        return f"bot {name!r}: {kind.hint}"
    return f"no bot {name!r} for {spec.name}{nearest(name, known)} (there are: {', '.join(known)})"
