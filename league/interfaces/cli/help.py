"""What `--help` prints: text that flows into any terminal, and lines without blanks at their ends elsewhere."""

from __future__ import annotations

import inspect
import io
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

from typer.core import TyperCommand, TyperGroup


def flowing(docstring: str | None) -> str:
    """The paragraphs of a docstring without the ends of their lines, which Typer would keep on any terminal."""
    return "\n\n".join(" ".join(part.split()) for part in inspect.cleandoc(docstring or "").split("\n\n"))


def _printed(format_help: Callable[[], None]) -> None:
    """What is printed, in a pipe or a file without the blanks that fill its lines up."""
    if sys.stdout.isatty():
        format_help()
        return
    with redirect_stdout(io.StringIO()) as written:
        format_help()
    print("\n".join(line.rstrip() for line in written.getvalue().rstrip("\n").split("\n")))


class HelpfulCommand(TyperCommand):
    """A command whose help can be piped."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help of the command."""
        _printed(lambda: super(HelpfulCommand, self).format_help(ctx, formatter))


class HelpfulGroup(TyperGroup):
    """A group of commands whose help can be piped."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help of the group."""
        _printed(lambda: super(HelpfulGroup, self).format_help(ctx, formatter))
