"""What a game is: a batch of boards that advance together on one torch device.

Everything that plays is written against `Game`; everything that chooses moves is a `Player`.
Shapes: `B` boards, `P` seats, `A` actions, `n` the rows of a batch that are being asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self, runtime_checkable

import torch
from torch import Tensor

from league.games.stones import Stones


class Symmetry(NamedTuple):
    """Another way to look at a board, from where the game is the same one: a mirror, or a turn."""

    cells: tuple[int, ...]
    """For every cell of the new view, counted row by row, the cell of the old one that it shows."""
    actions: tuple[int, ...]
    """For every action of the new view, the one of the old view that it stands for."""


class Bounds(NamedTuple):
    """Between which numbers an observation stays, element by element in the order of its flattened array.

    One number stands for all of them where all are the same. Infinite: nobody knows.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def of(cls, low: Sequence[float], high: Sequence[float]) -> Self:
        """Bounds of every element, shortened where they are all the same."""
        same = len(set(low)) == len(set(high)) == 1
        return cls(tuple(low[:1]), tuple(high[:1])) if same else cls(tuple(low), tuple(high))

    @classmethod
    def around(cls, seats: Sequence[Bounds | None]) -> Self | None:
        """What holds for every seat; a seat's None is between -1 and 1."""
        known = [one for one in seats if one is not None]
        if not known:
            return None
        size = max(len(one.low) for one in known)
        each = [one or cls((-1.0,), (1.0,)) for one in seats]
        low = zip(*(one.low * (size if len(one.low) == 1 else 1) for one in each), strict=True)
        high = zip(*(one.high * (size if len(one.high) == 1 else 1) for one in each), strict=True)
        return cls.of([min(ends) for ends in low], [max(ends) for ends in high])


@dataclass(frozen=True, kw_only=True)
class GameSpec:
    """What must be known of a game before it is played."""

    name: str
    """The name given to `--game`: `connect_four`, or the dotted module of an AEC environment."""
    seats: int
    """P, the number of players. Seat 0 is the first of PettingZoo's `possible_agents`."""
    shape: tuple[int, ...]
    """Shape of one observation, in PettingZoo's layout."""
    actions: int
    """A, the size of the discrete action space."""
    batched: bool
    """Whether boards advance together as tensors (fast), or one after another (an adapter)."""
    deterministic: bool
    """Perfect information and no chance: the best move needs no dice, so matches are played greedily
    from random openings. Elsewhere policies are sampled."""
    bots: tuple[str, ...] = ("uniform",)
    """Names of the fixed bots that anchor the rating scale, weakest first."""
    stones: Stones | None = None
    """How observations show stones on a board, for a network that looks up patterns of them; None: they do not, or it
    is not known."""
    plies: int | None = None
    """Of the longest game; None: it is not known."""
    positions: bool = False
    """Whether its boards can be looked ahead from: see `HasPositions`."""
    bounds: Bounds | None = None
    """Of the numbers of an observation; None: they stay between -1 and 1, which suits a network as it is."""
    stakes: float | None = None
    """The most that a seat may win or lose in a game; None: it is not known."""
    symmetries: tuple[Symmetry, ...] = ()
    """Other ways to look at a board, without the plain one; all of them together are a group."""

    @property
    def only_played(self) -> str:
        """Why the game can only be played on, and no move be tried, where that is so: for people."""
        return "has chance or hidden information" if self.batched else "is played through an adapter"


class Step(NamedTuple):
    """What one ply did to every board."""

    rewards: Tensor
    """float32 `[B, P]`: what each seat received for this ply."""
    done: Tensor
    """bool `[B]`: the game on this board has ended; `reset` it before the next ply."""
    dropped: Tensor
    """bool `[B]`, a subset of `done`: the game broke (the environment raised) and has no result."""


class Game(Protocol):
    """B boards of one game. Tensors are on `device`; returned tensors are not changed by later calls.

    A board that is done may be looked at until it is reset, but what it shows means nothing to a player.
    """

    spec: GameSpec
    num_games: int
    device: torch.device
    last_error: str | None
    """One line on what broke the last game that was dropped; None if none was."""

    def reset(self, mask: Tensor | None = None, seeds: Tensor | None = None) -> None:
        """Start a new game on the boards of `mask` (bool `[B]`; all of them without it).

        `seeds` (int64 `[B]`) fixes chance where a game has any: equal seeds, equal deals.
        """

    def observe(self) -> Tensor:
        """float32 `[B, *spec.shape]`, from the point of view of the seat to move."""

    def legal(self) -> Tensor:
        """bool `[B, A]`; at least one is true on every board whose game goes on."""

    def to_move(self) -> Tensor:
        """int64 `[B]`: the seat to move, in `[0, P)`."""

    def step(self, actions: Tensor) -> Step:
        """Play one legal action, int64 `[B]`, on every board."""

    def render(self, row: int) -> str:
        """One board as text for a terminal."""


@runtime_checkable
class Searchable(Game, Protocol):
    """What a `Game` may offer beside: boards at any position, so that moves can be tried without being played.

    Only for games of two seats that move in turn, without chance or hidden information, in which nothing is paid before
    the end and then 1 to the winner, -1 to the loser, or 0 to both.
    Shapes: `W` words of a position.
    """

    def words(self) -> Tensor:
        """int64 `[B, W]`: all that there is to know of the position of each board."""

    def at(self, words: Tensor) -> Self:
        """A game of its own with a board at each of the positions int64 `[n, W]`, of which some may be the same."""

    def read(self, observation: Tensor) -> Tensor:
        """int64 `[n, W]`: the positions at which the mover sees float32 `[n, *spec.shape]`.

        What cannot occur in a game gives words that mean nothing.
        """


@dataclass(frozen=True, kw_only=True)
class Cells:
    """One board, cell by cell."""

    marks: tuple[tuple[str, ...], ...]
    """From the top row down: "X" for a stone of seat 0, "O" for one of seat 1, an empty cell's action, or nothing."""
    columns: bool
    """An action is a column, counted from 0."""
    line: frozenset[tuple[int, int]]
    """Row and column of the cells of every line that won."""


@runtime_checkable
class HasCells(Protocol):
    """What a `Game` may offer beside: boards that a page can draw. Of the others it shows the text of `render`."""

    def cells(self, row: int) -> Cells:
        """One board, cell by cell."""


@runtime_checkable
class HasActionNames(Protocol):
    """What a `Game` may offer beside: its actions as people say them. Of the others an action is its number."""

    def action_name(self, row: int, action: int) -> str:
        """An action of the seat to move on one board, such as `e2e4`; legal ones of a board differ."""


def action_name(game: Game, row: int, action: int) -> str:
    """An action that is legal on one board, as people say it."""
    return game.action_name(row, action) if isinstance(game, HasActionNames) else str(action)


@runtime_checkable
class HasAbsentees(Protocol):
    """What a `Game` may offer beside: games in which not every seat takes part. Elsewhere all of them do."""

    def present(self) -> Tensor:
        """bool `[B, P]`: the seats that take part in the game on each board, or in the one that has just ended."""


class Positions(Protocol):
    """Positions of a game in which two seats place stones in turn and one of them may win: values, not boards.

    A move that would win for the other seat is prevented by making that move oneself, and in no other way. Shapes: `n`
    positions, none of which is over.
    """

    def __len__(self) -> int:
        """How many positions there are."""

    def __getitem__(self, rows: Tensor) -> Positions:
        """Those of `rows`, int64 or bool."""

    def observe(self) -> Tensor:
        """float32 `[n, *spec.shape]`, as the seat to move sees them."""

    def legal(self) -> Tensor:
        """bool `[n, A]`; nothing is legal on a full board, where the game was drawn."""

    def wins(self) -> Tensor:
        """bool `[n, A]`: the legal moves that win at once."""

    def passed(self) -> Positions:
        """The same stones with the other seat to move."""

    def after(self, rows: Tensor, actions: Tensor) -> Positions:
        """What legal `actions` int64 `[m]` make of the positions `rows` int64 `[m]`, for whoever is to move then."""


@runtime_checkable
class HasPositions(Protocol):
    """What a `Game` may offer beside: its boards as values, so that what follows from them can be looked at.

    Games on tensors without chance have it, adapters do not; `GameSpec.positions` says which.
    """

    def positions(self, rows: Tensor) -> Positions:
        """The boards of `rows`, int64 `[n]`, as they are now."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """The boards on which one player is to move."""

    game: Game
    rows: Tensor
    """int64 `[n]`: the boards on which the player is to move."""
    observation: Tensor
    """float32 `[n, *spec.shape]`: what the player sees there."""
    legal: Tensor
    """bool `[n, A]`: which actions are legal there."""
    generator: torch.Generator
    """The only source of randomness a player may use."""


class Player(Protocol):
    """Anything that chooses moves: a network, a fixed bot, a person."""

    deterministic: bool = False
    """Whether it always answers the same position with the same move."""

    def choose(self, turn: Turn) -> Tensor:
        """Return int64 `[n]`: one legal action per row of `turn`."""


def sample_uniform(legal: Tensor, generator: torch.Generator) -> Tensor:
    """Draw one legal action per row, all equally likely: bool `[n, A]` to int64 `[n]`.

    A row without a legal action, as on a full board, gives some action that means nothing.
    """
    noise = torch.rand(legal.shape, generator=generator, device=legal.device)
    return noise.masked_fill(~legal, -1.0).argmax(dim=1)
