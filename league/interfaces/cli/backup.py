"""`league backup` and `league restore`: everything of a league in one file, and back."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from league.errors import BackupError
from league.interfaces.cli import console, options
from league.interfaces.cli.files import replacing
from league.view.words import duration, moment, size

if TYPE_CHECKING:
    from league.pool.backup import Backup

LEFT_S = 86_400.0
"""Age in seconds from which on half a backup is one that was killed."""

TIMEOUT_S = 60.0
"""For a server to take one part, which may have hundreds of megabytes, to its disk."""

DAMAGED = 1
"""Exit code of a backup that lacks what could not be read in the store."""


def backup(
    destination: Annotated[
        str, typer.Argument(help="A file; or a folder, which gets a file named after the league and the time.")
    ],
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    keep: Annotated[
        int | None, options.number(least=1, help="In a folder: of this league's backups remove all but the newest N.")
    ] = None,
    json: options.JsonOption = False,
) -> None:
    """Write everything of a league to one file, also while it trains: pool, matches, history, checkpoints, settings.

    The file appears once it is whole. What cannot be read in the store is named and left out, with exit code 1.
    """
    folder = destination.endswith("/") or Path(destination).is_dir()
    if keep is not None and not folder:
        raise BackupError(f"--keep {keep}: {destination} is a file; give a folder, with / at its end if it is new")
    started = time.monotonic()
    with options.open_league(store, league) as (opened, _), console.watching() as watch:
        path = Path(destination, f"{league}-{time.strftime(_DATE, time.gmtime())}.tar" if folder else "")
        with replacing(path) as part, part.open("wb") as file:
            made = opened.back_up(file, watch)
            file.flush()
            os.fsync(file.fileno())
    removed = _remove_oldest(path.parent, league, keep) if keep is not None else []
    found = {"file": str(path), "seconds": time.monotonic() - started, "removed": removed, **made.to_json()}
    rows = {**_rows(path, made), "took": duration(found["seconds"]), "removed": ", ".join(removed) or None}
    console.show_page([console.facts(rows), *_lacks(made)], lambda: found, json=json)
    if made.damaged:
        raise typer.Exit(DAMAGED)


def restore(
    file: Annotated[Path, typer.Argument(help="What `league backup` wrote.")],
    store: options.StoreOption = options.STORE,
    league: Annotated[
        str | None,
        typer.Option("--league", envvar="LEAGUE_NAME", help="Its name from now on; default: as in the backup."),
    ] = None,
    json: options.JsonOption = False,
) -> None:
    """Bring a league back from a backup, whole or not at all, into a store that has none of that name.

    Then `league status --verify` checks it, and `league train` goes on from its last checkpoints.
    """
    from league.pool.backup_file import check_backup
    from league.pool.store import Store

    started = time.monotonic()
    with console.watching() as watch:
        made = check_backup(file, watch)  # Before a folder is made for it.
        name = league or made.league
        # Whether it answers is known in seconds, without the patience that what follows needs.
        with Store.open(store, name), Store.open(store, name, timeout_s=TIMEOUT_S) as opened:
            opened.refuse_eviction()
            opened.restore(file, made, watch)
            address = opened.address
    found = {"file": str(file), "seconds": time.monotonic() - started, "store": address, **made.to_json()}
    rows = {**_rows(file, made), "league": f"{name} at {address}", "took": duration(found["seconds"])}
    console.show_page([console.facts(rows), *_lacks(made)], lambda: found | {"league": name}, json=json)


_DATE = "%Y-%m-%dT%H-%M-%SZ"


def _remove_oldest(folder: Path, league: str, keep: int) -> list[str]:
    """Remove this league's backups but for the newest `keep`, and what killed ones left; the names of the former."""
    dated = re.compile(rf"{re.escape(league)}-\d{{4}}-\d\d-\d\dT\d\d-\d\d-\d\dZ\.tar")
    names = sorted(path.name for path in folder.iterdir() if dated.fullmatch(path.name))
    gone = names[:-keep]
    try:
        for part in folder.glob(f".{league}-*.tar.*.part"):
            if time.time() - part.stat().st_mtime > LEFT_S:
                part.unlink(missing_ok=True)
        for name in gone:
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise BackupError(f"cannot remove old backups in {folder}: {error.strerror or error}") from error
    return gone


def _rows(path: Path, made: Backup) -> dict[str, object]:
    return {
        "file": path,
        "size": size(made.bytes),
        "league": made.league,
        "game": made.game,
        "made": moment(made.made_s),
        "matches": f"{made.matches:,}",
        "snapshots": f"{made.snapshots:,}",
        "promotions": f"{made.promotions:,}",
        "checkpoints": made.checkpoints,
    }


def _lacks(made: Backup) -> list[Any]:
    from rich.styled import Styled

    return [Styled(f"damaged  {line}: it is not in the backup", "red") for line in made.damaged]
