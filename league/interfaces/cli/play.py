"""`league play`: a person against a policy, in the terminal or, with `--web`, in a browser."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from league.errors import LeagueError, MissingExtraError
from league.interfaces.cli import options
from league.interfaces.cli.starting import loading
from league.view.words import counted

if TYPE_CHECKING:
    from rich.console import Console

    from league.interfaces.play.host import Host, Wish
    from league.interfaces.play.session import Move, Session

HINTED_MOVES = 3
WISHES = {"hint": ("hint", "h"), "undo": ("undo", "u"), "resign": ("resign",), "quit": ("quit", "q")}
"""What may be typed in place of a move; a word that is the name of an action is the action."""


class _LeftError(Exception):
    """The person has left the table."""


def play(
    policy: Annotated[str, typer.Argument(help="A snapshot, a bot, or the start of a hash.")] = "champion",
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    seat: Annotated[str, typer.Option(help="Your seat: 0 moves first; or `random`.")] = "random",
    temperature: Annotated[
        float | None,
        options.number(
            least=0, most=5, help="0: always its best move; 1: each as often as it thinks it good; up to 5."
        ),
    ] = None,
    search: options.SearchOption = None,
    name: Annotated[str, typer.Option(help="Yours: your games are recorded, and you have an Elo among people.")] = "",
    seed: options.SeedOption = None,
    hints: Annotated[bool, typer.Option("--hints", help="Show what the policy thinks of each position.")] = False,
    web: Annotated[bool, typer.Option("--web", help="Play in a browser.")] = False,
    host: Annotated[
        str, typer.Option(help="With --web: where to listen; beyond this machine anyone may play.")
    ] = "127.0.0.1",
    port: options.PortOption = 7860,
) -> None:
    """Play against a policy, which holds all the other seats.

    Moves are numbers or names, such as e2e4; `hint`, `undo`, `resign` and `quit` are words, too.
    """
    _check(name)
    with loading():
        from league.interfaces.play.host import Host, Wish

    wish = Wish(policy=policy, seat=seat, temperature=temperature, search=search)
    if web:
        _serve(store, league, wish, name=name, seed=seed, host=host, port=port)
        return
    from league.interfaces.cli.console import stdout

    playing = Host(store, league)
    try:
        _games(playing, wish, name, options.drawn(seed), hints, stdout())
    finally:
        playing.close()


def _check(name: str) -> None:
    from league.ladder.people import name_fault

    fault = name_fault(name) if name else None
    if fault is not None:
        raise LeagueError(f"--name: {fault}")


def _serve(store: str, league: str, wish: Wish, *, name: str, seed: int | None, host: str, port: int) -> None:
    if find_spec("gradio") is None:
        raise MissingExtraError("gradio", "play")
    from league.interfaces.play.host import Host
    from league.interfaces.play.page import Page
    from league.interfaces.play.server import Server
    from league.listening import listen, origin
    from league.signals import interrupts

    playing = Host(store, league)
    try:
        playing.begin(wish, options.drawn(seed))  # What cannot be played is said here, not on the page.
        listening = listen(host, port)
        server = Server(Page(playing, wish, name, seed), host=host)
        print(f"{origin(host, listening.getsockname()[1])}/", flush=True)
        with interrupts(patient=True):  # Uvicorn ends in order and then raises the signal once more.
            server.run(sockets=[listening])
    finally:
        playing.close()


def _games(playing: Host, wish: Wish, name: str, seed: int, hints: bool, output: Console) -> None:
    """One game after the other, until the person leaves; where the seat is random they take turns."""
    seat = wish.seat
    while True:
        session = playing.begin(wish._replace(seat=seat), seed)
        mine, seats = session.seat, session.spec.seats
        output.print(f"you have seat {mine} of {seats} against {session.opponent.called}; seed {seed}", markup=False)
        if hints and session.opponent.adviser is None:
            output.print(f"{session.opponent.policy} is a fixed bot and has no opinion of positions", markup=False)
        try:
            _play(session, hints, output)
            _keep(playing, session, name, output)
            _rematch(output)
        except _LeftError:
            output.print("you left" + ("" if session.ending else "; the game has no result"))
            return
        seed += 1
        seat = str((mine + 1) % seats) if wish.seat == "random" else wish.seat


def _play(session: Session, hints: bool, output: Console) -> None:
    """Play to the end; raises `_LeftError`."""
    from league.interfaces.play.words import ending, made

    news: list[Move] = list(session.moves)
    while session.ending is None:
        for line in made(session, news):
            output.print(line, markup=False)
        news = _person(session, hints, output)
    for line in made(session, session.moves if not session.spec.deterministic else news):
        output.print(line, markup=False)
    if session.cells.marks or session.spec.deterministic:  # Elsewhere a game that is over shows nobody's cards.
        _show(session)
    output.print(ending(session), markup=False)


def _person(session: Session, hints: bool, output: Console) -> list[Move]:
    """Ask until the person has moved or resigned; the others' moves since. Raises `_LeftError`."""
    from league.errors import MoveError

    _show(session)
    if hints and session.opponent.adviser is not None:
        _think(session, output)
    while True:
        known = {name.lower() for name in session.names.values()}
        free = {wish: [word for word in words if word not in known] for wish, words in WISHES.items()}
        wishes = {wish: words for wish, words in free.items() if words}
        offered = ", ".join(words[0] for words in wishes.values())
        word = _ask(f"your move ({session.choices}; a move, or: {offered}): ", output)
        try:
            match next((wish for wish, words in wishes.items() if word.lower() in words), None):
                case "hint":
                    _think(session, output)
                case "undo":
                    session.undo()
                    session.reply()
                    _show(session)
                case "resign":
                    session.resign()
                    return []
                case "quit":
                    _leave(output)
                case None:
                    session.play(session.read(word))
                    return session.reply()
        except LeagueError as error:
            if not isinstance(error, MoveError) and session.opponent.adviser is not None:
                raise
            output.print(str(error), markup=False)


def _ask(prompt: str, output: Console) -> str:
    """A word of the person; raises `_LeftError` where the input ends."""
    typed = sys.stdin.isatty()  # Elsewhere nobody sees what is given, nor the end of its line.
    output.print(prompt if typed else prompt.rstrip(), end="" if typed else "\n", markup=False)
    line = sys.stdin.readline()
    if not line:
        _leave(output)
    return line.strip()


def _leave(output: Console) -> NoReturn:
    output.print()
    raise _LeftError


def _show(session: Session) -> None:
    from league.interfaces.cli.board import drawn
    from league.interfaces.cli.console import print_parts

    print_parts(["", drawn(session), ""])


def _think(session: Session, output: Console) -> None:
    from league.interfaces.play.words import thought

    opinion, names = session.opinion(), session.names
    best = sorted(names, key=lambda action: -opinion.shares[action])[:HINTED_MOVES]
    moves = ", ".join(f"{names[action]} ({100 * opinion.shares[action]:.0f}%)" for action in best)
    output.print(f"{thought(session, opinion)} It would play {moves}.", markup=False)


def _keep(playing: Host, session: Session, name: str, output: Console) -> None:
    """Record the game under the person's name; one that cannot be is said, and the game was played all the same."""
    try:
        note = playing.keep(session, name)
        row = next((row for row in playing.people() if row.person == name), None) if name else None
    except LeagueError as error:
        output.print(f"the game is not recorded: {error}", markup=False)
        return
    if note:
        output.print(note, markup=False)
    if row is not None:
        output.print(f"{name}: {row.elo:+z.0f} Elo ± {row.interval:.0f}, {counted(row.games, 'game')}", markup=False)


def _rematch(output: Console) -> None:
    """Ask for another game; raises `_LeftError`."""
    while True:
        word = _ask("rematch? (y; q leaves): ", output)
        if word.lower() in ("y", "yes", "rematch", ""):
            return
        if word.lower() in ("n", "no", "q", "quit"):
            _leave(output)
        output.print(f"{word[:40]!r}: y plays again, q leaves", markup=False)
