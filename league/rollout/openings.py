"""Random openings: of matches, drawn before the match, and played by whoever is asked first; and of training games.

Deterministic players follow the same line from the same position, so no two openings of a match may meet.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from league.games.base import Game, HasPositions, Player, Turn, sample_uniform

ROUNDS = 8
"""So often openings are drawn until there are enough that differ."""

PLENTY = 100
"""An opening of a length of which there are fewer is drawn as much more seldom."""


class Openings(NamedTuple):
    """One for each of G groups of boards."""

    lengths: Tensor
    """int64 `[G]`, each in `[0, plies]`."""
    moves: Tensor
    """int64 `[G, plies]`; what stands behind a group's length means nothing."""


class Explorer(Player):
    """Plays at random, but does not win: a start that ends the game is none."""

    def choose(self, turn: Turn) -> Tensor:
        """Return int64 `[n]`: of the legal moves that do not win, one; where all of them do, any.

        In a game that cannot be looked ahead in, any legal one.
        """
        if not isinstance(turn.game, HasPositions):
            return sample_uniform(turn.legal, turn.generator)
        calm = turn.legal & ~turn.game.positions(turn.rows).wins()
        return sample_uniform(torch.where(calm.any(dim=1, keepdim=True), calm, turn.legal), turn.generator)


class Book(Player):
    """Plays the openings of a match, on the boards whose groups are `group` (int64 `[B]`)."""

    def __init__(self, openings: Openings, group: Tensor) -> None:
        self.moves = openings.moves[group]
        self.played = torch.zeros_like(group)

    def choose(self, turn: Turn) -> Tensor:
        """The next move of each; another one where chance that no seed fixes has made it illegal."""
        moves = self.moves[turn.rows, self.played[turn.rows]]
        self.played[turn.rows] += 1
        fits = turn.legal.gather(1, moves[:, None]).squeeze(1)
        return torch.where(fits, moves, sample_uniform(turn.legal, turn.generator))


def draw_openings(game: Game, group: Tensor, plies: int, seeds: Tensor, generator: torch.Generator) -> Openings:
    """Draw an opening of 0 to `plies` uniformly random plies for each group, after which the game goes on.

    In a deterministic game no two of them lead to the same position, as long as other ones are found, and lengths of
    which there are fewer than `PLENTY` are rarer by as much: else the few short ones would come back in every small
    match, a large one would consist of others, and policies would score in the one what they do not in the other.

    Args:
        game: its boards are used for drawing, and are left in the middle of games.
        group: int64 `[B]`, the group of each board, `[0, G)` in order; every group has a board.
        plies: of the longest opening.
        seeds: int64 `[B]`, of the game's chance, the same for all boards of a group.
        generator: the only source of randomness.
    """
    groups = int(group[-1]) + 1
    found: dict[int, tuple[int, Tensor]] = {}
    spare = dict.fromkeys(range(groups), (0, torch.zeros(plies, dtype=torch.long, device=game.device)))
    seen: set[object] = set()
    for _ in range(ROUNDS):
        lengths, moves, ways, after = _walk(game, plies, seeds, generator)
        luck = torch.rand(len(ways), generator=generator, device=game.device)
        rare = (luck * ways.max().clamp(max=PLENTY) > ways).tolist()
        for board, (number, length, position) in enumerate(zip(group.tolist(), lengths.tolist(), after, strict=True)):
            if number in found or position is None:
                continue
            if game.spec.deterministic and (rare[board] or position in seen):
                spare[number] = (length, moves[board])
                continue
            seen.add(position)
            found[number] = (length, moves[board])
        if len(found) == groups or not plies:
            break
    chosen = [found.get(number, spare[number]) for number in range(groups)]
    return Openings(
        torch.tensor([length for length, _ in chosen], device=game.device), torch.stack([moves for _, moves in chosen])
    )


def _walk(
    game: Game, plies: int, seeds: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, list[object]]:
    """Play at random on every board: the lengths drawn, all moves, how many openings of that length there are, about,
    and what the position is after so many moves.

    As many as there were legal moves, multiplied along the way. None stands for a game that has ended by then.
    """
    boards, device = game.num_games, game.device
    lengths = torch.randint(0, plies + 1, (boards,), generator=generator, device=device)
    ways = torch.ones(boards, device=device)
    after: list[object] = [None] * boards
    over = torch.zeros(boards, dtype=torch.bool, device=device)
    moves = torch.zeros(boards, plies, dtype=torch.long, device=device)
    game.reset(torch.ones_like(over), seeds)
    longest = int(lengths.max())
    for ply in range(longest + 1):
        here = (~over & (lengths == ply)).nonzero().squeeze(1)
        movers = game.to_move()[here].tolist()
        for board, mover, seen in zip(here.tolist(), movers, game.observe()[here].cpu().numpy(), strict=True):
            after[board] = (mover, seen.tobytes())
        if ply < longest:
            legal = game.legal()
            moves[:, ply] = sample_uniform(legal, generator)
            ways = torch.where(lengths > ply, ways * legal.sum(dim=1), ways)
            over |= game.step(moves[:, ply]).done
    return lengths, moves, ways, after
