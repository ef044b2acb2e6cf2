"""Does a policy ever lose at tic-tac-toe? `python -m benchmarks.perfect_tic_tac_toe STORE [--policy champion]`.

Claim: two minutes of `league train --game tic_tac_toe` end with a champion that never loses.

How: exhaustively. From either seat the policy plays its own move, the most probable one, and the opponent tries every
legal move at each of its turns, so every line that any opponent could play is played to its end. All positions of a ply
are asked of the policy at once. Exits 1 if there is a lost line, and prints the first one move by move.

A bot needs no store: `--policy perfect`. One that draws among equal moves, as `perfect` does, is followed along one
draw per line.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field

import torch
from torch import Tensor

from league.errors import GameError, LeagueError
from league.games import Game, Turn, bot_names, game_spec, is_bot_name, make_bot, make_game
from league.games.base import Player, Step
from league.interfaces.cli.console import print_json, stdout, table
from league.ladder.records import Tally
from league.matches.players import PlayerLoader
from league.pool.store import Store

GAME = "tic_tac_toe"
MOST_LINES = 1_000_000
"""More than this at once, and the game is too large to be searched in this way."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What became of every line, from the player's side."""

    by_seat: tuple[Tally, ...]
    """Lines by the seat that the player held."""
    lost: tuple[tuple[int, tuple[int, ...]], ...] = field(repr=False)
    """Each lost line: the player's seat, and the moves of both seats in turn."""

    @property
    def total(self) -> Tally:
        """Both seats together."""
        return Tally(*map(sum, zip(*self.by_seat, strict=True)))


def exhaustive(player: Player, game: str = GAME, *, seed: int = 0) -> Counts:
    """Play every line of the opponent against `player`, from both seats.

    `game` has two seats that move in turn, no chance, and is small. Raises `GameError` where it is too large.
    """
    tallies, lost = [], []
    for seat in range(2):
        results: list[tuple[Tensor, Tensor]] = []
        lines = torch.zeros(1, 0, dtype=torch.long)
        while len(lines):
            lines, ended, outcome = _one_ply(player, game, seat, lines, seed)
            results.append((ended, outcome))
        outcomes = torch.cat([outcome for _, outcome in results])
        tallies.append(Tally(*(int((outcomes == sign).sum()) for sign in (1, 0, -1))))
        for ended, outcome in results:
            lost += [(seat, tuple(line)) for line in ended[outcome < 0].tolist()]
    return Counts(by_seat=tuple(tallies), lost=tuple(lost))


def _one_ply(player: Player, game: str, seat: int, lines: Tensor, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Lengthen every line by one move, or by every move of the opponent.

    `lines` int64 `[n, t]`; returns those that go on `[m, t + 1]`, those that ended `[k, t + 1]`, and the sign of the
    player's reward in these `[k]`.
    """
    board, _ = _replay(game, lines)
    legal = board.legal()
    if lines.shape[1] % 2 == seat:
        generator = torch.Generator().manual_seed(seed + lines.shape[1])
        rows = torch.arange(len(lines))
        turn = Turn(game=board, rows=rows, observation=board.observe(), legal=legal, generator=generator)
        actions = player.choose(turn).cpu()
        if not bool(legal[rows, actions].all()):
            raise GameError("the policy chose an illegal move")
    else:
        rows, actions = legal.nonzero(as_tuple=True)
    longer = torch.cat((lines[rows], actions[:, None]), dim=1)
    if len(longer) > MOST_LINES:
        raise GameError(f"{game} has more than {MOST_LINES:,} lines: it is too large to be searched to the end")
    _, step = _replay(game, longer)
    assert step is not None
    return longer[~step.done], longer[step.done], torch.sign(step.rewards[step.done, seat])


def _replay(game: str, lines: Tensor) -> tuple[Game, Step | None]:
    """One board per line after its moves, and what the last of them did."""
    board, step = make_game(game, len(lines)), None
    for actions in lines.T:
        step = board.step(actions)
    return board, step


def show(policy: str, counts: Counts) -> None:
    """Print the counts, and a lost line as boards if there is one."""
    output = stdout()
    made = table(f"{policy} in", ">lines", ">wins", ">draws", ">losses")
    for name, tally in (("seat 0", counts.by_seat[0]), ("seat 1", counts.by_seat[1]), ("both", counts.total)):
        made.add_row(name, *(f"{n:,}" for n in (tally.games, *tally)), style="bold" if name == "both" else None)
    output.print(made)
    if not counts.lost:
        output.print(f"\n{policy} never loses: every line of the opponent was played")
        return
    seat, moves = counts.lost[0]
    output.print(f"\n{policy} loses {len(counts.lost)} lines; in one of them it is {'XO'[seat]}:")
    board = make_game(GAME, 1)
    for ply, action in enumerate(moves):
        board.step(torch.tensor([action]))
        who = policy if ply % 2 == seat else "the opponent"
        output.print(f"\n{who} plays {action}\n{board.render(0)}")


def find(store: str | None, league: str, word: str) -> tuple[str, Player]:
    """The name of a policy and somebody who plays it; raises `LeagueError` where there is none, or of another game."""
    spec = game_spec(GAME)
    if is_bot_name(word, spec):
        return word, make_bot(word, spec)
    if store is None:
        raise GameError(f"give the STORE that {word!r} is in, or a bot: {', '.join(bot_names(spec))}")
    with Store.open(store, league, create=False) as opened:
        game = opened.require_config().game
        if game != GAME:
            raise GameError(f"the league at {store} plays {game}, not {GAME}")
        name = opened.resolve(word, bot_names(spec)).name
        return name, PlayerLoader(opened, spec).player(name)


def main() -> int:
    """Search, print, and exit 1 if a line is lost, 2 if there is nothing to search."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.perfect_tic_tac_toe", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("store", nargs="?", help=f"folder or URL of a league of {GAME}")
    parser.add_argument("--policy", default="champion", help="a snapshot, `champion`, or a bot")
    parser.add_argument("--league", default="league", help="name of the league in the store")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    options = parser.parse_args()
    try:
        name, player = find(options.store, options.league, options.policy)
        counts = exhaustive(player)
    except LeagueError as error:
        print(error, file=sys.stderr)
        return 2
    if options.json:
        seats = [dict(zip(("wins", "draws", "losses"), tally, strict=True)) for tally in counts.by_seat]
        print_json({"policy": name, "lines": counts.total.games, "by_seat": seats, "lost": counts.lost[:1]})
    else:
        show(name, counts)
    return 1 if counts.lost else 0


if __name__ == "__main__":
    sys.exit(main())
