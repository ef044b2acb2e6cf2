"""Games, batched over boards, and the fixed bots that anchor the rating scale.

`make_game` is the way in; `base` says what a game and a player are.
"""

from league.games.base import Game, GameSpec, Player, Step, Turn, sample_uniform
from league.games.bots import bot_names, is_bot_name, make_bot
from league.games.registry import KnownGame, game_spec, known_games, make_game

__all__ = [
    "Game",
    "GameSpec",
    "KnownGame",
    "Player",
    "Step",
    "Turn",
    "bot_names",
    "game_spec",
    "is_bot_name",
    "known_games",
    "make_bot",
    "make_game",
    "sample_uniform",
]
