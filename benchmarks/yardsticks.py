"""What a Connect Four policy is measured by: opponents from both seats, solved positions, wins and forced blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import torch

from benchmarks.cubes import Cubes
from benchmarks.solved import SEED, STAGES, Set, blocks, missed, solved, wins
from league.games import game_spec, make_bot, make_game
from league.games.base import Player
from league.games.solver import Solver
from league.ladder.records import Tally
from league.rollout.arena import COLUMN, ROW
from league.rollout.openings import Book, Openings
from league.rollout.table import Table

GAME: Final = "connect_four"
MOST_PLIES: Final = 42
OPENING_PLIES: Final = 2

INDEPENDENT: Final[Mapping[str, Callable[[], Player]]] = {
    f"n-{depth}": (lambda depth=depth: Cubes(depth)) for depth in (1, 2, 4, 5)
}
"""Opponents that share no code with the project, see `benchmarks.cubes`."""
OWN: Final = ("uniform", "negamax-2", "negamax-4")
"""The project's own bots, the anchors of its scale."""


def opponents() -> dict[str, Player]:
    """Everybody that a policy is measured against, by name."""
    spec = game_spec(GAME)
    return {name: make() for name, make in INDEPENDENT.items()} | {name: make_bot(name, spec) for name in OWN}


def play(
    player: Player, opponent: Player, *, seat: int, games: int, seed: int, opening_plies: int = OPENING_PLIES
) -> Tally:
    """Play `games` games with the player at `seat`, each after `opening_plies` random plies, too few to end a game.

    Equal seeds have the same openings, so both seats can be given the same ones.
    """
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.full((games,), opening_plies)
    openings = Openings(lengths, torch.randint(0, 7, (games, opening_plies), generator=generator))
    seating = torch.tensor((ROW, COLUMN) if seat == 0 else (COLUMN, ROW)).repeat(games, 1)
    table = Table(
        game=make_game(GAME, games),
        generator=generator,
        players={ROW: player, COLUMN: opponent},
        seating=seating,
        opener=Book(openings, torch.arange(games)),
        opening_left=lengths,
    )
    table.restart(~table.asleep)
    result = torch.zeros(games)
    for _ in range(MOST_PLIES):
        over = table.ply().step.done & ~table.asleep
        result = torch.where(over, table.returns[:, seat], result)
        table.asleep |= over
    return Tally(*(int((result.sign() == sign).sum()) for sign in (1, 0, -1)))


@lru_cache
def questions(count: int) -> dict[str, Set]:
    """`count` solved positions of each stage, and as many with a win and with a forced block on the board.

    Solving 430 of each takes half a minute.
    """
    stages = {name: solved(stones, SEED + 1000 * i, count) for i, (name, stones) in enumerate(STAGES.items())}
    return stages | {"wins": wins(SEED, count), "blocks": blocks(SEED, count)}


def examine(player: Player, *, games: int, positions: int, seed: int) -> dict[str, Any]:
    """Everything about one player, as plain data: scores by opponent and seat, and shares of mistakes, in [0, 1].

    `games` against each opponent, half of them in either seat; `positions` of each set.
    """
    scores = {}
    for name, opponent in opponents().items():
        seats = [play(player, opponent, seat=seat, games=games // 2, seed=seed) for seat in (0, 1)]
        scores[name] = {"score": Tally.sum(seats).score, "by_seat": [tally.score for tally in seats]}
    shares = {name: missed(player, one) for name, one in questions(positions).items()}
    mistakes = {name: shares[name] for name in STAGES}
    return {
        "scores": scores,
        "mistakes": {**mistakes, "mean": sum(mistakes.values()) / len(mistakes)},
        "missed": {"wins": shares["wins"], "blocks": shares["blocks"]},
    }


def against_perfect(player: Player, *, games: int, seed: int) -> Tally:
    """From the empty board, moving first, against best play: under best play the first seat wins."""
    return play(player, Solver(), seat=0, games=games, seed=seed, opening_plies=0)
