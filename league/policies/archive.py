"""Policies as files that another league can take in: a folder, a `.tar`, a `.tar.gz` or a `.zip`.

At its top lie `pool.json`, which says what there is, and one `SHA256.safetensors` per policy. An archive comes from
anywhere: `league.policies.members` reads only these names, and nothing in it is believed before it was checked.
"""

from __future__ import annotations

import io
import json
import tarfile
import time
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import torch
from pydantic import AfterValidator, BaseModel, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from league.errors import ArchiveError, PolicyError
from league.games.base import GameSpec
from league.ladder.ratings import Rating, Ratings
from league.ladder.records import Snapshot
from league.policies.members import opened
from league.policies.weights import digest, unpack

FORMAT: Final = 1
"""Version of the layout of `pool.json`."""
MANIFEST: Final = "pool.json"

LARGEST: Final = 512 * 2**20
"""Bytes of one policy: the largest value of Redis."""
LARGEST_TOTAL: Final = 2 * 2**30
"""Bytes of all policies together: they are added to a league in one transaction."""
LARGEST_MANIFEST: Final = 64 * 2**20
LATEST_S: Final = 86_400.0
"""How far ahead of ours the clock may be that dated a policy."""

Kind = Literal["folder", "tar", "tar.gz", "zip"]

_BROKEN: Final = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError)
"""What damaged files raise; a `RuntimeError` is zipfile's for a password."""


def _or(words: str) -> WrapValidator:
    """Whatever else is found is refused in these words, with the value in their braces."""

    def check(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
        try:
            return validate(value)
        except ValidationError as error:
            raise ArchiveError(f"{MANIFEST} {words.format(value)}") from error

    return WrapValidator(check)


def _moment(at_s: float) -> float:
    if not 0 <= at_s <= time.time() + LATEST_S:
        raise ArchiveError(f"{MANIFEST} holds created_s = {at_s:g}: must be a time in seconds from 1970 until now")
    return at_s


_Name = Annotated[
    str,
    Field(pattern="^[A-Za-z0-9_.-]{1,100}$"),
    _or("holds the name {!r}: must be 1 to 100 letters, digits, '_', '.' or '-'"),
]
_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$"), _or("names {!r}, which is no sha256 in hexadecimal")]
_Game = Annotated[str, Field(pattern=r"^[^\p{C}\p{Zl}\p{Zp}]{0,200}$"), _or("does not name its game")]  # On one line.
_Number = Annotated[float, Field(allow_inf_nan=False), _or("holds {!r} where a number belongs")]
_Whole = Annotated[int, Field(ge=0, lt=2**63), _or("holds {!r} where a whole number belongs")]


class _Rating(BaseModel, strict=True):
    mu: _Number
    sigma: _Number
    games: _Whole


class _Row(BaseModel, strict=True):
    """One policy, as it is in the league that it comes from; its rating is for information."""

    name: _Name
    sha256: _Sha256
    learner: _Name
    steps: _Whole
    created_s: Annotated[_Number, AfterValidator(_moment)]
    bytes: _Whole
    parent: _Name | None = None
    rating: _Rating | None = None

    @classmethod
    def of(cls, snapshot: Snapshot, rating: Rating | None) -> Self:
        numbers = None if rating is None else _Rating.model_construct(**vars(rating))
        return cls.model_construct(sha256=snapshot.digest, rating=numbers, **snapshot.to_json())

    def snapshot(self) -> Snapshot:
        return Snapshot(digest=self.sha256, **self.model_dump(exclude={"sha256", "rating"}))


class Manifest(BaseModel, strict=True, frozen=True):
    """What `pool.json`, the list of an archive, says."""

    format: Annotated[Literal[1], _or(f"has format {{!r}}; this version reads format {FORMAT}")]
    league: _Name
    """Where the policies come from."""
    game: _Game
    shape: tuple[_Whole, ...]
    """Shape of one observation of the game."""
    actions: _Whole
    seats: _Whole
    exported_s: _Number
    """When, in seconds of Unix time."""
    rows: tuple[_Row, ...] = Field(alias="snapshots")

    @classmethod
    def of(cls, league: str, spec: GameSpec, snapshots: Iterable[Snapshot], ratings: Ratings) -> Self:
        """The list of these policies of a league, oldest first, to be exported now."""
        game: dict[str, Any] = {"game": spec.name, "shape": spec.shape, "actions": spec.actions, "seats": spec.seats}
        rows = tuple(_Row.of(snapshot, ratings.get(snapshot.name)) for snapshot in snapshots)
        return cls.model_construct(format=FORMAT, league=league, exported_s=time.time(), snapshots=rows, **game)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a `pool.json`; raises `ArchiveError` at anything that is not as it should be."""
        try:
            read = cls.model_validate_json(data)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            said = ": ".join((*map(str, fault["loc"]), fault["msg"]))
            kind = "JSON" if fault["type"] == "json_invalid" else "one of this project"
            raise ArchiveError(f"{MANIFEST} is not {kind}: {said}") from error
        names = {row.name for row in read.rows}
        if not names:
            raise ArchiveError(f"{MANIFEST} lists no policies")
        if len(names) < len(read.rows):
            raise ArchiveError(f"{MANIFEST} names a policy twice")
        check_size(read.snapshots)
        return read

    def to_json(self) -> dict[str, Any]:
        """The list as plain data for JSON, under the names of the fields in the file."""
        return self.model_dump(mode="json", by_alias=True)

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """The snapshots in the archive, oldest first."""
        return tuple(row.snapshot() for row in self.rows)


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
            manifest = Manifest.parse(source.read(MANIFEST, LARGEST_MANIFEST))
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
