"""What other packages bring: games, bots and networks, found by their entry points or by dotted names.

A package declares them in its `pyproject.toml`, under the name by which they are asked for:

    [project.entry-points."league.games"]
    pile = "my_package.pile:Pile"

Without a package the dotted name itself, `my_module:MyBot`, does the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Final, Literal

from league.errors import LeagueError

Group = Literal["league.games", "league.bots", "league.networks"]
_KIND: Final[dict[Group, str]] = {"league.games": "game", "league.bots": "bot", "league.networks": "network"}


@lru_cache
def declared(group: Group) -> tuple[EntryPoint, ...]:
    """Every entry point of a group, by name; nothing is imported."""
    return tuple(sorted(entry_points(group=group), key=lambda one: (one.name, one.value)))


def names(group: Group) -> list[str]:
    """The names that packages declare, each once."""
    return list(dict.fromkeys(one.name for one in declared(group)))


def modules() -> set[str]:
    """The top-level modules in which what packages declare stands."""
    return {one.module.partition(".")[0] for group in _KIND for one in declared(group)}


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
