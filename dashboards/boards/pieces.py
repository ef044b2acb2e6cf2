"""What every dashboard is made of: queries, panels, variables, links, in the words of Grafana's classic JSON model.

Grafana fills in what is left out. Colours and thresholds mean the same everywhere: green is well, orange wants a look,
red is broken.
"""

from __future__ import annotations

import dataclasses
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

SCHEMA_VERSION = 42
WIDTH = 24
"""Columns of Grafana's grid."""
DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
GREEN, ORANGE, RED, BLUE = "green", "orange", "red", "blue"


def picked(**labels: str) -> str:
    """Selects the league, by its exporter; in every query of a metric of ours."""
    return _selector(labels, "instance")


def session(**labels: str) -> str:
    """Selects the Ray session; in every query of a metric of Ray's."""
    return _selector(labels, "SessionName")


def _selector(labels: Mapping[str, str], variable: str) -> str:
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return "{" + ", ".join([*wanted, f'{variable}=~"${variable}"']) + "}"


PICKED = picked()
SESSION = session()


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A panel without its place."""

    body: Json
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class Row:
    """A heading, and the panels below it from left to right; what does not fit goes to the next line."""

    title: str
    panels: Sequence[Panel]


def query(expr: str, legend: str = "", *, instant: bool = False) -> Json:
    """A query over the time range, or of its end as a table; `legend` may hold `{{label}}`.

    Each series is of one league, or of one Ray session, and its legend ends with which: two leagues may have policies,
    learners and nodes of the same names.
    """
    kind = {"instant": True, "range": False, "format": "table"} if instant else {"range": True, "format": "time_series"}
    of = "{{instance}}" if "$instance" in expr else "{{SessionName}}"
    named = legend if instant or of in legend else f"{legend} · {of}" if legend else of
    return {"expr": expr, "legendFormat": named or "__auto", **kind}


def per_league(operator: str, expr: str, *labels: str) -> str:
    """An aggregation that adds up no two leagues: by the exporter, and by `labels`."""
    return f"{operator} by ({', '.join(('instance', *labels))}) ({expr})"


def per_session(operator: str, expr: str, *labels: str) -> str:
    """An aggregation that adds up no two Ray sessions: by the session, and by `labels`."""
    return f"{operator} by ({', '.join(('SessionName', *labels))}) ({expr})"


def thresholds(base: str, *steps: tuple[float, str]) -> Json:
    """A colour from the bottom, and others from a value on."""
    found = [{"value": None, "color": base}, *({"value": value, "color": color} for value, color in steps)]
    return {"mode": "absolute", "steps": found}


def names(texts: Mapping[Any, str | tuple[str, str]]) -> list[Json]:
    """Values to be shown as texts, or as texts in a colour."""
    options = {}
    for index, (value, text) in enumerate(texts.items()):
        shown, color = text if isinstance(text, tuple) else (text, None)
        options[str(value)] = {"text": shown, "index": index} | ({"color": color} if color else {})
    return [{"type": "value", "options": options}]


def override(name: str, **properties: Any) -> Json:
    """Properties of one column of a table, by its name; `__` in a property stands for a dot."""
    return _override("byName", name, properties)


def override_legend(start: str, **properties: Any) -> Json:
    """Properties of the series whose legend starts with `start`, of whichever league; as `override`."""
    return _override("byRegexp", f"/^{start} · /", properties)


def _override(matcher: str, options: str, properties: Mapping[str, Any]) -> Json:
    found = [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()]
    return {"matcher": {"id": matcher, "options": options}, "properties": found}


def timeseries(
    title: str,
    about: str,
    *queries: Json,
    unit: str,
    width: int = 12,
    height: int = 8,
    stacked: bool = False,
    steps: bool = False,
    limits: Json | None = None,
    overrides: Sequence[Json] = (),
    **defaults: Any,
) -> Panel:
    """Lines over time; `limits` are thresholds that are drawn as dashed lines."""
    custom: Json = {
        "drawStyle": "line",
        "lineWidth": 2 if not stacked else 1,
        "fillOpacity": 30 if stacked else 5,
        "lineInterpolation": "stepAfter" if steps else "linear",
        "showPoints": "auto",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if limits else "off"},
    }
    return _panel(
        "timeseries",
        title,
        about,
        queries,
        width,
        height,
        defaults={"unit": unit, "custom": custom, "thresholds": limits or thresholds(GREEN), **defaults},
        overrides=overrides,
        options={
            "legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["lastNotNull"]},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    )


def stat(
    title: str, about: str, *queries: Json, unit: str, width: int = 4, limits: Json | None = None, **defaults: Any
) -> Panel:
    """One number, or the text of its legend with `text=True`."""
    text = defaults.pop("text", False)
    return _panel(
        "stat",
        title,
        about,
        queries,
        width,
        4,
        defaults={"unit": unit, "thresholds": limits or thresholds(BLUE), **defaults},
        options={
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "colorMode": "value",
            "graphMode": "none" if text else "area",
            "justifyMode": "auto",
            "orientation": "auto",
            "textMode": "name" if text else "auto",
            "wideLayout": True,
        },
    )


def table(
    title: str,
    about: str,
    *queries: Json,
    unit: str,
    transformations: Sequence[tuple[str, Json]],
    width: int = 12,
    height: int = 12,
    overrides: Sequence[Json] = (),
    **defaults: Any,
) -> Panel:
    """Rows of the last values; each transformation is its name and its options."""
    return _panel(
        "table",
        title,
        about,
        queries,
        width,
        height,
        defaults={"unit": unit, "thresholds": thresholds(BLUE), "custom": {"align": "auto"}, **defaults},
        overrides=overrides,
        options={"showHeader": True, "cellHeight": "sm"},
        transformations=[{"id": name, "options": options} for name, options in transformations],
    )


def timeline(
    title: str,
    about: str,
    *queries: Json,
    unit: str = "none",
    width: int = 12,
    height: int = 6,
    overrides: Sequence[Json] = (),
    **defaults: Any,
) -> Panel:
    """What was the case when, as bars."""
    return _panel(
        "state-timeline",
        title,
        about,
        queries,
        width,
        height,
        defaults={
            "unit": unit,
            "thresholds": thresholds(GREEN),
            "custom": {"lineWidth": 0, "fillOpacity": 70, "spanNulls": False, "insertNulls": False},
            **defaults,
        },
        overrides=overrides,
        options={
            "mergeValues": True,
            "showValue": "auto",
            "alignValue": "left",
            "rowHeight": 0.9,
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
            "tooltip": {"mode": "single", "sort": "none"},
        },
    )


def heatmap(title: str, about: str, *queries: Json, unit: str, width: int = 12, height: int = 8) -> Panel:
    """How many of the series lie where, over time; it has no legend, so each league has a panel of its own."""
    made = _panel(
        "heatmap",
        title,
        about,
        queries,
        width,
        height,
        defaults={"unit": unit, "custom": {"scaleDistribution": {"type": "linear"}}},
        options={
            "calculate": True,
            "calculation": {"yBuckets": {"mode": "count", "value": "20"}},
            "color": {"mode": "scheme", "scheme": "Oranges", "fill": "dark-orange", "exponent": 0.5, "steps": 64}
            | {"reverse": False, "scale": "exponential"},
            "cellGap": 1,
            "showValue": "never",
            "filterValues": {"le": 1e-9},
            "rowsFrame": {"layout": "auto"},
            "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
            "legend": {"show": True},
            "tooltip": {"mode": "single", "yHistogram": False, "showColorScale": False},
            "exemplars": {"color": "rgba(255,0,255,0.7)"},
        },
    )
    return dataclasses.replace(made, body=made.body | {"repeat": "instance", "repeatDirection": "h"})


def _panel(
    kind: str,
    title: str,
    about: str,
    queries: Sequence[Json],
    width: int,
    height: int,
    *,
    defaults: Json,
    options: Json,
    overrides: Sequence[Json] = (),
    transformations: Sequence[Json] = (),
) -> Panel:
    targets = [
        {"refId": letter, "datasource": DATASOURCE, "editorMode": "code", **one}
        for letter, one in zip(string.ascii_uppercase, queries, strict=False)
    ]
    color = {"mode": "palette-classic" if kind == "timeseries" else "thresholds"}
    body = {
        "type": kind,
        "title": title,
        "description": about,
        "datasource": DATASOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": {"color": color, "noValue": "no data", **defaults}, "overrides": list(overrides)},
        "options": options,
    }
    if transformations:
        body["transformations"] = list(transformations)
    return Panel(body=body, width=width, height=height)
