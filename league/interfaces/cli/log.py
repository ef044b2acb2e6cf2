"""`league log`: where the oldest matches are, and all of them in one file."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from league.errors import StoreError
from league.interfaces.cli import console, options
from league.interfaces.cli.console import Column, Columns
from league.interfaces.cli.files import replacing
from league.pool.address import absolute
from league.view.words import counted, size

if TYPE_CHECKING:
    from league.pool.segments import Numbered, Segment

ROWS: Final = 10_000
"""Matches that are written at once: a row group of Parquet."""

COLUMNS: Final[Columns[Segment]] = (
    Column(">segment", lambda segment: segment.number),
    Column(">first match", lambda segment: f"{segment.first:,}"),
    Column(">last match", lambda segment: f"{segment.last:,}"),
    Column(">size", lambda segment: size(segment.bytes)),
    Column("sha256", lambda segment: segment.sha256[:12]),
    Column("where", lambda segment: segment.place or "in the store"),
)


def list_log(
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    json: options.JsonOption = False,
) -> None:
    """List the segments of the match log, oldest first, and where each of them is; newer matches are in the store."""
    with options.open_league(store, league) as (opened, _):
        segments, matches = opened.segments(), opened.match_count()
    inside = sum(segment.matches for segment in segments)
    note = f"{matches - inside:,} newer matches are kept one by one"
    console.show(segments, COLUMNS, json=json, empty=f"no segments yet; {note}", note=note)


def archive(
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    to: Annotated[
        str | None, typer.Option("--to", help="A folder, or s3:// or gs://; default: as `log.archive` says.")
    ] = None,
    keep: Annotated[
        int | None, options.number(least=1, help="Newest matches that stay one by one; default: as `log.keep` says.")
    ] = None,
    json: options.JsonOption = False,
) -> None:
    """Put old matches together and move them out of the store, also while the league trains. It does so by itself, too.

    May be interrupted at any moment, and goes on where it was.
    """
    import dataclasses

    with options.open_league(store, league) as (opened, config), console.watching() as watch:
        rule = config.log if keep is None else dataclasses.replace(config.log, keep=keep)
        place = to if to is not None else rule.archive
        if to is not None and "://" not in to:
            place = absolute(to)
        dataclasses.replace(rule, archive=place)  # Raises for a place that is none.
        sealed = opened.seal(rule, watch)
        beyond = opened.match_count() - opened.archived()["matches"] - rule.keep
        if beyond > 0:  # Whoever asks wants the rest moved, too, though it fills no segment.
            sealed += opened.seal(dataclasses.replace(rule, segment=beyond), watch)
        moved = opened.archive(place, watch)
        held = sum(segment.place is None for segment in opened.segments())
    found = {"sealed": sealed, "moved": moved, "held": held}
    stay = f"{counted(held, 'segment')} {'stays' if held == 1 else 'stay'} in the store"
    left = f"; {stay}: give a place with --to, or set log.archive" if held else ""
    line = f"put {counted(sealed, 'match')} together, archived {counted(moved, 'segment')}{left}"
    console.show_page([line], lambda: found, json=json)


def export_log(
    file: Annotated[Path, typer.Argument(help="Ends in .parquet, .jsonl or .jsonl.gz.")],
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    last: Annotated[int | None, options.number(least=1, help="Only the newest so many matches.")] = None,
    json: options.JsonOption = False,
) -> None:
    """Write every match to one file, oldest first, wherever it is now, also while the league trains."""
    writing = _writer(file)
    with options.open_league(store, league) as (opened, _), console.watching() as watch:
        ends = opened.stored_last()
        matches = opened.history(max(0, ends - last) if last is not None else 0, ends, watch=watch)
        count = 0
        with replacing(file) as part, writing(part) as write:
            while chunk := list(islice(matches, ROWS)):
                write(chunk)
                count += len(chunk)
    written = file.stat().st_size
    page = [f"{counted(count, 'match')} in {file}, {size(written)}"]
    console.show_page(page, lambda: {"file": str(file), "matches": count, "bytes": written}, json=json)


Write = Callable[["list[Numbered]"], Any]


def _writer(file: Path) -> Callable[[Path], Any]:
    for ending, writer in (
        (".parquet", _parquet),
        (".jsonl.gz", lambda part: _lines(partial(gzip.open, part, "wb", compresslevel=6))),
        (".jsonl", lambda part: _lines(partial(part.open, "wb"))),
    ):
        if file.name.endswith(ending):
            return writer
    raise StoreError(f"cannot export to {file}: the name must end in .parquet, .jsonl or .jsonl.gz")


@contextmanager
def _parquet(part: Path) -> Iterator[Write]:
    import pyarrow.parquet as pq

    from league.pool.segments import COMPRESSION, schema, table

    with pq.ParquetWriter(part, schema(), compression=COMPRESSION) as writer:
        yield lambda chunk: writer.write_table(table(chunk))


@contextmanager
def _lines(opening: Callable[[], Any]) -> Iterator[Write]:
    """A line of JSON per match, with its `number`."""
    from league.pool.connection import dumps

    with opening() as file:

        def write(chunk: list[Numbered]) -> None:
            lines = (dumps({"number": number, **match.to_json()}) for number, match in chunk)
            file.write("".join(f"{line}\n" for line in lines).encode())

        yield write
