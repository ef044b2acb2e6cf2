"""`league play`: a person against a policy, in the terminal."""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from league.errors import GameError
from league.interfaces.cli import options

if TYPE_CHECKING:
    import torch
    from rich.console import Console

    from league.games import Turn
    from league.policies.player import NetworkPlayer
    from league.policies.search import SearchPlayer
    from league.rollout.table import Table

HINTED_MOVES = 3
POLICY, PERSON = 0, 1


class _LeftError(Exception):
    """The person has left the table."""


def play(
    policy: Annotated[str, typer.Argument(help="A snapshot, a bot, or the start of a hash.")] = "champion",
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    seat: Annotated[str, typer.Option(help="Your seat: 0 moves first; or `random`.")] = "random",
    search: options.SearchOption = None,
    seed: options.SeedOption = None,
    hints: Annotated[bool, typer.Option("--hints", help="Show what the policy thinks of your position.")] = False,
) -> None:
    """Play a game against a policy, which holds all the other seats. Moves are numbers; `q` leaves."""
    import torch

    from league.games import game_spec, make_game
    from league.interfaces.cli.console import stdout
    from league.matches.players import PlayerLoader, resolve
    from league.policies.player import NetworkPlayer
    from league.policies.search import SearchPlayer, with_search
    from league.rollout.table import Table

    seed = options.drawn(seed)
    with options.open_league(store, league) as (opened, config):
        spec = game_spec(config.game)
        named = resolve(opened, with_search(policy, search), spec)
        player = PlayerLoader(opened, spec).player(named.name)
    adviser = player if hints and isinstance(player, NetworkPlayer | SearchPlayer) else None
    mine = _seat(seat, spec.seats, seed)
    output = stdout()
    table = Table(
        game=make_game(spec.name, 1, seed=seed),
        generator=torch.Generator().manual_seed(seed),
        players={POLICY: player, PERSON: _Person(against=named.name, adviser=adviser, output=output)},
        seating=torch.tensor([[PERSON if seat == mine else POLICY for seat in range(spec.seats)]]),
        opener=player,
        opening_left=torch.zeros(1, dtype=torch.int64),
    )
    output.print(f"you have seat {mine} of {spec.seats} against {named.name}; seed {seed}")
    if hints and adviser is None:
        output.print(f"{named.name} is a fixed bot and has no opinion of positions")
    try:
        output.print(_play(table, mine, named.name, output))
    except _LeftError:
        output.print("you left; the game has no result")


def _seat(word: str, seats: int, seed: int) -> int:
    choices = ["random", *map(str, range(seats))]
    if word not in choices:
        raise GameError(f"--seat {word}: must be one of {', '.join(choices)}")
    return random.Random(seed).randrange(seats) if word == "random" else int(word)  # noqa: S311


def _play(table: Table, mine: int, name: str, output: Console) -> str:
    """Play to the end; the line that says how it ended. Raises `_LeftError`."""
    import torch

    table.restart(~table.asleep, torch.randint(0, 2**31, (1,), generator=table.generator))
    while True:
        ply = table.ply()
        if int(ply.mover) != mine:
            output.print(f"{name} at seat {int(ply.mover)} plays {int(ply.actions)}")
        if bool(ply.step.done):
            if table.game.spec.deterministic:  # Elsewhere a game that is over shows nobody's cards.
                output.print(f"\n{table.game.render(0)}\n")
            return _ending(bool(ply.step.dropped), table.returns[0].tolist(), mine, name)


@dataclass(kw_only=True)
class _Person:
    """The player who is asked in the terminal."""

    against: str
    adviser: NetworkPlayer | SearchPlayer | None
    """Gives hints, if any are wanted."""
    output: Console
    deterministic: bool = False

    def choose(self, turn: Turn) -> torch.Tensor:
        """Ask until the answer is a legal move; raises `_LeftError`."""
        import torch

        self.output.print(f"\n{turn.game.render(0)}\n")
        if self.adviser is not None:
            self._hint(self.adviser, turn)
        legal = turn.legal[0].nonzero().flatten().tolist()
        moves = " ".join(map(str, legal))
        while True:
            self.output.print(f"your move ({moves}; q leaves): ", end="")
            line = sys.stdin.readline()
            word = line.strip()
            if not line or word.lower() in ("q", "quit"):
                self.output.print()
                raise _LeftError
            if word.isdecimal() and int(word) in legal:
                return torch.tensor([int(word)])
            self.output.print(f"{word!r} is not a legal move: one of {moves}")

    def _hint(self, adviser: NetworkPlayer | SearchPlayer, turn: Turn) -> None:
        shares, value = adviser.opinion(turn)
        best = shares[0].topk(min(HINTED_MOVES, int(turn.legal.sum())))
        moves = ", ".join(f"{int(a)} ({100 * float(p):.0f}%)" for p, a in zip(best.values, best.indices, strict=True))
        self.output.print(f"{self.against} expects {float(value[0]):+.2f} for you here, and would play {moves}")


def _ending(dropped: bool, returns: list[float], mine: int, name: str) -> str:
    if dropped:
        return "the game broke and has no result"
    best_other = max(reward for seat, reward in enumerate(returns) if seat != mine)
    points = ", ".join(f"seat {seat} {reward:+g}" for seat, reward in enumerate(returns))
    if returns[mine] > best_other:
        return f"you win against {name} ({points})"
    return f"you lose against {name} ({points})" if returns[mine] < best_other else f"a draw with {name} ({points})"
