"""What programs get of matches, scores and promotions: the same keys with the same meaning from every command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from league.ladder.comparison import Interval
from league.ladder.records import Match, Promotion, Tally


def tally(games: Tally) -> dict[str, Any]:
    """`games`, `results` by their end, and `score`, points per game in [0, 1], NaN without games."""
    return {"games": games.games, "results": games._asdict(), "score": games.score}


def seatings(results: Mapping[str, Tally]) -> dict[str, Any]:
    """`by_seating`: what `tally` gives, for each seating."""
    return {"by_seating": {seating: tally(games) for seating, games in results.items()}}


def interval(name: str, found: Interval | Sequence[float | None]) -> dict[str, Any]:
    """A figure and the ends of its 95% interval: `NAME`, `NAME_low`, `NAME_high`."""
    return dict(zip((name, f"{name}_low", f"{name}_high"), found, strict=True))


def match(played: Match) -> dict[str, Any]:
    """A match of the log, from the side of `row`."""
    return {
        "match_id": played.match_id,
        "played_s": played.played_s,
        "row": played.row,
        "column": played.column,
        **tally(played.total),
        **seatings(played.results),
        "dropped": played.dropped,
        "counts": list(played.groups),
        "gate": played.gate,
    }


def promotion(entry: Promotion) -> dict[str, Any]:
    """An entry of the champion's history."""
    found = entry.to_json()
    named = {"policy": found.pop("policy"), "sha256": found.pop("digest")}
    return {**named, **found, "evidence": evidence(entry.evidence)}


def evidence(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Of a promotion or a trial, as the store keeps it: there a score and an Elo are lists, with their intervals."""
    found = dict(stored)
    for key, name in (("score", "score"), ("elo", "elo_difference")):
        if isinstance(found.get(key), list) and len(found[key]) == len(Interval._fields):
            found |= interval(name, found.pop(key))
    return found
