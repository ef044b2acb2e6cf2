"""Connect Four, solved: what every move is worth under best play, by the solver `bitbully`, and what a policy plays.

The positions come from random play with a seed of their own, so training meets them, if at all, as it meets any others.
The solver needs the extra `solver`; nothing but the bot `perfect` uses it beside the tests and benchmarks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import torch
from torch import Tensor

from benchmarks.cubes import COLUMNS, drop, has_four, words
from league.games import Turn, make_game, sample_uniform
from league.games.base import Player, Searchable
from league.games.solver import FULL, solve

STAGES: Final = {"early": range(6, 14), "middle": range(14, 24), "late": range(24, 36)}
"""Stones on the board."""
POSITIONS: Final = 430
"""Of each stage, and for each tactical question."""
SEED: Final = 20_261_126


class Set(NamedTuple):
    """Positions with the moves that are right there."""

    observation: Tensor
    """float32 `[n, 6, 7, 2]`: what the mover sees."""
    right: Tensor
    """bool `[n, 7]`: the columns that are no mistake."""


def random_positions(count: int, stones: range, seed: int) -> Tensor:
    """Positions of random play, float32 `[count, 6, 7, 2]`, games that are over left out; some may be equal."""
    generator = torch.Generator().manual_seed(seed)
    found: list[Tensor] = []
    while sum(map(len, found)) < count:
        game = make_game("connect_four", count)
        stop = torch.randint(stones.start, stones.stop, (count,), generator=generator)
        over = torch.zeros(count, dtype=torch.bool)
        for ply in range(stones.stop):
            found.append(game.observe()[~over & (stop == ply)])
            over |= game.step(sample_uniform(game.legal(), generator)).done
    return torch.cat(found)[:count]


def solved(stones: range, seed: int, count: int = POSITIONS) -> Set:
    """Positions of random games that go on, and the moves that keep the value of the game: often all of them do."""
    observation = random_positions(count, stones, seed)
    values = solve(observation)
    keeps = (values.sign() == values.amax(dim=1, keepdim=True).sign()) & (values != FULL)
    return Set(observation, keeps)


def wins(seed: int, count: int = POSITIONS) -> Set:
    """Positions at which some column wins at once."""
    return _collect(_winning, range(8, 36), seed, count)


def blocks(seed: int, count: int = POSITIONS) -> Set:
    """Positions at which no column wins, and all but one let the other seat win with its next move."""

    def right(observation: Tensor) -> Tensor:
        mine, theirs = words(observation)
        cells = drop(mine, theirs)
        replies = drop((mine[:, None] | cells).ravel(), theirs.repeat(COLUMNS)).reshape(-1, COLUMNS, COLUMNS)
        safe = ~(has_four(theirs[:, None, None] | replies) & (replies != 0)).any(axis=2) & (cells != 0)
        forced = (safe.sum(axis=1) == 1) & ~_winning(observation).any(dim=1).numpy()
        return torch.from_numpy(safe & forced[:, None])

    return _collect(right, range(8, 36), seed, count)


def _winning(observation: Tensor) -> Tensor:
    """bool `[n, 7]`: the columns in which the mover completes four."""
    mine, theirs = words(observation)
    cells = drop(mine, theirs)
    return torch.from_numpy(has_four(mine[:, None] | cells) & (cells != 0))


def _collect(right: Callable[[Tensor], Tensor], stones: range, seed: int, count: int) -> Set:
    """Random positions at which some legal column is right and some other is not, no two the same."""
    found: dict[bytes, tuple[Tensor, Tensor]] = {}
    while len(found) < count:
        new = random_positions(count, stones, seed)
        columns = right(new)
        legal = new[:, 0].sum(dim=2) == 0
        asks = columns.any(dim=1) & (legal & ~columns).any(dim=1)
        found |= {seen.numpy().tobytes(): (seen, good) for seen, good in zip(new[asks], columns[asks], strict=True)}
        seed += 1
    observation, columns = zip(*list(found.values())[:count], strict=True)
    return Set(torch.stack(observation), torch.stack(columns))


def missed(player: Player, questions: Set) -> float:
    """Share of the positions, in [0, 1], at which a player chooses a move that is not right."""
    game = make_game("connect_four", 1)
    assert isinstance(game, Searchable)
    boards = game.at(game.read(questions.observation))
    rows = torch.arange(boards.num_games)
    generator = torch.Generator().manual_seed(SEED)
    turn = Turn(game=boards, rows=rows, observation=questions.observation, legal=boards.legal(), generator=generator)
    return 1.0 - float(questions.right[rows, player.choose(turn)].float().mean())
