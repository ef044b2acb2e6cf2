"""`league play`: a person against a policy, in the terminal."""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from league.errors import GameError
from league.interfaces.cli.options import (
    LEAGUE,
    STORE,
    LeagueOption,
    SearchOption,
    SeedOption,
    StoreOption,
    drawn,
    open_league,
)

if TYPE_CHECKING:
    import torch
    from rich.console import Console

    from league.games import Game, Player, Step, Turn

HINTED_MOVES = 3


class _LeftError(Exception):
    """The person has left the table."""


def play(
    policy: Annotated[str, typer.Argument(help="A snapshot, a bot, or the start of a hash.")] = "champion",
    store: StoreOption = STORE,
    league: LeagueOption = LEAGUE,
    seat: Annotated[str, typer.Option(help="Your seat: 0 moves first; or `random`.")] = "random",
    search: SearchOption = None,
    seed: SeedOption = None,
    hints: Annotated[bool, typer.Option("--hints", help="Show what the policy thinks of your position.")] = False,
) -> None:
    """Play a game against a policy, which holds all the other seats. Moves are numbers; `q` leaves."""
    import torch

    from league.games import game_spec, make_game
    from league.interfaces.cli.console import stdout
    from league.matches.players import PlayerLoader, resolve
    from league.policies.search import with_search

    seed = drawn(seed)
    with open_league(store, league) as (opened, config):
        spec = game_spec(config.game)
        named = resolve(opened, with_search(policy, search), spec)
        player = PlayerLoader(opened, spec).player(named.name)
    mine = _seat(seat, spec.seats, seed)
    game = make_game(spec.name, 1, seed=seed)
    output = stdout()
    output.print(f"you have seat {mine} of {spec.seats} against {named.name}; seed {seed}")
    if hints and named.kind == "bot":
        output.print(f"{named.name} is a fixed bot and has no opinion of positions")
    table = _Table(
        game=game,
        player=player,
        name=named.name,
        mine=mine,
        hints=hints and named.kind == "snapshot",
        generator=torch.Generator().manual_seed(seed),
        output=output,
    )
    try:
        output.print(table.play())
    except _LeftError:
        output.print("you left; the game has no result")


def _seat(word: str, seats: int, seed: int) -> int:
    choices = ["random", *map(str, range(seats))]
    if word not in choices:
        raise GameError(f"--seat {word}: must be one of {', '.join(choices)}")
    return random.Random(seed).randrange(seats) if word == "random" else int(word)  # noqa: S311


@dataclass(kw_only=True)
class _Table:
    """One board, the person at one seat and the policy at all others."""

    game: Game
    player: Player
    name: str
    mine: int
    """The seat that the person holds."""
    hints: bool
    """Say what the policy, which is no bot, thinks of the person's positions."""
    generator: torch.Generator
    output: Console

    def play(self) -> str:
        """Play to the end; the line that says how it ended. Raises `_LeftError`."""
        import torch

        seeds = torch.randint(0, 2**31, (1,), generator=self.generator)
        self.game.reset(seeds=seeds)
        returns = torch.zeros(self.game.spec.seats)
        while True:
            seat = int(self.game.to_move()[0])
            step = self._ply(seat)
            returns += step.rewards[0]
            if bool(step.done[0]):
                if self.game.spec.deterministic:  # Elsewhere a game that is over shows nobody's cards.
                    self.output.print(f"\n{self.game.render(0)}\n")
                return _ending(step, returns.tolist(), self.mine, self.name)

    def _ply(self, seat: int) -> Step:
        import torch

        if seat == self.mine:
            self.output.print(f"\n{self.game.render(0)}\n")
            return self.game.step(torch.tensor([self._ask()]))
        action = self.player.choose(self._turn())
        self.output.print(f"{self.name} at seat {seat} plays {int(action[0])}")
        return self.game.step(action)

    def _turn(self) -> Turn:
        import torch

        from league.games import Turn

        return Turn(
            game=self.game,
            rows=torch.tensor([0]),
            observation=self.game.observe(),
            legal=self.game.legal(),
            generator=self.generator,
        )

    def _ask(self) -> int:
        """Ask until the answer is a legal move."""
        legal = [int(action) for action in self.game.legal()[0].nonzero().squeeze(1)]
        if self.hints:
            self._hint()
        moves = " ".join(map(str, legal))
        while True:
            self.output.print(f"your move ({moves}; q leaves): ", end="")
            line = sys.stdin.readline()
            word = line.strip()
            if not line or word.lower() in ("q", "quit"):
                self.output.print()
                raise _LeftError
            if word.isdecimal() and int(word) in legal:
                return int(word)
            self.output.print(f"{word!r} is not a legal move: one of {moves}")

    def _hint(self) -> None:
        from league.policies.player import NetworkPlayer
        from league.policies.search import SearchPlayer

        assert isinstance(self.player, NetworkPlayer | SearchPlayer)
        shares, value = self.player.opinion(self._turn())
        best = shares[0].topk(min(HINTED_MOVES, int(self.game.legal().sum())))
        moves = ", ".join(f"{int(a)} ({100 * float(p):.0f}%)" for p, a in zip(best.values, best.indices, strict=True))
        self.output.print(f"{self.name} expects {float(value[0]):+.2f} for you here, and would play {moves}")


def _ending(step: Step, returns: list[float], mine: int, name: str) -> str:
    if bool(step.dropped[0]):
        return "the game broke and has no result"
    best_other = max(reward for seat, reward in enumerate(returns) if seat != mine)
    points = ", ".join(f"seat {seat} {reward:+g}" for seat, reward in enumerate(returns))
    if returns[mine] > best_other:
        return f"you win against {name} ({points})"
    return f"you lose against {name} ({points})" if returns[mine] < best_other else f"a draw with {name} ({points})"
