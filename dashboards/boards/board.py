"""A whole dashboard: its panels laid out, and the variables, links and annotations that all of ours share."""

from __future__ import annotations

from collections.abc import Sequence

from dashboards.boards.pieces import DATASOURCE, PICKED, SCHEMA_VERSION, WIDTH, Json, Row, query

TAG = "league"
"""Grafana's links between the dashboards follow it."""

ALL = {"selected": True, "text": ["All"], "value": ["$__all"]}


def board(*, uid: str, title: str, about: str, rows: Sequence[Row]) -> Json:
    """The dashboard as Grafana reads it."""
    return {
        "uid": uid,
        "title": title,
        "description": about,
        "tags": [TAG],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "links": _links(),
        "templating": {"list": _variables()},
        "annotations": {"list": [_promotions()]},
        "panels": _lay(rows),
    }


def _lay(rows: Sequence[Row]) -> list[Json]:
    """Give every panel its number and its place: as high as it fits, then as far left."""
    laid: list[Json] = []
    bottom = 0
    for row in rows:
        heading = {"type": "row", "title": row.title, "collapsed": False, "panels": []}
        laid.append({**heading, "id": len(laid) + 1, "gridPos": {"x": 0, "y": bottom, "w": WIDTH, "h": 1}})
        free = [bottom + 1] * WIDTH  # where each column of the grid is free from
        for panel in row.panels:
            top, left = min((max(free[x : x + panel.width]), x) for x in range(WIDTH - panel.width + 1))
            free[left : left + panel.width] = [top + panel.height] * panel.width
            place = {"x": left, "y": top, "w": panel.width, "h": panel.height}
            laid.append({**panel.body, "id": len(laid) + 1, "gridPos": place})
        bottom = max(free)
    return laid


def _links() -> list[Json]:
    shared = {"asDropdown": False, "includeVars": True, "keepTime": True, "targetBlank": False, "tooltip": ""}
    return [
        {"type": "dashboards", "title": "League", "icon": "external link", "tags": [TAG], "url": "", **shared},
        {
            "type": "link",
            "title": "Ray",
            "icon": "dashboard",
            "tags": [],
            "url": "/d/rayDefaultDashboard",
            **shared,
            "tooltip": "Ray's own dashboard",
        },
    ]


def _variables() -> list[Json]:
    """The names `datasource` and `SessionName` are Ray's: its dashboard sets them where it embeds one of ours."""
    return [
        {
            "type": "datasource",
            "name": "datasource",
            "label": "Prometheus",
            "description": "The Prometheus that scrapes the exporter and Ray.",
            "query": "prometheus",
            "hide": 0,
            "refresh": 1,
            "includeAll": False,
            "multi": False,
        },
        _choice("league", "League", "Name of the league, as in league train --league.", "league_info", several=False),
        _choice("instance", "Exporter", "Who exported it: one address at a time.", 'league_info{league=~"$league"}'),
        _choice("SessionName", "Ray session", "Of which Ray the cluster's metrics are.", "ray_node_cpu_count"),
    ]


def _choice(name: str, label: str, about: str, series: str, *, several: bool = True) -> Json:
    """A variable with the values of a label of that name; all of them at first, if there may be several."""
    wanted = f"label_values({series}, {name})"
    return {
        "type": "query",
        "name": name,
        "label": label,
        "description": about,
        "datasource": DATASOURCE,
        "definition": wanted,
        "query": {"qryType": 1, "query": wanted, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        "hide": 0,
        "refresh": 2,
        "sort": 1,
        "includeAll": several,
        "multi": several,
    } | ({"current": ALL} if several else {})


def _promotions() -> Json:
    """A mark where a champion was promoted, with its name."""
    expr = f"league_champion_info{PICKED} and on (instance) league_champion_age_seconds{PICKED} < 60"
    return {
        "name": "Promotions",
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": "purple",
        "expr": expr,
        "step": "60s",
        "titleFormat": "Promotion",
        "textFormat": "{{policy}} is the champion of {{instance}}",
        "target": {"refId": "Promotions", **query(expr)},
    }
