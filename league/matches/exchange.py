"""Policies on their way from one league to another: what an export takes along, what an import does with each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from league.errors import ArchiveError, PolicyError
from league.games import GameSpec, bot_names
from league.ladder.records import Snapshot
from league.policies.archive import Manifest, check_size
from league.pool.store import Store


class Step(NamedTuple):
    """What an import does with one policy of the archive."""

    theirs: Snapshot
    ours: Snapshot
    """As it is, or will be, in this league."""
    action: Literal["added", "restored", "present"]
    """`restored`: its weights had been pruned here; `present`: nothing is done."""

    def to_json(self) -> dict[str, Any]:
        """Plain data: its name there and here, the action, the hash and the bytes of its weights."""
        return {
            "policy": self.ours.name,
            "their_name": self.theirs.name,
            "action": self.action,
            "sha256": self.ours.digest,
            "bytes": self.ours.bytes,
        }


def manifest(store: Store, spec: GameSpec, words: Sequence[str], *, everyone: bool) -> Manifest:
    """What an archive of some policies of the league says of itself, with their ratings; oldest first, nobody twice.

    Args:
        store: the league.
        spec: of its game.
        words: names, `champion`, or the starts of hashes.
        everyone: instead of `words`, all who were not pruned.

    Raises:
        PolicyError: neither or both of `words` and `everyone` are given, a word names nobody, somebody pruned or a bot,
            there are no policies, or they are too large for an archive.
    """
    if bool(words) == everyone:
        raise PolicyError("name the policies to export, or give --all")
    if everyone:
        chosen = store.present()
    else:
        named = [store.resolve(word, bot_names(spec, word)) for word in words]
        for one in named:
            one.require_digest()
        names = {one.name for one in named}
        chosen = [snapshot for snapshot in store.snapshots() if snapshot.name in names]
    if not chosen:
        raise PolicyError(f"league {store.league!r} has no policies to export")
    check_size(chosen)
    return Manifest.of(store.league, spec, chosen, store.ratings())


def take_in(store: Store, archived: Manifest, weights: Mapping[str, bytes], prefix: str) -> list[Step]:
    """Add the policies of an archive to a league, all or none, and note it as an event; what was done with each.

    Args:
        store: the league.
        archived: what the archive says of itself.
        weights: of each policy, by hash.
        prefix: new policies are called `PREFIX.NAME` here.

    Raises:
        ArchiveError: a name is taken here by other weights.
    """
    steps = _steps(store, archived, prefix)
    new = [(step.ours, weights[step.ours.digest]) for step in steps if step.action != "present"]
    if new:
        store.add_snapshots(new)
        names = ", ".join(snapshot.name for snapshot, _ in new)
        store.add_event("imported", f"{names}, from league {archived.league!r}", store.now_s())
    return steps


def _steps(store: Store, archived: Manifest, prefix: str) -> list[Step]:
    """Who is new gets a name that no learner of this league ever gives: theirs have no dot.

    Nobody is younger than the import: who looks for games since then must find them, whatever their clock said.
    """
    now_s = store.now_s()
    pruned, present = store.pruned(), store.snapshots()
    known, names = {s.digest: s for s in reversed(present)}, {s.name for s in present}
    steps = []
    for theirs in archived.snapshots:
        if theirs.digest in known:
            action: Literal["restored", "present"] = "restored" if theirs.digest in pruned else "present"
            steps.append(Step(theirs, known[theirs.digest], action))
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
        steps.append(Step(theirs, ours, "added"))
    return steps


def _prefixed(name: str, prefix: str) -> str:
    return name if name.startswith(f"{prefix}.") else f"{prefix}.{name}"
