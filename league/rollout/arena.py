"""Matches between two frozen players: every seating, from the same random openings."""

from __future__ import annotations

import uuid
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from league.games.base import Game, Player
from league.ladder.records import Match, Replay, Tally
from league.rollout.openings import Book, draw_openings
from league.rollout.table import Ply, Table, compared

ROW, COLUMN = 0, 1


class Played(NamedTuple):
    """What came of a match."""

    results: dict[str, Tally]
    """Games by seating, from the point of view of `row`."""
    dropped: int
    """Games that broke, were too long, or in which one of the two had no seat that took part."""
    why: str | None
    """What was wrong with one of those; None: nothing is known."""
    groups: tuple[int, ...]
    """[2 G + 1], groups of the G games of one opening by the half points of `row`; see `records.Match.groups`."""
    replays: tuple[Replay, ...]
    """Of every board, in their order."""

    def to_match(self, row: str, column: str, played_s: float) -> Match:
        """As a match of these two, played at that Unix time (s), under an id of its own."""
        played = {name: value for name, value in self._asdict().items() if name != "why"}
        return Match(match_id=uuid.uuid4().hex, row=row, column=column, played_s=played_s, **played)


class _Record:
    """Notes the moves of all boards."""

    def __init__(self, ways: list[str], chance: Tensor, opening: Tensor) -> None:
        """The seatings `ways` take turns; `chance` and `opening`, int64 `[B]`: seeds, and plies of the openings."""
        self.ways = ways
        self.chance = chance
        self.opening = opening
        self.plies: list[Tensor] = []
        self.ended = torch.zeros_like(opening)

    def add(self, actions: Tensor, awake: Tensor) -> None:
        """One ply: `actions` int64 `[B]`, and bool `[B]`, whose game goes on."""
        self.plies.append(actions)
        self.ended = torch.where(awake, len(self.plies), self.ended)

    @cached_property
    def moves(self) -> list[tuple[int, ...]]:
        """Of every board; to be asked once all has been added."""
        moves = torch.stack(self.plies, dim=1).tolist()
        return [tuple(row[:end]) for row, end in zip(moves, self.ended.tolist(), strict=True)]

    def repeats(self) -> Tensor:
        """bool `[B]`: boards on which the game of an earlier one was played again, move by move."""
        games = [(board % len(self.ways), moves) for board, moves in enumerate(self.moves)]
        first = {game: board for board, game in reversed(list(enumerate(games)))}
        return torch.tensor([first[game] < board for board, game in enumerate(games)], device=self.ended.device)

    def replays(self, verdict: Tensor, scored: Tensor) -> tuple[Replay, ...]:
        """The game of each board, move by move, in the order of the boards."""
        columns = (column.tolist() for column in (self.chance, self.opening, verdict, scored))
        return tuple(
            Replay(
                seating=self.ways[board % len(self.ways)],
                points=(won + 1) / 2 if counts else None,
                seed=seed,
                opening=min(opening, len(moves)),
                moves=moves,
            )
            for board, (moves, seed, opening, won, counts) in enumerate(zip(self.moves, *columns, strict=True))
        )


class _Ends:
    """How the games of all boards ended, `[B]` each."""

    def __init__(self, boards: int, device: torch.device) -> None:
        self.scored = torch.zeros(boards, dtype=torch.bool, device=device)
        """Those with a result."""
        self.broken = torch.zeros_like(self.scored)
        self.absent = torch.zeros_like(self.scored)
        """Those in which one of the two had no seat that took part, or was never asked."""
        self.verdict = torch.zeros(boards, device=device)
        """From the side of `row`: +1, 0 or -1."""

    def take(self, ply: Ply, table: Table) -> Tensor:
        """Take down the games that ended with this ply; bool `[B]`: which these are."""
        over = ply.step.done & ~table.asleep
        if bool(over.any()):
            found, both = _verdict(table.returns, table.seating, table.present)
            played = over & ~ply.step.dropped & ~ply.opening
            self.scored |= played & both
            self.absent |= played & ~both
            self.broken |= over & ply.step.dropped
            self.verdict = torch.where(over, found, self.verdict)
        return over


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
    `opening_plies` plies and the seed of the game's own chance. A game that breaks, or is longer than `max_plies`, is
    dropped. Between deterministic players no game counts twice: one that is played again, after all, has no result.
    """
    spec, device, boards = game.spec, game.device, game.num_games
    ways = seatings(spec.seats)
    group = torch.arange(boards, device=device) // len(ways)
    way = torch.arange(boards, device=device) % len(ways)
    generator = torch.Generator(device=device).manual_seed(seed)
    chance = torch.randint(0, 2**31, (boards,), generator=generator, device=device)[group]
    openings = draw_openings(game, group, opening_plies, chance, generator)
    by_way = torch.tensor([[int(s) for s in seating] for seating in ways], device=device)
    table = Table(
        game=game,
        generator=generator,
        players={ROW: row, COLUMN: column},
        seating=by_way[way],
        opener=Book(openings, group),
        opening_left=openings.lengths[group],
    )
    table.restart(torch.ones(boards, dtype=torch.bool, device=device), chance)
    ends = _Ends(boards, device)
    record = _Record(ways, chance, openings.lengths[group])
    for _ in range(max_plies):
        ply = table.ply()
        record.add(ply.actions, ~table.asleep)
        table.asleep |= ends.take(ply, table)
        if bool(table.asleep.all()):
            break
    scored, verdict = ends.scored, ends.verdict
    dropped = boards - int(scored.sum())
    if spec.deterministic and row.deterministic and column.deterministic:
        scored = scored & ~record.repeats()
    results = {seating: _tally(verdict[scored & (way == i)]) for i, seating in enumerate(ways)}
    why = game.last_error if bool(ends.broken.any()) else None
    if why is None and not bool(table.asleep.all()):
        why = f"longer than arena.max_plies = {max_plies}"
    elif why is None and dropped:
        why = "only one of the two had a seat that took part, or the game was over before they were asked"
    # Where one of the two had no seat nobody could win: no result, and no reason to leave out the others of its group.
    groups = _groups(verdict, scored | ends.absent, len(ways))
    return Played(results, dropped, why, groups, record.replays(verdict, scored))


def _verdict(returns: Tensor, seating: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
    """+1, 0 or -1 per board: whether `row` has the better mean rank over its seats; and whether both have any.

    `[B, P]` thrice to `[B]` twice. Seats that took no part in a game are nobody's, and beaten by nobody.
    """
    points = (compared(returns[:, :, None], returns[:, None, :]) * present[:, None, :]).sum(dim=2)
    row, column = ((seating == ROW) & present).float(), ((seating == COLUMN) & present).float()
    mean_row = (points * row).sum(dim=1) / row.sum(dim=1).clamp(min=1)
    mean_column = (points * column).sum(dim=1) / column.sum(dim=1).clamp(min=1)
    both = row.any(dim=1) & column.any(dim=1)
    return torch.sign(mean_row - mean_column) * both, both


def _groups(verdict: Tensor, scored: Tensor, size: int) -> tuple[int, ...]:
    """Count groups by the half points of `row`; a group with a dropped game is void. `[B]` twice to `[2 size + 1]`."""
    whole = scored.view(-1, size).all(dim=1)
    half_points = (verdict.view(-1, size) + 1).sum(dim=1).long()
    return tuple(torch.bincount(half_points[whole], minlength=2 * size + 1).tolist())


def _tally(verdicts: Tensor) -> Tally:
    return Tally(*(int((verdicts == v).sum()) for v in (1, 0, -1)))
