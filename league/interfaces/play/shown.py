"""A game as the page shows it: plain data for `table.js`. Names are text there, never markup."""

from __future__ import annotations

import html
from base64 import b64encode
from io import BytesIO
from typing import Any

from league.interfaces.board import describe
from league.interfaces.play.session import Opinion, Session
from league.interfaces.play.words import thought
from league.ladder.people import PersonRow
from league.view.words import uncoloured

MARKS = {"X", "O"}


def shown(
    session: Session,
    status: str,
    *,
    opinion: Opinion | None = None,
    hint: int | None = None,
    standing: str = "",
) -> dict[str, Any]:
    """What the page shows of a game.

    Args:
        session: as it is now.
        status: one or two sentences: what has happened, and what is waited for.
        opinion: what the policy thinks of the person's position, if that is wanted.
        hint: an action to point at.
        standing: how strong the opponent is, in a few words; empty where nobody knows.
    """
    board = describe(session.spec)
    legal, names = session.legal, session.names
    shares = None if opinion is None else opinion.shares
    position = None
    if board is not None:
        position = {
            "marks": [[mark if mark in MARKS else "" for mark in row] for row in session.cells.marks],
            "legal": [action in legal for action in range(session.spec.actions)],
            "mover": session.seat,
            "last": session.last,
            "line": sorted(session.cells.line),
            "ready": session.waits,
            "shares": shares,
            "hint": hint,
        }
    choices = [] if board else [_choice(action, name, shares) for action, name in names.items()]
    return {
        "game_id": session.game_id,
        "board": board,
        "position": position,
        "text": None if board else uncoloured(session.text),
        "picture": None if board else _picture(session),
        "choices": choices,
        "hint": hint,
        "ready": session.waits,
        "over": session.ending is not None,
        "ending": session.ending,
        "ply": len(session.moves),
        "status": status,
        "thought": "" if opinion is None else thought(session, opinion),
        "players": _players(session, board, standing),
    }


def people_table(rows: list[PersonRow]) -> str:
    """The list of people as HTML."""
    if not rows:
        return "<p>Nobody has finished a game under a name yet.</p>"
    body = "".join(
        f"<tr><td class='number'>{row.rank}</td><th scope='row'>{html.escape(row.person)}</th>"
        f"<td class='number'>{_elo(row)}</td><td class='number'>{row.games}</td>"
        f"<td class='number'>{row.score.wins} / {row.score.draws} / {row.score.losses}</td></tr>"
        for row in rows
    )
    heads = "".join(
        f"<th scope='col'{' class=number' if number else ''}>{head}</th>"
        for head, number in (("#", 1), ("Person", 0), ("Elo", 1), ("Games", 1), ("Won / drawn / lost", 1))
    )
    caption = "<caption>Their Elo is on the scale of the policies.</caption>"
    return f"<table>{caption}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _elo(row: PersonRow) -> str:
    return f"{row.elo:+z.0f} ± {row.interval:.0f}" if row.games else "not yet"


def _picture(session: Session) -> str | None:
    """The position as the game draws it, as an address that holds a PNG."""
    drawn = session.picture()
    if drawn is None:
        return None
    from PIL import Image  # Comes with Gradio.

    file = BytesIO()
    Image.fromarray(drawn).save(file, "PNG")
    return f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"


def _choice(action: int, name: str, shares: list[float] | None) -> dict[str, Any]:
    return {"action": action, "name": name, "share": None if shares is None else shares[action]}


def _players(session: Session, board: dict[str, Any] | None, standing: str) -> list[dict[str, str]]:
    """By seat: who sits there, and as what."""
    said = []
    for seat in range(session.spec.seats):
        place = f"seat {seat}" if board is None else board["seats"][seat]
        if seat == session.seat:
            said.append({"name": "You", "note": place})
        else:
            said.append({"name": session.opponent.called, "note": f"{place} · {standing}" if standing else place})
    return said
