"""A distributed self-play league on Ray.

    import league

    with league.open("runs/demo") as demo:
        print(demo.leaderboard())

`import league` and `league.open` need neither torch nor Ray; what plays imports torch when it is asked to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from os import PathLike

    from league.api.opened import OpenLeague

__all__ = ["OpenLeague", "open"]


def open(store: str | PathLike[str], league: str = "league", *, timeout_s: float = 5.0) -> OpenLeague:
    """Open a league that exists, to look at it and to play with its policies; use as a context manager.

    Args:
        store: its folder, or the Redis URL of its server.
        league: its name in that store.
        timeout_s: seconds that a reply of the store may take.

    Raises:
        WrongLeagueError: there is no such league.
        StoreUnreachableError: no server answers.
        StorePermissionError: the server or the folder refuses us.
        StoreSchemaError: the league was written by a newer version of this project.
        DamagedStoreError: its files are not what was written there.
        ConfigError: another version wrote its configuration, and this one refuses it.
        StoreError: the address or the name is malformed, or the embedded server does not start.
    """
    from league.api.opened import OpenLeague

    return OpenLeague.open(store, league, timeout_s=timeout_s)


def __getattr__(name: str) -> Any:
    """`league.OpenLeague`, imported when it is first asked for: this module is imported with every other one."""
    if name == "OpenLeague":
        from league.api.opened import OpenLeague

        return OpenLeague
    raise AttributeError(f"module 'league' has no attribute {name!r}")
