"""Matches between two frozen players: every seating, from the same random openings."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from league.games.base import Game, Player
from league.ladder.records import Replay, Tally
from league.rollout.table import Table, generator_for

ROW, COLUMN = 0, 1


class Played(NamedTuple):
    """What came of a match."""

    results: dict[str, Tally]
    """Of `row`, by seating."""
    dropped: int
    """Games without a result."""
    groups: tuple[int, ...]
    """[2 G + 1], groups of the G games of one opening by the half points of `row`; see `records.Match.groups`."""
    replays: tuple[Replay, ...]
    """Of every board, in their order."""


class _Record:
    """Notes the moves of all boards."""

    def __init__(self, chance: Tensor, opening: Tensor) -> None:
        """`chance` and `opening`, int64 `[B]` each: the seeds of the games, and their random plies."""
        self.chance = chance
        self.opening = opening
        self.moves: list[Tensor] = []
        self.began = torch.zeros_like(opening)
        self.ended = torch.zeros_like(opening)

    def add(self, actions: Tensor, awake: Tensor, again: Tensor) -> None:
        """One ply: `actions` int64, and bool, `[B]` each: whose game goes on, and whose has begun anew."""
        again = again & awake
        self.moves.append(actions)
        self.ended = torch.where(awake, len(self.moves), self.ended)
        self.began = torch.where(again, len(self.moves), self.began)
        self.opening = self.opening.masked_fill(again, 0)

    def replays(self, ways: list[str], verdict: Tensor, scored: Tensor) -> tuple[Replay, ...]:
        """One per board; the seatings `ways` take turns."""
        moves = torch.stack(self.moves, dim=1).tolist()
        columns = (self.began, self.ended, self.chance, self.opening, verdict, scored)
        return tuple(
            Replay(
                seating=ways[board % len(ways)],
                points=(won + 1) / 2 if counts else None,
                seed=seed,
                opening=min(opening, end - start),
                moves=tuple(moves[board][start:end]),
            )
            for board, (start, end, seed, opening, won, counts) in enumerate(
                zip(*(column.tolist() for column in columns), strict=True)
            )
        )


def seatings(seats: int) -> list[str]:
    """Every way in which two policies share the seats: see `league.ladder.records.Match`.

    Two seats: `01`, `10`. More: each policy once alone at each seat, the other at all the rest.
    """
    alone = ["".join("0" if s == seat else "1" for s in range(seats)) for seat in range(seats)]
    swapped = [seating.translate(str.maketrans("01", "10")) for seating in alone]
    return list(dict.fromkeys(alone + swapped))


def rounded(games: int, seats: int) -> int:
    """The number of games, at least `games`, that plays every opening once with every seating."""
    group = len(seatings(seats))
    return -(-games // group) * group


def play_match(game: Game, row: Player, column: Player, *, opening_plies: int, max_plies: int, seed: int) -> Played:
    """Play one game on each of the game's boards.

    `game.num_games` must be a multiple of the number of seatings. Boards of one group share a random opening of up to
    `opening_plies` plies and the seed of the game's own chance. A game that ends within its opening starts again
    without one. A game that breaks, or is longer than `max_plies`, is dropped.
    """
    spec, device, boards = game.spec, game.device, game.num_games
    ways = seatings(spec.seats)
    group = torch.arange(boards, device=device) // len(ways)
    way = torch.arange(boards, device=device) % len(ways)
    generator = generator_for(device, seed)
    lengths = torch.randint(0, opening_plies + 1, (boards,), generator=generator, device=device)
    chance = torch.randint(0, 2**31, (boards,), generator=generator, device=device)[group]
    by_way = torch.tensor([[int(s) for s in seating] for seating in ways], device=device)
    table = Table(
        game=game,
        generator=generator,
        players={ROW: row, COLUMN: column},
        seating=by_way[way],
        opening_left=lengths[group],
        opening_group=group,
    )
    table.restart(torch.ones(boards, dtype=torch.bool, device=device), chance)
    scored = torch.zeros(boards, dtype=torch.bool, device=device)
    verdict = torch.zeros(boards, device=device)
    record = _Record(chance, lengths[group])
    for _ in range(max_plies):
        ply = table.ply()
        step = ply.step
        again = step.done & ply.opening & ~step.dropped
        if bool(again.any()):
            table.opening_left = table.opening_left.masked_fill(again, 0)
            table.restart(again, chance)
        record.add(ply.actions, ~table.asleep, again)
        over = step.done & ~again & ~table.asleep
        scored |= over & ~step.dropped
        verdict = torch.where(over, _verdict(table.returns, table.seating), verdict)
        table.asleep |= over
        if bool(table.asleep.all()):
            break
    results = {seating: _tally(verdict[scored & (way == i)]) for i, seating in enumerate(ways)}
    dropped, groups = boards - int(scored.sum()), _groups(verdict, scored, len(ways))
    return Played(results, dropped, groups, record.replays(ways, verdict, scored))


def _verdict(returns: Tensor, seating: Tensor) -> Tensor:
    """+1, 0 or -1 per board: whether `row` has the better mean rank over its seats. `[B, P]` twice to `[B]`."""
    beaten = (returns[:, :, None] > returns[:, None, :]).sum(dim=2).float()
    tied = (returns[:, :, None] == returns[:, None, :]).sum(dim=2).float()
    points = beaten + tied / 2
    is_row = (seating == ROW).float()
    mean_row = (points * is_row).sum(dim=1) / is_row.sum(dim=1)
    mean_column = (points * (1 - is_row)).sum(dim=1) / (1 - is_row).sum(dim=1)
    return torch.sign(mean_row - mean_column)


def _groups(verdict: Tensor, scored: Tensor, size: int) -> tuple[int, ...]:
    """Count groups by the half points of `row`; a group with a dropped game is void. `[B]` twice to `[2 size + 1]`."""
    whole = scored.view(-1, size).all(dim=1)
    half_points = (verdict.view(-1, size) + 1).sum(dim=1).long()
    return tuple(torch.bincount(half_points[whole], minlength=2 * size + 1).tolist())


def _tally(verdicts: Tensor) -> Tally:
    return Tally(*(int((verdicts == v).sum()) for v in (1, 0, -1)))
