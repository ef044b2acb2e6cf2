"""What other packages bring: games, bots and networks, found by their entry points or by dotted names.

A package declares them in its `pyproject.toml`, under the name by which they are asked for:

    [project.entry-points."league.games"]
    pile = "my_package.pile:Pile"

Without a package the dotted name itself, `my_module:MyBot`, does the same.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Literal

from league.errors import LeagueError

Group = Literal["league.games", "league.bots", "league.networks"]
_KIND: Final = {"league.games": "game", "league.bots": "bot", "league.networks": "network"}
LONGEST_TEXT: Final = 300
"""Characters of an exception's own words that are shown."""


@lru_cache
def declared(group: Group) -> tuple[EntryPoint, ...]:
    """Every entry point of a group, by name; nothing is imported."""
    return tuple(sorted(entry_points(group=group), key=lambda one: (one.name, one.value)))


def names(group: Group) -> list[str]:
    """The names that packages declare, each once."""
    return list(dict.fromkeys(one.name for one in declared(group)))


def package(one: EntryPoint) -> str:
    """Name of the package that declares it."""
    return one.dist.name if one.dist is not None else one.module


def find(group: Group, name: str, taken: Collection[str], refuse: Callable[[str], LeagueError]) -> EntryPoint | None:
    """The one entry point of that name; None where nobody declares it.

    Raises what `refuse` makes of a line where the name is one of `taken`, our own, or two packages declare it.
    """
    found = [one for one in declared(group) if one.name == name]
    if not found:
        return None
    packages = sorted({package(one) for one in found})
    if name in taken:
        raise refuse(
            f"{_KIND[group]} {name!r}: package {packages[0]} declares a name that this project has itself: "
            "rename its entry point, or uninstall the package"
        )
    if len({one.value for one in found}) > 1:
        raise refuse(f"{_KIND[group]} {name!r}: declared by {' and by '.join(packages)}: uninstall one of them")
    return found[0]


def is_dotted(name: str) -> bool:
    """Whether a name is written `module:attribute`."""
    module, colon, attribute = name.partition(":")
    return bool(colon) and all(part.isidentifier() for part in [*module.split("."), *attribute.split(".")])


def load(name: str, value: str, refuse: Callable[[str], LeagueError]) -> Any:
    """What stands at `value`, written `module` or `module:attribute`; `name` is what a person asked for.

    Raises what `refuse` makes of a line where it is not there, or whatever is raised at its import.
    """
    asked = name if name == value else f"{name} ({value})"
    module, _, attribute = value.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in filter(None, attribute.split(".")):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:  # Somebody else's code may raise anything.
        raise refuse(f"{asked} cannot be imported: {described(error)}") from error
    return found


def described(error: BaseException) -> str:
    """An exception of somebody else's code in one line that can be shown anywhere: `KeyError: 'eyes'`."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # Somebody else's code may raise anything, here too.
        text = "it cannot be put into words"
    text = "".join(letter if letter.isprintable() else "\ufffd" for letter in text[: LONGEST_TEXT + 1])
    text = f"{text[:LONGEST_TEXT]}…" if len(text) > LONGEST_TEXT else text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
