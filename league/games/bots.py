"""The fixed bots: opponents that never change, and so anchor the rating scale.

    uniform      any game            a legal move at random
    negamax-D    connect_four        search D plies deep, D in 1 to 8
    perfect      tic_tac_toe         never loses

They see what a network sees, the observation and the legal actions.
"""

from __future__ import annotations

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


def bot_names(spec: GameSpec) -> tuple[str, ...]:
    """Every name that `make_bot` takes for a game, weakest first."""
    if spec.name == "connect_four":
        return ("uniform", *(f"negamax-{depth}" for depth in DEPTHS))
    return ("uniform", "perfect") if spec.name == "tic_tac_toe" else ("uniform",)


def is_bot_name(name: str, spec: GameSpec) -> bool:
    """Whether `make_bot` takes this name for this game."""
    return name in bot_names(spec)


def make_bot(name: str, spec: GameSpec) -> Player:
    """Build a bot by name; raises `UnknownPolicyError` if there is none of that name for that game."""
    if not is_bot_name(name, spec):
        raise UnknownPolicyError(_refusal(name, spec))
    kind, _, depth = name.partition("-")
    if kind == "negamax":
        return Negamax(int(depth))
    return Perfect() if kind == "perfect" else Uniform()


def _refusal(name: str, spec: GameSpec) -> str:
    kind = name.partition("-")[0]
    home = {"negamax": "connect_four", "perfect": "tic_tac_toe"}.get(kind)
    if home is not None and home != spec.name:
        return f"bot {name!r} plays {home} only, not {spec.name} (there are: {', '.join(bot_names(spec))})"
    if kind == "negamax":
        return f"bot {name!r}: write negamax-D with a depth D from {DEPTHS[0]} to {DEPTHS[-1]}"
    known = bot_names(spec)
    return f"no bot {name!r} for {spec.name}{nearest(name, known)} (there are: {', '.join(known)})"
