"""What a check says, and where in the user's own files it points."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from league.foreign import is_own, line

Level = Literal["ok", "note", "fault"]


class Finding(NamedTuple):
    """One thing that was looked at."""

    level: Level
    """`fault`: training will suffer from it; `note`: it can be trained on, and is worth knowing."""
    check: str
    """What was looked at: spaces, mask, rewards, …"""
    text: str
    """What was found, in one line."""
    where: str | None = None
    """`file.py:12`, the line of the user's code that it points to."""

    def to_json(self) -> dict[str, Any]:
        """The finding as plain data for JSON: `level`, `check`, `text` and `where`, null where no line is to blame."""
        return self._asdict()


class FaultError(Exception):
    """A fault that ends what is being played."""

    def __init__(self, check: str, text: str, where: str | None) -> None:
        super().__init__(text)
        self.finding = Finding("fault", check, text, where)


def defined_at(owner: Any, *names: str) -> str | None:
    """Where the first of these methods of an object or class is defined; where its class is, if none of them is.

    A class comes before its base, also where it only has what a method of the base uses: another method, or the book
    of rules that the base goes by.
    """
    kind = owner if isinstance(owner, type) else type(getattr(owner, "unwrapped", owner))
    own = [one for one in kind.__mro__ if not _is_library(one)] or [kind]
    used = _used(kind, names)
    for one in own:
        found = next((name for name in names if name in vars(one)), None)
        instead = [word for word in vars(one) if word in used and not word.startswith("__")]
        if found is not None or instead:
            name = found or (instead[0] if len(instead) == 1 else None)
            return (name and _line_in(one, name)) or _source(one)
    return _source(own[0])


def _used(kind: type[Any], names: Iterable[str]) -> set[str]:
    """Names that methods of a class use, and those that its methods among them use in turn."""
    found, asked = set[str](), list(names)
    while asked:
        code = getattr(inspect.getattr_static(kind, asked.pop(), None), "__code__", None)
        new = set(code.co_names if code is not None else ()) - found
        found |= new
        asked += new
    return found


def _line_in(kind: type[Any], name: str) -> str | None:
    """Of a method or an attribute in the text of its class; None where it is not written there."""
    try:
        lines, first = inspect.getsourcelines(kind)
        body = ast.parse(textwrap.dedent("".join(lines))).body[0]
    except (TypeError, OSError, SyntaxError):
        return None
    for statement in getattr(body, "body", ()):
        targets = getattr(statement, "targets", [getattr(statement, "target", statement)])
        if any(name in (getattr(one, "name", None), getattr(one, "id", None)) for one in targets):
            return line(inspect.getfile(kind), first + statement.lineno - 1)
    return None


def _is_library(kind: type[Any]) -> bool:
    try:
        return not is_own(inspect.getfile(kind))
    except (TypeError, OSError):
        return True  # Built in.


def _source(kind: type[Any]) -> str | None:
    try:
        return line(inspect.getfile(kind), inspect.getsourcelines(kind)[1])
    except (TypeError, OSError):
        return None
