"""Whom a person may play against, and at which strength."""

from __future__ import annotations

import random
from typing import Final

from league.errors import GameError
from league.games import GameSpec
from league.interfaces.play.session import Opponent, Session, check_temperature
from league.matches.players import PlayerLoader, resolve
from league.policies.search import with_search

RANDOM: Final = "random"


def opponent(
    loader: PlayerLoader, word: str, *, temperature: float | None = None, search: int | None = None
) -> Opponent:
    """Whoever `word` names, `champion` at first, with the number of simulations of its search, if it has any.

    Raises:
        PolicyError: it names nobody, or a strength that it cannot have.
        GameError: this game cannot be searched.
        StoreError: the store is lost.
    """
    named = resolve(loader.store, with_search(word, search), loader.spec)
    player = loader.player(named.name)
    check_temperature(named.name, player, temperature)
    return Opponent(named.name, player, temperature)


def seat_of(word: str, spec: GameSpec, seed: int) -> int:
    """The seat that `--seat` names; raises `GameError`."""
    choices = [RANDOM, *map(str, range(spec.seats))]
    if word not in choices:
        raise GameError(f"--seat {word}: must be one of {', '.join(choices)}")
    return random.Random(seed).randrange(spec.seats) if word == RANDOM else int(word)  # noqa: S311


def begun(spec: GameSpec, against: Opponent, *, seat: int, seed: int) -> Session:
    """A new game, up to the person's first move."""
    session = Session(spec=spec, opponent=against, seat=seat, seed=seed)
    session.reply()
    return session
