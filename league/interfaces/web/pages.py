"""The parts of the page, rendered. Whatever comes from the store is text: every template escapes."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from league.errors import LeagueError, UnknownPolicyError
from league.every import Every
from league.interfaces.web.charts import elo_history, whiskers
from league.interfaces.web.promotion import Promoter
from league.ladder.leaderboard import Row
from league.ladder.records import Match
from league.status import LearnerStatus
from league.view.attachment import Attachment
from league.view.heat import HeatMap, heat_map
from league.view.overview import Overview
from league.view.visitors import Visitors, note
from league.view.words import duration, evidence, moment, percent, size

READ_EVERY_S: Final = 1.0
"""The store is read at most so often, however many people look."""
TOP: Final = 10
"""Snapshots on the leaderboard of the first page, beside the bots among them; the champion may be one more."""
RANKED: Final = 500
"""Policies on a page of the whole leaderboard: more take a browser seconds, whenever it reads them anew."""
CHAMPIONS: Final = 8
"""Champions on the first page."""
SILENT_S: Final = 300
"""A learner that has not finished an iteration for so long, while the league trains, is shown as silent."""

PARTS: Final = (
    "news",
    "notice",
    "headline",
    "leaderboard",
    "history",
    "payoff",
    "matches",
    "learners",
    "champions",
    "promotable",
    "progress",
    "events",
)
"""Parts of the first page that change while somebody looks, each a template."""


class Pages:
    """Renders what the store holds, or last held."""

    def __init__(
        self,
        attachment: Attachment,
        promoter: Promoter,
        visitors: Visitors,
        *,
        local: bool,
        play_url: str | None = None,
    ) -> None:
        """`local`: nobody looks from beyond this machine; `play_url`: where people can play against this league."""
        self._play_url = play_url
        self._visitors = visitors
        self._attachment = attachment
        self._promoter = promoter
        self._overview: Overview | None = None
        """What was read last, None if nothing ever was."""
        self._heat: HeatMap | None = None
        self._error: str | None = None
        self._parts: dict[str, str] = {}
        self._every = Every(READ_EVERY_S, at_once=True)
        self._lock = asyncio.Lock()
        self._templates = _environment(local)

    async def parts(self) -> Mapping[str, str]:
        """HTML by part, at most `READ_EVERY_S` old while the store answers."""
        async with self._lock:
            if self._every.due:
                self._parts = await asyncio.to_thread(self._refresh)
                self._every.begin()
        return self._parts

    def render(self, template: str, **values: Any) -> str:
        """Any template, with what is known of the league."""
        overview = self._overview
        known = {
            "overview": overview,
            "error": self._error,
            "latest": overview.latest if overview else [],
            "promotable": overview.promotable if overview else {},
        }
        return self._templates.get_template(template).render(known | values)

    def ranked(self, wanted: int) -> str:
        """The page of the whole leaderboard with that number, 1 being its top, or the nearest that there is."""
        rows = [] if self._overview is None else self._overview.rows
        pages = max(1, -(-len(rows) // RANKED))
        number = max(1, min(wanted, pages))
        shown = rows[(number - 1) * RANKED : number * RANKED]
        return self.render("leaderboard.html", rows=shown, number=number, pages=pages)

    def policy(self, name: str, latest: Sequence[Match], now_s: float) -> str:
        """The page of one policy with its `latest` matches; raises `UnknownPolicyError` where there is none."""
        overview = self._overview
        row = None if overview is None else next((row for row in overview.rows if row.policy == name), None)
        if overview is None or row is None:
            raise UnknownPolicyError(f"no policy {name!r} in this league")
        values = {"name": name, "row": row, "snapshot": overview.snapshots.get(name), "latest": latest, "now_s": now_s}
        chart = elo_history(overview, policy=name)
        return self.render("policy.html", **values, chart=chart, play_url=self._play_url)

    def _refresh(self) -> dict[str, str]:
        try:
            overview = self._attachment.look()
            self._heat = heat_map(self._attachment.store(), overview)
            if self._error is not None:
                note(f"league {overview.league!r}: the store answers")
            self._overview, self._error = overview, None
        except LeagueError as error:
            self._error = self._visitors.told(error)
        values: dict[str, Any] = {"attempt": self._promoter.attempt, "silent_s": SILENT_S, "shown": CHAMPIONS}
        if self._overview is not None:
            top = shortened(self._overview.rows)
            values |= {"top": top, "whiskers": whiskers(top), "chart": elo_history(self._overview), "map": self._heat}
        values["numbers"] = list(LearnerStatus.numbers("page"))
        return {part: self.render(f"parts/{part}.html", **values) for part in PARTS}


def _environment(local: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("league.interfaces.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., str]] = {
        "moment": moment,
        "ago": ago,
        "size": size,
        "duration": duration,
        "iso": lambda at_s: datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds"),
        "segment": lambda word: quote(word, safe=""),
        "elo": lambda points: f"{round(points):+d}".replace("-", "\N{MINUS SIGN}") if round(points) else "0",
        "spaced": lambda count: f"{count:,}",
        "evidence": evidence,
        "percent": percent,
    }
    environment.filters |= filters
    environment.globals["local"] = local
    return environment


def shortened(rows: Sequence[Row]) -> list[Row]:
    """The `TOP` strongest snapshots, the bots that stand among them, and the champion."""
    above = itertools.accumulate(row.kind == "snapshot" for row in rows)
    return [row for row, snapshots in zip(rows, above, strict=True) if snapshots <= TOP or row.champion]


def ago(seconds: float) -> str:
    """`7300` as `2 h ago`: the largest unit, nothing below a minute, so that it seldom changes."""
    units = (("days", 86_400), ("h", 3600), ("min", 60))
    count, unit = next(((int(seconds / size), unit) for unit, size in units if seconds >= size), (0, ""))
    return f"{count} {unit.removesuffix('s') if count == 1 else unit} ago" if unit else "just now"
