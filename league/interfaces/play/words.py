"""What is said about a game, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from league.interfaces.play.session import Move, Opinion, Session
from league.view.words import short

_BOARDS = {True: "column ", False: "cell "}


def made(session: Session, moves: Sequence[Move]) -> list[str]:
    """What the others did in these moves, as far as the person may know it, one sentence each."""
    several = session.spec.seats > 2
    return [
        f"{session.opponent.called}{f' at seat {move.seat}' if several else ''} plays {named(session, move.name)}."
        for move in session.told(moves)
        if move.seat != session.seat
    ]


def told(session: Session, moves: Sequence[Move], note: str = "") -> str:
    """What the others did in these moves, how the game ended or what is waited for, and a note."""
    name = session.opponent.called
    now = ending(session) if session.ending else "Your move." if session.waits else f"{name} is thinking."
    return " ".join([*made(session, moves), now, note]).strip()


def ending(session: Session) -> str:
    """How a game ended, in a sentence."""
    name, points = session.opponent.called, ""
    if not session.spec.deterministic and session.ending != "resigned":
        points = " (" + ", ".join(f"seat {seat} {reward:+g}" for seat, reward in enumerate(session.returns)) + ")"
    match session.ending:
        case "won":
            return f"You win against {name}{points}."
        case "lost":
            return f"You lose against {name}{points}."
        case "resigned":
            return f"You have resigned: {name} wins."
        case "drawn":
            return f"A draw with {name}{points}."
    return "The game broke and has no result."


def thought(session: Session, opinion: Opinion) -> str:
    """What the policy expects for the person."""
    return f"{short(session.opponent.policy)} expects {opinion.value:+z.2f} for you here."


def named(session: Session, move: str) -> str:
    """A move with the word for what it fills, where the game has a board of cells."""
    return f"{_BOARDS[session.cells.columns]}{move}" if session.cells.marks else move
