"""From the name of a game to the game: the built-in ones, and every PettingZoo AEC environment through the adapter."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import torch

from league.config.limits import check_device
from league.errors import ConfigError, LeagueError
from league.games.aec_factory import classic_games
from league.games.base import Game, GameSpec, Searchable
from league.games.bots import anchors
from league.games.builtin import BUILTIN
from league.games.outside import outside
from league.games.tree import TreeGame
from league.plugins import declared, package


class KnownGame(NamedTuple):
    """A game that `--game` knows by name."""

    name: str
    description: str
    installed: bool
    """Whether everything that the game imports is there."""


def make_game(name: str, num_games: int, *, device: str = "cpu", seed: int = 0) -> Game:
    """Set up `num_games` boards, each at the start of a game.

    `name` is a built-in game, a PettingZoo classic environment (`chess_v6`), the dotted module of any AEC environment
    with an `env()` (`mypackage.mygame`), `module:function`, `module:Class` of a game on tensors, or a name that an
    installed package declares (entry points `league.games`). `seed` fixes chance in games that have any.
    Raises `UnknownGameError`, `GameError`, `MissingExtraError`, or `ConfigError` for the device.
    """
    if num_games < 1:
        raise ConfigError(f"{num_games} games: must be at least 1")
    where = torch_device(device)
    theirs = outside(name)
    if theirs is not None and theirs.kind is not None:
        return theirs.make(num_games, device=where, seed=seed)
    if name in BUILTIN:
        kind = BUILTIN[name][0]
        return kind(num_games, device=where, seed=seed) if issubclass(kind, TreeGame) else kind(num_games, device=where)
    from league.games.aec import AecGame

    game = AecGame(name if theirs is None else theirs.value, num_games, device=where, seed=seed)
    if theirs is not None:
        game.spec = replace(game.spec, name=name)
    return game


@lru_cache
def game_spec(name: str) -> GameSpec:
    """What must be known of a game, without setting up boards; takes the names of `make_game` and raises the same."""
    theirs = outside(name)
    if theirs is not None and theirs.kind is not None:
        return anchors(theirs.spec)
    if name in BUILTIN:
        return BUILTIN[name][0].spec
    from league.games.aec import load_aec

    if theirs is not None:
        return anchors(replace(load_aec(theirs.value).spec, name=name))
    spec = load_aec(name).spec
    return spec if spec.name.startswith("pettingzoo.") else anchors(spec)


@lru_cache
def is_searchable(name: str) -> bool:
    """Whether the moves of this game can be tried without being played, see `Searchable`."""
    return game_spec(name).batched and isinstance(make_game(name, 1), Searchable)


@lru_cache
def searchable_games() -> tuple[str, ...]:
    """Names of the known games whose moves can be tried without being played, see `Searchable`."""
    theirs = (entry.name for entry in declared("league.games") if entry.name not in BUILTIN)
    return tuple(name for name in [*BUILTIN, *theirs] if _quietly_searchable(name))


def _quietly_searchable(name: str) -> bool:
    try:
        return is_searchable(name)
    except LeagueError:
        return False


def known_games() -> list[KnownGame]:
    """The built-in games, those of other packages, then PettingZoo's; nothing heavy is imported."""
    builtin = [KnownGame(name, description, True) for name, (_, description) in BUILTIN.items()]
    theirs = [KnownGame(one.name, f"from package {package(one)}", True) for one in declared("league.games")]
    return [*builtin, *theirs, *(KnownGame(*row) for row in classic_games())]


def torch_device(name: str) -> torch.device:
    """A device on which boards can lie; raises `ConfigError` where there is none of that name here."""
    check_device(name)
    device = torch.device(name)
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type == "cuda" and (device.index or 0) >= found:
        raise ConfigError(f"device = {name!r}: torch finds {found} CUDA devices here; use cpu")
    return device
