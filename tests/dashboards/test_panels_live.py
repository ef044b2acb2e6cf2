"""Every expression of every panel gives data, from a league that runs, its exporter, Ray, and a real Prometheus."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from conftest import Live, wait_until
from dashboard_files import FILES, queries

WITHOUT_DATA = {
    "league-training: GPU by node A": "no GPU",
    "league-training: GPU memory by node A": "no GPU",
    "league-operations: Alerts over time A": "nothing is wrong with this league",
}
"""The only queries that may find nothing on a machine that tests run on, and why."""

QUERIES = [pytest.param(name, target, id=name) for path in FILES for name, target in queries(path)]

STEP_S = 1


def asked(expr: str) -> str:
    """As Grafana sends it: all exporters, all sessions, and windows that fit a scrape every second."""
    for variable, value in {"__rate_interval": "15s", "__range": "1m", "instance": ".+", "SessionName": ".+"}.items():
        expr = expr.replace(f"${variable}", value)
    assert "$" not in expr
    return expr


def answer(live: Live, target: dict[str, Any]) -> list[dict[str, Any]]:
    """The series as a panel gets them: of now for a table, else of the last minute."""
    if target.get("instant"):
        return live.query(asked(target["expr"]))
    end = time.time()
    window = {"start": str(end - 60), "end": str(end), "step": str(STEP_S)}
    series: list[dict[str, Any]] = live.api("query_range", query=asked(target["expr"]), **window)["result"]
    return series


@pytest.mark.parametrize(("name", "target"), QUERIES)
def test_gives_data(live: Live, name: str, target: dict[str, Any]) -> None:
    """In time: a rate needs two samples, and a subquery's steps lie on whole tens of seconds."""
    series: list[dict[str, Any]] = []

    def found() -> bool:
        series[:] = answer(live, target)
        return bool(series)

    if not found() and name in WITHOUT_DATA:
        return
    wait_until(found, asked(target["expr"]))
    for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
        assert all(label in one["metric"] for one in series), f"no label {label}: {series[0]['metric']}"


def test_the_variables_have_values(live: Live) -> None:
    """What `label_values` of each variable asks Prometheus for."""
    for label, series in {
        "league": "league_info",
        "instance": "league_info",
        "SessionName": "ray_node_cpu_count",
    }.items():
        assert live.api(f"label/{label}/values", **{"match[]": series})


def test_the_exceptions_are_panels() -> None:
    assert set(WITHOUT_DATA) <= {param.id for param in QUERIES}
