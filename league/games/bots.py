"""The fixed bots: opponents that never change, and so anchor the rating scale.

    uniform      any game            a legal move at random
    negamax-D    connect_four        search D plies deep, D in 1 to 8
    perfect      tic_tac_toe         never loses

They see what a network sees, the observation and the legal actions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, NamedTuple

from torch import Tensor

from league.errors import UnknownPolicyError, nearest
from league.games.base import GameSpec, Player, Turn, sample_uniform
from league.games.negamax import Negamax
from league.games.perfect import Perfect

DEPTHS = range(1, 9)


class Uniform(Player):
    """Plays every legal move with the same probability."""

    def choose(self, turn: Turn) -> Tensor:
        """Return int64 `[n]`: one legal action per row."""
        return sample_uniform(turn.legal, turn.generator)


class _Kind(NamedTuple):
    """Bots whose names begin alike, up to a hyphen."""

    makers: Mapping[str, Callable[[], Player]]
    """By full name, weakest first."""
    game: str | None = None
    """The only one that they play; None: they play any."""
    hint: str | None = None
    """How to write a name."""


_KINDS: Final = {
    "uniform": _Kind({"uniform": Uniform}),
    "negamax": _Kind(
        {f"negamax-{depth}": partial(Negamax, depth) for depth in DEPTHS},
        game="connect_four",
        hint=f"write negamax-D with a depth D from {DEPTHS[0]} to {DEPTHS[-1]}",
    ),
    "perfect": _Kind({"perfect": Perfect}, game="tic_tac_toe"),
}
"""By how their names begin, weakest first. A new bot is one entry here."""


def bot_names(spec: GameSpec) -> tuple[str, ...]:
    """Every name that `make_bot` takes for a game, weakest first."""
    return tuple(name for kind in _KINDS.values() if kind.game in (None, spec.name) for name in kind.makers)


def is_bot_name(name: str, spec: GameSpec) -> bool:
    """Whether `make_bot` takes this name for this game."""
    return name in bot_names(spec)


def make_bot(name: str, spec: GameSpec) -> Player:
    """Build a bot by name; raises `UnknownPolicyError` if there is none of that name for that game."""
    if not is_bot_name(name, spec):
        raise UnknownPolicyError(_refusal(name, spec))
    return _KINDS[name.partition("-")[0]].makers[name]()


def _refusal(name: str, spec: GameSpec) -> str:
    kind, known = _KINDS.get(name.partition("-")[0]), bot_names(spec)
    if kind is not None and kind.game not in (None, spec.name):
        return f"bot {name!r} plays {kind.game} only, not {spec.name} (there are: {', '.join(known)})"
    if kind is not None and kind.hint is not None:
        return f"bot {name!r}: {kind.hint}"
    return f"no bot {name!r} for {spec.name}{nearest(name, known)} (there are: {', '.join(known)})"
