"""Old matches of the log by the ten thousand: a segment is a Parquet file, compressed, with the hash of its bytes.

One row per match: `number` in the log, `match_id`, `row`, `column`, `played_s`, `dropped`, `gate`, `groups`, and
`results`, a list of `{seating, wins, draws, losses}` from the point of view of `row`; `more` is what else a match has,
as JSON. Any reader of Parquet reads it; it gives back every match to the last bit.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from league.errors import SegmentError
from league.ladder.records import Match, Plain, Tally

Numbered = tuple[int, Match]
"""A match and its number in the log: 1 is the first."""

COMPRESSION: Final = "zstd"
_DEFAULTS: Final = {f.name: f.default for f in fields(Match)}
_PLAIN: Final = ("number", "match_id", "row", "column", "played_s", "dropped", "gate", "groups")


@dataclass(frozen=True, kw_only=True)
class Segment(Plain):
    """Where some of the oldest matches are."""

    number: int
    """1 is the oldest; without a gap."""
    first: int
    """Number of its first match in the log."""
    last: int
    """Number of its last match."""
    matches: int
    """How many they are; fewer than the numbers between those two where `league repair` has removed some."""
    bytes: int
    """Size of the file."""
    sha256: str
    """Of the file, in hexadecimal."""
    place: str | None = None
    """Path or URL of the file; a relative one is below the store's folder. None: the store itself holds it."""

    @property
    def about(self) -> str:
        """What to call it in a message."""
        return f"segment {self.number} of the match log (matches {self.first:,} to {self.last:,})"


def schema() -> Any:
    """The columns, as a `pyarrow.Schema`."""
    import pyarrow as pa  # Not above: most commands read no segment.

    counts = [pa.field(name, pa.int64(), nullable=False) for name in ("wins", "draws", "losses")]
    result = pa.struct([pa.field("seating", pa.string(), nullable=False), *counts])
    return pa.schema(
        [
            pa.field("number", pa.int64(), nullable=False),
            *(pa.field(name, pa.string(), nullable=False) for name in ("match_id", "row", "column")),
            pa.field("played_s", pa.float64(), nullable=False),
            pa.field("dropped", pa.int64(), nullable=False),
            pa.field("gate", pa.bool_(), nullable=False),
            pa.field("groups", pa.list_(pa.int64()), nullable=False),
            pa.field("results", pa.list_(result), nullable=False),
            pa.field("more", pa.string()),
        ]
    )


def table(matches: Iterable[Numbered]) -> Any:
    """Matches as a `pyarrow.Table` with the columns of `schema`."""
    import pyarrow as pa

    columns: dict[str, list[Any]] = {name: [] for name in (*_PLAIN, "results", "more")}
    for number, match in matches:
        columns["number"].append(number)
        for name in _PLAIN[1:]:
            columns[name].append(getattr(match, name))
        columns["more"].append(_more(match))
        columns["results"].append([{"seating": s, **tally._asdict()} for s, tally in match.results.items()])
    return pa.table(columns, schema=schema())


def _more(match: Match) -> str | None:
    """Fields that have no column, where they are not what they are by default."""
    plain = {name: value for name, value in match.to_json().items() if name not in (*_PLAIN, "results")}
    more = {name: value for name, value in plain.items() if value != _DEFAULTS.get(name)}
    return json.dumps(more, separators=(",", ":"), allow_nan=False) if more else None


def encode(matches: Sequence[Numbered]) -> bytes:
    """The file of a segment."""
    return encode_table(table(matches))


def encode_table(matches: Any) -> bytes:
    """The file of a segment whose matches are a `table` already."""
    import pyarrow.parquet as pq

    written = io.BytesIO()
    pq.write_table(matches, written, compression=COMPRESSION, use_dictionary=["row", "column"])
    return written.getvalue()


def _numbers(column: Any) -> list[Any]:
    """The values of a column without nulls; twice as fast as `to_pylist`."""
    return list(column.to_numpy(zero_copy_only=False).tolist())


def _names(column: Any) -> list[str]:
    """The values of a column in which the same come again and again, each of them once in memory."""
    encoded = column.dictionary_encode()
    names = encoded.dictionary.to_pylist()
    return [names[index] for index in encoded.indices.to_pylist()]


def decode(data: bytes) -> Iterator[Numbered]:
    """The matches of a file, in their order; raises `SegmentError` for what is none."""
    return _rows(_read(data))


def unrated(data: bytes) -> tuple[list[Numbered], float]:
    """Those that are not rated, without a look at the others, and when the first of all was played; raises as `decode`.

    There are few of them, and they are marked by `gate`, or by something in `more`.
    """
    import pyarrow.compute as pc

    read = _read(data)
    marked = pc.or_(read["gate"], pc.is_valid(read["more"]))
    first_s = read["played_s"][0].as_py() if len(read) else float("inf")
    return [one for one in _rows(read.filter(marked)) if not one[1].rated], first_s


def _read(data: bytes) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(io.BytesIO(data)).select(schema().names).cast(schema())
    except (pa.ArrowException, KeyError, TypeError, ValueError, OSError) as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> SegmentError:
    return SegmentError(f"a segment of the match log cannot be read: {' '.join(str(error).split())[:200]}")


def _rows(read: Any) -> Iterator[Numbered]:
    try:
        columns = {name: read[name].combine_chunks() for name in schema().names}
        results, groups = columns["results"], columns["groups"]
        values, ends, group_ends = results.values, results.offsets.to_pylist(), groups.offsets.to_pylist()
        tallies = zip(*(_numbers(values.field(name)) for name in Tally._fields), strict=True)
        pairs = list(zip(_names(values.field("seating")), map(Tally._make, tallies), strict=True))
        grouped = _numbers(groups.values)
        named = (columns["match_id"].to_pylist(), _names(columns["row"]), _names(columns["column"]))
        plain = zip(
            _numbers(columns["number"]),
            *named,
            *(_numbers(columns[name]) for name in ("played_s", "dropped", "gate")),
            columns["more"].to_pylist(),
            strict=True,
        )
        for place, (number, match_id, row, column, played_s, dropped, gate, more) in enumerate(plain):
            yield (
                number,
                Match(
                    match_id=match_id,
                    row=row,
                    column=column,
                    results=dict(pairs[ends[place] : ends[place + 1]]),
                    played_s=played_s,
                    dropped=dropped,
                    groups=tuple(grouped[group_ends[place] : group_ends[place + 1]]),
                    gate=gate,
                    **({} if more is None else json.loads(more)),
                ),
            )
    except (KeyError, TypeError, ValueError) as error:  # `pa.ArrowInvalid` is a `ValueError`.
        raise _unreadable(error) from error
