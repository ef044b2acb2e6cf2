"""`league pool export` and `league pool import`: policies on their way from one league to another."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple

import typer

from league.errors import ArchiveError, PolicyError
from league.interfaces.cli.options import LEAGUE, STORE, JsonOption, LeagueOption, StoreOption, open_league

if TYPE_CHECKING:
    from league.games import GameSpec
    from league.ladder.records import Snapshot
    from league.policies.archive import Manifest
    from league.pool.store import Store

IMPORTED: Final = "imported"
"""The prefix of what comes from another league."""

_PREFIX = re.compile(r"[A-Za-z0-9_-]{1,32}")


def export_pool(
    policies: Annotated[
        list[str] | None, typer.Argument(help="Snapshots, `champion`, or the starts of hashes; or --all.")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A .tar, .tar.gz or .zip file; any other name is a new folder.")
    ] = Path("pool.tar.gz"),
    all_: Annotated[bool, typer.Option("--all", help="Everyone who was not pruned.")] = False,
    store: StoreOption = STORE,
    league: LeagueOption = LEAGUE,
    json: JsonOption = False,
) -> None:
    """Write snapshots to an archive that `league pool import` takes into another league."""
    from league.games import bot_names, game_spec
    from league.interfaces.cli.console import facts, print_json, stdout
    from league.interfaces.cli.files import new_folder, replacing
    from league.policies import archive
    from league.view.words import size

    kind = archive.kind_of(output)
    with open_league(store, league) as (opened, config):
        spec = game_spec(config.game)
        manifest = _manifest(opened, spec, _chosen(opened, policies or [], all_, bot_names(spec)))
        digests = dict.fromkeys(snapshot.digest for snapshot in manifest.snapshots)
        with (new_folder if kind == "folder" else replacing)(output) as part:
            archive.write(part, kind, manifest, map(opened.weights, digests))
    names = [snapshot.name for snapshot in manifest.snapshots]
    count = sum({snapshot.digest: snapshot.bytes for snapshot in manifest.snapshots}.values())
    if json:
        print_json({"file": str(output), "game": manifest.game, "policies": names, "bytes": count})
    else:
        shown = {"file": output, "game": manifest.game, "policies": ", ".join(names), "weights": size(count)}
        stdout().print(facts(shown))


def _chosen(store: Store, words: Sequence[str], everyone: bool, bots: Sequence[str]) -> list[Snapshot]:
    """Oldest first, nobody twice."""
    if bool(words) == everyone:
        raise PolicyError("name the policies to export, or give --all")
    pruned = store.pruned()
    if everyone:
        return [snapshot for snapshot in store.snapshots() if snapshot.digest not in pruned]
    named = [store.resolve(word, bots) for word in words]
    for one in named:
        if one.digest is None:
            raise PolicyError(f"{one.name} is a fixed bot: it has no weights to export")
    names = {one.name for one in named}
    return [snapshot for snapshot in store.snapshots() if snapshot.name in names]


def _manifest(store: Store, spec: GameSpec, snapshots: Sequence[Snapshot]) -> Manifest:
    from league.policies.archive import Manifest, check_size

    if not snapshots:
        raise PolicyError(f"league {store.league!r} has no policies to export")
    check_size(snapshots)
    ratings = store.ratings()
    return Manifest(
        league=store.league,
        game=spec.name,
        shape=spec.shape,
        actions=spec.actions,
        seats=spec.seats,
        exported_s=time.time(),
        snapshots=tuple(snapshots),
        ratings={snapshot.name: ratings[snapshot.name] for snapshot in snapshots if snapshot.name in ratings},
    )


class _Step(NamedTuple):
    """What an import does with one policy of the archive."""

    theirs: Snapshot
    ours: Snapshot
    """As it is, or will be, in this league."""
    action: Literal["added", "restored", "present"]

    def to_json(self) -> dict[str, Any]:
        return {
            "policy": self.theirs.name,
            "name": self.ours.name,
            "action": self.action,
            "sha256": self.ours.digest,
            "bytes": self.ours.bytes,
        }


def import_pool(
    path: Annotated[Path, typer.Argument(help="A folder, .tar, .tar.gz or .zip that `league pool export` wrote.")],
    prefix: Annotated[
        str, typer.Option("--as", help="What new policies are called here: PREFIX.NAME.", metavar="PREFIX")
    ] = IMPORTED,
    store: StoreOption = STORE,
    league: LeagueOption = LEAGUE,
    json: JsonOption = False,
) -> None:
    """Take policies of another league into the pool, as opponents: all that the archive holds, or nothing.

    Policies that this league has already are left as they are; weights that were pruned come back under their name.
    """
    from league.games import game_spec
    from league.interfaces.cli import console
    from league.policies import archive
    from league.view.words import size

    if not _PREFIX.fullmatch(prefix):
        raise ArchiveError(f"--as {prefix}: must be 1 to 32 letters, digits, '_' or '-'")
    with open_league(store, league) as (opened, config):
        manifest, weights = archive.read(path, game_spec(config.game))
        steps = _steps(opened, manifest, prefix)
        new = [(step.ours, weights[step.ours.digest]) for step in steps if step.action != "present"]
        if new:
            opened.add_snapshots(new)
            names = ", ".join(snapshot.name for snapshot, _ in new)
            opened.add_event("imported", f"{names}, from league {manifest.league!r}", time.time())
    if json:
        console.print_json([step.to_json() for step in steps])
        return
    made = console.table("policy", "here", "what", "hash", ">size")
    for step in steps:
        row = step.ours
        made.add_row(step.theirs.name, row.name, step.action, row.digest[:12], size(row.bytes))
    console.stdout().print(made)


def _steps(store: Store, manifest: Manifest, prefix: str) -> list[_Step]:
    """Who is new gets a name that no learner of this league ever gives: theirs have no dot.

    Nobody is younger than the import: who looks for games since then must find them, whatever their clock said.
    """
    now_s = time.time()
    pruned, present = store.pruned(), store.snapshots()
    known, names = {s.digest: s for s in reversed(present)}, {s.name for s in present}
    steps = []
    for theirs in manifest.snapshots:
        if theirs.digest in known:
            action: Literal["restored", "present"] = "restored" if theirs.digest in pruned else "present"
            steps.append(_Step(theirs, known[theirs.digest], action))
            pruned.pop(theirs.digest, None)
            continue
        ours = replace(
            theirs,
            name=_prefixed(theirs.name, prefix),
            learner=_prefixed(theirs.learner, prefix),
            created_s=min(theirs.created_s, now_s),
            parent=None,
        )
        if ours.name in names:
            raise ArchiveError(f"{ours.name} exists here with other weights: give another prefix with --as")
        known[ours.digest] = ours
        names.add(ours.name)
        steps.append(_Step(theirs, ours, "added"))
    return steps


def _prefixed(name: str, prefix: str) -> str:
    return name if name.startswith(f"{prefix}.") else f"{prefix}.{name}"
