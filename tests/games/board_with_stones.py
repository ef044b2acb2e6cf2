"""PettingZoo's own tic-tac-toe, whose metadata say where its stones lie."""

from pettingzoo.classic import tictactoe_v3


def env(**options):
    """Build it."""
    built = tictactoe_v3.env(**options)
    built.metadata = {**built.metadata, "stones": {"lines": 3, "windows": [2, 2]}}
    return built
