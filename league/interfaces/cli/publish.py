"""`league publish`: a folder of `league export` on the Hugging Face hub."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from league.interfaces.cli import options
from league.interfaces.cli.console import Column, facts, show, show_page
from league.view.words import counted, size


class Line(NamedTuple):
    """One file that is uploaded: its path in the repository, and its size in bytes."""

    file: str
    bytes: int
    lfs: bool
    """Whether `.gitattributes` gives it to Git LFS."""

    def to_json(self) -> dict[str, Any]:
        """The file as plain data for JSON: `file`, `bytes` and `lfs`."""
        return self._asdict()


COLUMNS = (
    Column[Line]("file", lambda line: line.file, fold=True),
    Column[Line](">size", lambda line: size(line.bytes)),
    Column[Line]("", lambda line: "LFS" if line.lfs else ""),
)


def publish(
    folder: Annotated[Path, typer.Argument(help="What `league export --format space` or `hf-model` has written.")],
    repo: Annotated[str, typer.Option("--repo", metavar="USER/NAME", help="The repository; made if it is not there.")],
    private: Annotated[bool, typer.Option("--private", help="If it is made: only you can see it.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list the files and their sizes.")] = False,
    json: options.JsonOption = False,
) -> None:
    """Bring a folder to the Hugging Face hub in one commit, with the token in HF_TOKEN (extra: hub)."""
    from league.interfaces.hub import publishing
    from league.interfaces.hub.folder import in_lfs, listed, read_manifest

    manifest, files = read_manifest(folder), listed(folder)
    publishing.check_repository(repo)
    if dry_run:
        large = in_lfs(files)
        lines = [Line(name, path.stat().st_size, name in large) for name, path in files.items()]
        note = f"{counted(len(lines), 'file')}, {size(sum(line.bytes for line in lines))}, for {repo}: nothing was sent"
        show(lines, COLUMNS, json=json, note=note)
        return
    done = publishing.publish(manifest, files, repo, private=private, environment=os.environ)
    show_page([facts(asdict(done))], lambda: asdict(done), json=json)
