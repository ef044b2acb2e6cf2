"""Names of any kind in Markdown, HTML and file names: policies may be called almost anything."""

from __future__ import annotations

import html
import re
from typing import Any

from league.view import words


def one_line(value: Any) -> str:
    """Its text without what a terminal or a line could stumble over, cut to a length that can be read."""
    text = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in str(value))
    return text if len(text) <= 2 * words.NAME else f"{text[: 2 * words.NAME]}…"


def short(name: str) -> str:
    """A name as it is shown to people."""
    return words.short(one_line(name))


def in_html(name: str) -> str:
    """A name as text of HTML."""
    return html.escape(short(name))


def in_markdown(name: str) -> str:
    """A name as text of Markdown, also in the cell of a table: as code, or with all escaped that means anything."""
    if re.fullmatch(r"[A-Za-z0-9_.+-]{1,80}", name):
        return f"`{name}`"
    return re.sub(r"[^\w ]", lambda found: f"&#{ord(found[0])};", short(name))


def as_file(name: str) -> str:
    """A name as part of the name of a file."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip(".-")[: words.NAME] or "policy"
