"""Policies as files that another league can take in: a folder, a `.tar`, a `.tar.gz` or a `.zip`.

At its top lie `pool.json`, which says what there is, and one `SHA256.safetensors` per policy. An archive comes from
anywhere: `league.policies.members` reads only these names, and nothing in it is believed before it was checked.
"""

from __future__ import annotations

import io
import json
import math
import re
import tarfile
import time
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import torch

from league.errors import ArchiveError, PolicyError
from league.games.base import GameSpec
from league.ladder.ratings import Rating
from league.ladder.records import Snapshot
from league.policies.members import opened
from league.policies.weights import digest, unpack

FORMAT: Final = 1
"""Version of `pool.json`."""
MANIFEST: Final = "pool.json"

LARGEST: Final = 512 * 2**20
"""Bytes of one policy: the largest value of Redis."""
LARGEST_TOTAL: Final = 2 * 2**30
"""Bytes of all policies together: they are added to a league in one transaction."""
LARGEST_MANIFEST: Final = 64 * 2**20
LATEST_S: Final = 86_400.0
"""How far ahead of ours the clock may be that dated a policy."""
LONGEST_GAME: Final = 200
"""Characters of a game's name."""

Kind = Literal["folder", "tar", "tar.gz", "zip"]

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BROKEN: Final = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError)
"""What damaged files raise; a `RuntimeError` is zipfile's for a password."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What `pool.json` says."""

    league: str
    """Where the policies come from."""
    game: str
    shape: tuple[int, ...]
    """Of one observation."""
    actions: int
    seats: int
    exported_s: float
    """When, in seconds of Unix time."""
    snapshots: tuple[Snapshot, ...]
    """Oldest first."""
    ratings: Mapping[str, Rating]
    """In the league that they come from, by name: for information."""

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        rows = []
        for snapshot in self.snapshots:
            row, rating = snapshot.to_json(), self.ratings.get(snapshot.name)
            sha256 = row.pop("digest")
            numbers = None if rating is None else dict(zip(("mu", "sigma", "games"), rating.to_json(), strict=True))
            rows.append({"name": row.pop("name"), "sha256": sha256, **row, "rating": numbers})
        return {
            "format": FORMAT,
            "league": self.league,
            "game": self.game,
            "shape": list(self.shape),
            "actions": self.actions,
            "seats": self.seats,
            "exported_s": self.exported_s,
            "snapshots": rows,
        }

    @classmethod
    def from_json(cls, data: Any) -> Manifest:
        """The inverse of `to_json`; raises `ArchiveError` at anything that is not as it should be."""
        try:
            if data["format"] != FORMAT:
                raise ArchiveError(f"{MANIFEST} has format {data['format']!r}; this version reads format {FORMAT}")
            rows = [(_snapshot(row), row.get("rating")) for row in data["snapshots"]]
            made = cls(
                league=_text(data["league"]),
                game=_game_name(data["game"]),
                shape=tuple(map(_whole, data["shape"])),
                actions=_whole(data["actions"]),
                seats=_whole(data["seats"]),
                exported_s=_number(data["exported_s"]),
                snapshots=tuple(snapshot for snapshot, _ in rows),
                ratings={snapshot.name: _rating(data) for snapshot, data in rows if data is not None},
            )
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise ArchiveError(f"{MANIFEST} is not one of this project: {error!r}") from error
        names = [snapshot.name for snapshot in made.snapshots]
        if not names:
            raise ArchiveError(f"{MANIFEST} lists no policies")
        if len(set(names)) < len(names):
            raise ArchiveError(f"{MANIFEST} names a policy twice")
        check_size(made.snapshots)
        return made


def _snapshot(row: Any) -> Snapshot:
    sha256, parent = row["sha256"], row.get("parent")
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise ArchiveError(f"{MANIFEST} names {sha256!r}, which is no sha256 in hexadecimal")
    return Snapshot(
        name=_text(row["name"]),
        digest=sha256,
        learner=_text(row["learner"]),
        steps=_whole(row["steps"]),
        created_s=_moment(row["created_s"]),
        bytes=_whole(row["bytes"]),
        parent=None if parent is None else _text(parent),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ArchiveError(f"{MANIFEST} holds the name {value!r}: must be 1 to 100 letters, digits, '_', '.' or '-'")
    return value


def _rating(data: Any) -> Rating:
    return Rating(mu=_number(data["mu"]), sigma=_number(data["sigma"]), games=_whole(data["games"]))


def _game_name(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable() or len(value) > LONGEST_GAME:
        raise ArchiveError(f"{MANIFEST} does not name its game")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ArchiveError(f"{MANIFEST} holds {value!r} where a number belongs")
    return float(value)


def _moment(value: Any) -> float:
    at_s = _number(value)
    if not 0 <= at_s <= time.time() + LATEST_S:
        raise ArchiveError(f"{MANIFEST} holds created_s = {at_s:g}: must be a time in seconds from 1970 until now")
    return at_s


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise ArchiveError(f"{MANIFEST} holds {value!r} where a whole number belongs")
    return value


def check_size(snapshots: Iterable[Snapshot]) -> None:
    """Raise `ArchiveError` for more than an archive may hold."""
    sizes = {snapshot.digest: snapshot.bytes for snapshot in snapshots}
    if any(size > LARGEST for size in sizes.values()) or sum(sizes.values()) > LARGEST_TOTAL:
        raise ArchiveError(
            f"{sum(sizes.values())} bytes of weights: an archive holds at most {LARGEST_TOTAL}, and {LARGEST} per "
            "policy; name fewer policies"
        )


def kind_of(path: Path) -> Kind:
    """What to write there: by the end of its name, a folder where that says nothing."""
    name = path.name.lower()
    if name.endswith((".tar.gz", ".tgz")):
        return "tar.gz"
    return "tar" if name.endswith(".tar") else "zip" if name.endswith(".zip") else "folder"


def write(path: Path, kind: Kind, manifest: Manifest, weights: Iterable[bytes]) -> None:
    """Write an archive to a path where nothing is yet; the weights in any order. May raise `OSError`."""
    members = _members(manifest, weights)
    if kind == "folder":
        path.mkdir(parents=True)
        for name, data in members:
            (path / name).write_bytes(data)
    elif kind == "zip":
        with zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED) as packed:
            for name, data in members:
                packed.writestr(name, data)
    else:
        with tarfile.open(path, "x:") if kind == "tar" else tarfile.open(path, "x:gz") as tar:
            for name, data in members:
                member = tarfile.TarInfo(name)
                member.size, member.mtime = len(data), int(manifest.exported_s)
                tar.addfile(member, io.BytesIO(data))


def _members(manifest: Manifest, weights: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    yield MANIFEST, json.dumps(manifest.to_json(), indent=2, allow_nan=False).encode()
    for data in weights:
        yield _file(digest(data)), data


def _file(sha256: str) -> str:
    return f"{sha256}.safetensors"


def read(path: Path, spec: GameSpec) -> tuple[Manifest, dict[str, bytes]]:
    """Read an archive whole and check all of it: the weights by digest, each of which `unpack` takes for this game.

    Raises `ArchiveError`, one line that begins with the path.
    """
    try:
        with opened(path, LARGEST, LARGEST_TOTAL + LARGEST_MANIFEST) as source:
            manifest = Manifest.from_json(_json(source.read(MANIFEST, LARGEST_MANIFEST)))
            _check_game(manifest, spec)
            weights = {}
            for snapshot in manifest.snapshots:
                if snapshot.digest not in weights:
                    weights[snapshot.digest] = _checked(source.read(_file(snapshot.digest), LARGEST), snapshot, spec)
            return manifest, weights
    except PolicyError as error:
        raise ArchiveError(f"{path}: {error}: nothing was imported") from error
    except _BROKEN as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ArchiveError(f"{path} cannot be read: {reason}: nothing was imported") from error


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ArchiveError(f"{MANIFEST} is not JSON: {error}") from error


def _check_game(manifest: Manifest, spec: GameSpec) -> None:
    theirs = (manifest.game, manifest.shape, manifest.actions, manifest.seats)
    ours = (spec.name, spec.shape, spec.actions, spec.seats)
    if theirs != ours:
        raise ArchiveError(f"its policies play {_game(*theirs)}, not {_game(*ours)}")


def _game(name: str, shape: tuple[int, ...], actions: int, seats: int) -> str:
    return f"{name} (observations {list(shape)}, {actions} actions, {seats} seats)"


def _checked(data: bytes, snapshot: Snapshot, spec: GameSpec) -> bytes:
    found = digest(data)
    if found != snapshot.digest or len(data) != snapshot.bytes:
        raise ArchiveError(
            f"the weights of {snapshot.name} are {len(data)} bytes with hash {found[:12]}, "
            f"but {snapshot.bytes} bytes with hash {snapshot.digest[:12]} were announced"
        )
    for name, tensor in unpack(data, spec).state_dict().items():
        if not bool(torch.isfinite(tensor).all()):
            raise ArchiveError(f"{snapshot.name} holds a number that is not finite, in {name}")
    return data
