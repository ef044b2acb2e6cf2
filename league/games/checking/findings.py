"""What a check says, and where in the user's own files it points."""

from __future__ import annotations

import inspect
from typing import Any, Literal, NamedTuple

from league.games.blame import is_own, line, touched

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


def raised_at(error: BaseException) -> str | None:
    """The innermost line of the user's own code that an exception came through, or else of a library's."""
    chain: BaseException | None = error
    found: str | None = None
    while chain is not None:
        frames = [one for one in touched(chain) if not one.filename.startswith("<")]
        own = [one for one in frames if is_own(one.filename)]
        if own:
            return line(own[-1].filename, own[-1].lineno)
        if frames and found is None:
            found = line(frames[-1].filename, frames[-1].lineno)
        if isinstance(chain, SyntaxError) and chain.filename:
            return line(chain.filename, chain.lineno)
        chain = chain.__cause__ or chain.__context__
    return found


def defined_at(owner: Any, name: str) -> str | None:
    """Where the method or attribute `name` of an object or class is defined; where its class is, if nowhere."""
    kind = owner if isinstance(owner, type) else type(getattr(owner, "unwrapped", owner))
    own = [one for one in kind.__mro__ if not _is_library(one)] or [kind]
    for one in own:
        if name in vars(one):
            return _source(vars(one)[name]) or _source(one)
    return _source(own[0])


def _is_library(kind: type[Any]) -> bool:
    try:
        return not is_own(inspect.getfile(kind))
    except (TypeError, OSError):
        return True  # Built in.


def _source(found: Any) -> str | None:
    function = inspect.unwrap(getattr(found, "__func__", getattr(found, "fget", None) or found))
    try:
        return line(inspect.getfile(function), inspect.getsourcelines(function)[1])
    except (TypeError, OSError):
        return None
