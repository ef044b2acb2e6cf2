"""The dashboards as they are in the repository, and what can be read off them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[2] / "dashboards"
FILES = sorted((FOLDER / "grafana").glob("*.json"))
RULES = sorted((FOLDER / "prometheus").glob("*.yml"))

METRIC = re.compile(r"\b(?:league[_:][a-z_:]+|ray_[a-z_]+|autoscaler_[a-z_]+|kubelet_[a-z_]+|ALERTS)\b(?!\s*[=~!])")


def load(path: Path) -> dict[str, Any]:
    dashboard: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return dashboard


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """Without the headings."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def queries(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each query of a dashboard with the name of its panel; those of the annotations, too."""
    dashboard = load(path)
    for panel in panels(dashboard):
        for target in panel["targets"]:
            yield f"{path.stem}: {panel['title']} {target['refId']}", target
    for annotation in dashboard["annotations"]["list"]:
        yield (
            f"{path.stem}: {annotation['name']}",
            {"expr": annotation["expr"], "legendFormat": annotation["textFormat"]},
        )


def names(expr: str) -> set[str]:
    """The metrics of an expression; what stands in quotes are values of labels."""
    return set(METRIC.findall(re.sub(r'"[^"]*"', '""', expr)))


def rules() -> list[dict[str, Any]]:
    """All recording and alert rules."""
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text(encoding="utf-8")).get("groups", ())]
    return [rule for group in groups for rule in group["rules"]]
