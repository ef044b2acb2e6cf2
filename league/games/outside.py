"""Games on tensors from other packages: classes that are a `Game`, by entry point or dotted name."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, NamedTuple

import torch

from league.errors import GameError
from league.foreign import load, refused
from league.games.aec_factory import classic_games
from league.games.base import Game, GameSpec
from league.games.builtin import BUILTIN
from league.plugins import find, is_dotted

METHODS: Final = ("reset", "observe", "legal", "to_move", "step", "render")
"""What a class must have to be a `Game`."""


class Outside(NamedTuple):
    """A game that this project does not bring."""

    name: str
    """That it was asked for."""
    kind: type[Any] | None
    """The class of a game on tensors; None: `value` is a PettingZoo environment."""
    value: str
    """Where it stands, as `module` or `module:attribute`."""

    @property
    def spec(self) -> GameSpec:
        """Of a game on tensors, under the name that it was asked for."""
        assert self.kind is not None
        spec: GameSpec = self.kind.spec
        return replace(spec, name=self.name)

    def make(self, num_games: int, *, device: torch.device, seed: int) -> Game:
        """Set up a game on tensors: its class is called with `num_games`, `device` and, if it takes one, `seed`.

        Raises `GameError` in place of whatever it raises.
        """
        assert self.kind is not None
        options: dict[str, Any] = {"device": device}
        if "seed" in inspect.signature(self.kind).parameters:
            options["seed"] = seed
        with refused(f"{self.name} cannot be built", GameError):
            game: Game = self.kind(num_games, **options)
        game.spec = self.spec
        return game


@lru_cache
def outside(name: str) -> Outside | None:
    """The game of that name from another package; None: nobody declares it, and it is no class by its dotted name.

    Raises `GameError` where its name is taken, it cannot be imported, or its class is not a game.
    """
    taken = [*BUILTIN, *(one for one, _, _ in classic_games())]
    entry = find("league.games", name, taken, GameError)
    if entry is None:
        kind = _class_at(name) if is_dotted(name) else None
        return None if kind is None else Outside(name, _checked(name, kind), name)
    found = load(name, entry.value, GameError)
    kind = found if _is_game(found) else None
    if kind is None and isinstance(found, type) and all(hasattr(found, method) for method in METHODS[:3]):
        _checked(name, found)  # Says what it lacks.
    return Outside(name, None if kind is None else _checked(name, kind), entry.value)


def _class_at(name: str) -> type[Any] | None:
    """The class of a game on tensors by its dotted name; the rest is the AEC adapter's to find, or refuse."""
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except (Exception, SystemExit):  # The adapter imports it again, and says why it cannot be.
        return None
    return found if _is_game(found) else None


def _is_game(found: Any) -> bool:
    return isinstance(found, type) and isinstance(getattr(found, "spec", None), GameSpec)


def _checked(name: str, kind: type[Any]) -> type[Any]:
    lacking = [method for method in METHODS if not callable(getattr(kind, method, None))]
    if not _is_game(kind):
        lacking.insert(0, "spec, a GameSpec")
    if lacking:
        raise GameError(f"{name}: class {kind.__name__} is no game on tensors, it lacks {', '.join(lacking)}")
    return kind
