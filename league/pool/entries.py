"""Entries of the streams of matches and replays, as they are stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from league.errors import StoreError
from league.ladder.records import Match, Replay

CHUNK: Final = 1000
"""Entries that are read per request."""

Entry = tuple[str, dict[bytes, bytes]]
"""Its id, such as `7-0`, and its fields."""


def read_entries(reply: Any) -> list[Entry]:
    """Entries as `XRANGE` returns them."""
    return [(entry.decode(), fields) for entry, fields in reply or []]


def entry_number(entry: str) -> int:
    """Of an entry, by its id: 1 is the first."""
    return int(entry.partition("-")[0])


def read_match(entry: str, fields: Mapping[bytes, bytes]) -> Match:
    """A match as it is stored; raises `StoreError` for what is none."""
    try:
        return Match.from_json(json.loads(fields[b"match"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"entry {entry} of the match log is not a match: {error}") from error


def read_replays(entry: str, fields: Mapping[bytes, bytes]) -> tuple[Replay, ...]:
    """The games of a match as they are stored; raises `StoreError` for what is none."""
    try:
        return tuple(Replay.from_json(game) for game in json.loads(fields[b"games"]))
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"entry {entry} of the replays holds no games: {error}") from error
