"""`league pool export` and `league pool import`: policies on their way from one league to another."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from league.errors import ArchiveError
from league.interfaces.cli import options
from league.interfaces.cli.console import Column, Columns, facts, show, show_page
from league.interfaces.cli.files import replacing
from league.view.words import size

if TYPE_CHECKING:
    from league.matches.exchange import Step

IMPORTED: Final = "imported"
"""The prefix of what comes from another league."""

STEPS: Final[Columns[Step]] = (
    Column("policy", lambda step: step.theirs.name),
    Column("here", lambda step: step.ours.name),
    Column("what", lambda step: step.action),
    Column("hash", lambda step: step.ours.digest[:12]),
    Column(">size", lambda step: size(step.ours.bytes)),
)

_PREFIX = re.compile(r"[A-Za-z0-9_-]{1,32}")


def export_pool(
    policies: Annotated[
        list[str] | None, typer.Argument(help="Snapshots, `champion`, or the starts of hashes; or --all.")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A .tar, .tar.gz or .zip file; any other name is a new folder.")
    ] = Path("pool.tar.gz"),
    all_: Annotated[bool, typer.Option("--all", help="Everyone who was not pruned.")] = False,
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    json: options.JsonOption = False,
) -> None:
    """Write snapshots to an archive that `league pool import` takes into another league."""
    from league.games import game_spec
    from league.matches import exchange
    from league.policies import archive

    kind = archive.kind_of(output)
    with options.open_league(store, league) as (opened, config):
        manifest = exchange.manifest(opened, game_spec(config.game), policies or [], everyone=all_)
        sizes = {snapshot.digest: snapshot.bytes for snapshot in manifest.snapshots}
        with replacing(output, folder=kind == "folder") as part:
            archive.write(part, kind, manifest, map(opened.weights, sizes))
    names, count = [snapshot.name for snapshot in manifest.snapshots], sum(sizes.values())
    page = facts({"file": output, "game": manifest.game, "policies": ", ".join(names), "weights": size(count)})
    found = {"file": str(output), "game": manifest.game, "policies": names, "bytes": count}
    show_page([page], lambda: found, json=json)


def import_pool(
    path: Annotated[Path, typer.Argument(help="A folder, .tar, .tar.gz or .zip that `league pool export` wrote.")],
    prefix: Annotated[
        str, typer.Option("--as", help="What new policies are called here: PREFIX.NAME.", metavar="PREFIX")
    ] = IMPORTED,
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    json: options.JsonOption = False,
) -> None:
    """Take policies of another league into the pool, as opponents: all that the archive holds, or nothing.

    Policies that this league has already are left as they are; weights that were pruned come back under their name.
    """
    from league.games import game_spec
    from league.matches import exchange
    from league.policies import archive

    if not _PREFIX.fullmatch(prefix):
        raise ArchiveError(f"--as {prefix}: must be 1 to 32 letters, digits, '_' or '-'")
    with options.open_league(store, league) as (opened, config):
        steps = exchange.take_in(opened, *archive.read(path, game_spec(config.game)), prefix)
    show(steps, STEPS, json=json)
