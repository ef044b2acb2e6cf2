"""One game of a person against a policy as it is played: what every interface for people builds on, without a store.

The person has one seat, the policy all the others. Where something is hidden or drawn by chance
(`GameSpec.deterministic` is False) a move may not be taken back, and what the others did is told once the game is over.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from league.errors import GameError, MoveError, PolicyError
from league.games import GameSpec, Player, Turn, make_game
from league.games.aec_picture import Painter
from league.games.base import Cells, HasCells, action_name
from league.matches.replays import changed
from league.policies.player import NetworkPlayer
from league.policies.search import SearchPlayer
from league.view.words import short

Ending = Literal["won", "drawn", "lost", "resigned", "dropped"]

HOTTEST = 5.0
"""The highest temperature; far above it every move is as likely as any other."""
_NOTHING = Cells(marks=(), columns=False, line=frozenset())


class Opponent(NamedTuple):
    """A policy with the strength at which it plays."""

    policy: str
    """Its name, with its search where it has one: `main-0007+search200`."""
    player: Player
    temperature: float | None = None
    """None: it plays as it does in matches. 0: always what it thinks best; 1: as often as it thinks good; above: more
    at random."""

    @property
    def name(self) -> str:
        """Who this is in the records: the same policy at another temperature is somebody else."""
        return self.policy if self.temperature is None else f"{self.policy}+temperature{self.temperature:g}"

    @property
    def called(self) -> str:
        """Its name as it is shown, however long it is."""
        return short(self.name)

    @property
    def adviser(self) -> NetworkPlayer | SearchPlayer | None:
        """Itself, if it has an opinion of positions."""
        return self.player if isinstance(self.player, NetworkPlayer | SearchPlayer) else None

    def choose(self, turn: Turn) -> int:
        """Its action on the one board of `turn`."""
        if self.temperature is None:
            return int(self.player.choose(turn)[0])
        assert self.adviser is not None, "see `check_temperature`"
        shares = self.adviser.opinion(turn)[0][0].double().masked_fill(~turn.legal[0], 0.0)
        if self.temperature == 0.0:
            return int(shares.argmax())
        weights = torch.softmax(shares.log() / self.temperature, dim=0)
        return int(torch.multinomial(weights, 1, generator=turn.generator))


def own_temperature(spec: GameSpec) -> float:
    """The temperature at which a network plays its matches: at its best, or as it was trained where moves are drawn."""
    return 0.0 if spec.deterministic else 1.0


def check_temperature(policy: str, player: Player, temperature: float | None) -> None:
    """Raise `PolicyError` for a temperature out of range, or of a bot."""
    if temperature is None:
        return
    if not 0.0 <= temperature <= HOTTEST:
        raise PolicyError(f"temperature {temperature:g}: must be from 0 to {HOTTEST:g}")
    if not isinstance(player, NetworkPlayer | SearchPlayer):
        raise PolicyError(f"{policy} is a fixed bot: it plays as it does, without a temperature")


class Move(NamedTuple):
    """One ply: the seat that moved, its action, and the name that people have for it."""

    seat: int
    action: int
    name: str


class Opinion(NamedTuple):
    """What a policy thinks of the position at which the person is to move."""

    shares: list[float]
    """[A], the part of each action, in 0 to 1; of a search, of its simulations."""
    value: float
    """What it expects the person to receive."""


@dataclass(kw_only=True)
class Session:
    """One game; `reply` first, then `play` and `reply` until `ending` says how it ended. Not for several threads."""

    spec: GameSpec
    opponent: Opponent
    seat: int
    """The person's."""
    seed: int
    """Fixes the game's chance and the policy's."""
    moves: list[Move] = field(default_factory=list)
    ending: Ending | None = None
    """Of the person; None while the game goes on."""
    returns: list[float] = field(default_factory=list)
    """[P], what each seat has received."""
    helped: bool = False
    """The person took back a move, or asked the policy what it thinks: the game says less about them."""
    recorded: bool = False
    """Its first end is in the records."""
    game_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    cells: Cells = _NOTHING
    """The board as the person may see it; empty where it has no cells."""
    last: tuple[int, int] | None = None
    """Row and column of the cell that the last move filled."""

    def __post_init__(self) -> None:
        if not 0 <= self.seat < self.spec.seats:
            raise GameError(f"seat {self.seat}: {self.spec.name} has seats 0 to {self.spec.seats - 1}")
        self._game = make_game(self.spec.name, 1, seed=self.seed)
        self._generator = torch.Generator().manual_seed(self.seed)
        self._painter = Painter(self.spec)
        self._restart()

    @property
    def waits(self) -> bool:
        """Whether the person is to move."""
        return self.ending is None and self._mover == self.seat

    @property
    def _mover(self) -> int:
        return int(self._game.to_move()[0])

    @property
    def legal(self) -> list[int]:
        """The person's legal actions; none while they are not to move."""
        return self._game.legal()[0].nonzero().flatten().tolist() if self.waits else []

    @property
    def names(self) -> dict[int, str]:
        """The legal actions of the person by number, as people say them; by number again where two have one name."""
        named = {action: action_name(self._game, 0, action) for action in self.legal}
        often = Counter(name.lower() for name in named.values())
        return {action: name if often[name.lower()] == 1 else str(action) for action, name in named.items()}

    @property
    def choices(self) -> str:
        """The names of the person's legal actions, in one line."""
        names = self.names.values()
        return (", " if any(" " in name for name in names) else " ").join(names)

    @property
    def text(self) -> str:
        """The position as the person may see it, in text."""
        if not self.spec.deterministic and not self.waits:
            return "the game is over" if self.ending else ""
        return self._game.render(0)

    def picture(self) -> NDArray[np.uint8] | None:
        """The position as the game draws it, uint8 `[height, width, 3]`; None where it has cells, or does not draw."""
        return None if self.cells.marks else self._painter.picture([move.action for move in self.moves])

    def told(self, moves: Sequence[Move]) -> list[Move]:
        """Those of these moves that the person may know of: all where nothing is hidden, or once the game is over."""
        return [move for move in moves if self.spec.deterministic or self.ending or move.seat == self.seat]

    def read(self, word: str) -> int:
        """A legal action from its name or its number; raises `MoveError`."""
        word = word.strip()
        names = self.names
        found = [action for action, name in names.items() if name.lower() == word.lower()]
        if not found and word.isdecimal() and len(word) < 10 and int(word) in names:
            found = [int(word)]
        if not found:
            raise MoveError(f"{word[:40]!r} is not a legal move: one of {self.choices}")
        return found[0]

    def play(self, action: int) -> Move:
        """The person's move; raises `MoveError` where it is not legal or not their turn."""
        if not self.waits:
            raise MoveError("the game is over" if self.ending else "it is not your turn")
        if action not in self.legal:
            raise MoveError(f"{action} is not a legal move: one of {' '.join(map(str, self.legal))}")
        return self._step(action)

    def reply(self) -> list[Move]:
        """The moves of the other seats until the person is to move or the game is over."""
        made = []
        while self.ending is None and not self.waits:
            made.append(self._step(self.opponent.choose(self._turn())))
        return made

    @property
    def can_undo(self) -> bool:
        """Whether there is a move to take back, and it may be: not where something is hidden."""
        resigned = self.ending == "resigned"
        return self.spec.deterministic and not resigned and any(move.seat == self.seat for move in self.moves)

    def undo(self) -> None:
        """Take back the person's last move and what followed it; raises `MoveError` where that may not be."""
        if not self.spec.deterministic:
            raise MoveError(f"no move can be taken back in {self.spec.name}: something in it is hidden")
        if not self.can_undo:
            raise MoveError("there is no move of yours to take back")
        last = max(ply for ply, move in enumerate(self.moves) if move.seat == self.seat)
        kept = self.moves[:last]
        self.helped = True
        self._restart()
        for move in kept:
            self._step(move.action)

    def resign(self) -> None:
        """End the game as lost; raises `MoveError` where it has ended."""
        if self.ending is not None:
            raise MoveError("the game is over")
        self.ending = "resigned"

    def opinion(self) -> Opinion:
        """What the policy thinks of the person's position; raises `PolicyError` for a bot, `MoveError` off turn."""
        adviser = self.opponent.adviser
        if adviser is None:
            raise PolicyError(f"{self.opponent.policy} is a fixed bot and has no opinion of positions")
        if not self.waits:
            raise MoveError("there is no position of yours to think about")
        self.helped = True
        shares, values = adviser.opinion(self._turn())
        return Opinion(shares[0].tolist(), float(values[0]))

    def hint(self) -> int:
        """The action that the policy would choose; raises as `opinion` does."""
        shares = self.opinion().shares
        return max(self.legal, key=lambda action: shares[action])

    def _turn(self) -> Turn:
        game = self._game
        return Turn(
            game=game,
            rows=torch.zeros(1, dtype=torch.int64),
            observation=game.observe(),
            legal=game.legal(),
            generator=self._generator,
        )

    def _restart(self) -> None:
        self._game.reset(seeds=torch.tensor([self.seed]))
        self.moves, self.ending, self.last = [], None, None
        self.returns = [0.0] * self.spec.seats
        self.cells = self._look()

    def _look(self) -> Cells:
        return self._game.cells(0) if isinstance(self._game, HasCells) else _NOTHING

    def _step(self, action: int) -> Move:
        move = Move(self._mover, action, action_name(self._game, 0, action))
        step = self._game.step(torch.tensor([action]))
        self.moves.append(move)
        self.returns = [a + b for a, b in zip(self.returns, step.rewards[0].tolist(), strict=True)]
        if bool(step.done[0]):
            self.ending = "dropped" if bool(step.dropped[0]) else self._verdict()
        before, self.cells = self.cells, self._look()
        self.last = changed(before.marks, self.cells.marks)
        return move

    def _verdict(self) -> Ending:
        mine = self.returns[self.seat]
        best = max(points for seat, points in enumerate(self.returns) if seat != self.seat)
        return "won" if mine > best else "lost" if mine < best else "drawn"
