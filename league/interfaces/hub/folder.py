"""The folder of a Space or a model repository: its files, and how one is known for ours."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from league.errors import LeagueError
from league.interfaces.hub.markup import one_line

MANIFEST: Final = "league.json"
"""Names what the folder holds. A folder or a repository without it is somebody else's."""
FORMAT: Final = 1
LARGE: Final = 1_000_000
"""Bytes; larger files go to Git LFS."""
BINARY: Final = (".gif", ".onnx", ".safetensors", ".wasm", ".pt2")
"""Files that go there whatever their size: the hub takes no other binary file from git."""

Kind = Literal["space", "model"]


class Manifest(NamedTuple):
    """What `league.json` says, as far as it matters to whoever publishes."""

    kind: Kind
    sdk: str | None
    """Of a Space: static or gradio."""
    policy: str
    game: str


def read_manifest(folder: Path) -> Manifest:
    """Raise `LeagueError` for a folder that `league export` has not made."""
    if not folder.is_dir():
        raise LeagueError(f"{one_line(folder)} is no folder: league export POLICY --format space --output makes one")
    wrong = f"{one_line(folder)} is no Space and no model repository of league export: it holds no good {MANIFEST}"
    try:
        said: Any = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        kind, sdk = said["kind"], said.get("sdk")
        policy, game = str(said["policy"]), str(said["game"]["name"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise LeagueError(wrong) from None
    if said.get("format") != FORMAT or (kind, sdk) not in (("space", "static"), ("space", "gradio"), ("model", None)):
        raise LeagueError(wrong)
    return Manifest(kind, sdk, policy, game)


def attributes(files: Mapping[str, bytes]) -> str:
    """The lines of `.gitattributes` for these files, in the order of their names."""
    large = [name for name, data in sorted(files.items()) if len(data) > LARGE or name.endswith(BINARY)]
    return "".join(f"{name} filter=lfs diff=lfs merge=lfs -text\n" for name in large)


def in_lfs(files: Mapping[str, Path]) -> frozenset[str]:
    """Which of these files the folder's `.gitattributes` gives to Git LFS, by name."""
    path = files.get(".gitattributes")
    lines = [] if path is None else path.read_text(encoding="utf-8").splitlines()
    return frozenset(line.split()[0] for line in lines if "filter=lfs" in line)


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder whole or not at all; one that `league export` made is replaced.

    Raises `LeagueError` where something else is, or the system refuses.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise LeagueError(f"cannot write {one_line(folder)}: it is not a folder")
    if folder.is_dir() and any(folder.iterdir()):
        try:
            read_manifest(folder)
        except LeagueError:
            raise LeagueError(
                f"cannot write {one_line(folder)}: it exists already, and is not one of league export; "
                "give another --output"
            ) from None
    folder = folder.absolute()
    part = folder.with_name(f".{folder.name[:80]}.{os.getpid()}.part")
    old = part.with_suffix(".old")
    try:
        for name, data in files.items():
            path = part / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        if folder.exists():
            folder.replace(old)
        part.replace(folder)
    except OSError as error:
        if old.exists() and not folder.exists():
            old.replace(folder)
        raise LeagueError(f"cannot write {one_line(folder)}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def listed(folder: Path) -> dict[str, Path]:
    """The files of a folder that are published, by their names there, in order.

    Hidden ones are left out, but for `.gitattributes`. Raises `LeagueError` for a link, or anything that is no file.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if any(part.startswith(".") for part in name.parts) and str(name) != ".gitattributes":
            continue
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            continue
        if not stat.S_ISREG(mode):
            raise LeagueError(f"{one_line(path)} is a link, or no file: only files are published")
        found[name.as_posix()] = path
    return found
