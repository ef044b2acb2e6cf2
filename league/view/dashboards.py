"""The Grafana dashboards and Prometheus rules that come with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Final

LEAGUE_UID: Final = "league-league"
"""Of the dashboard that shows the league as a whole."""

RUNBOOK: Final = "http://127.0.0.1:8420/runbook"
"""Where alerts lead to, unless somebody says otherwise: the league's page on the machine of whoever looks."""


def dashboards_folder() -> Path:
    """`dashboards/` as it was installed with the package, or as it is in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "dashboards"
    return installed if installed.is_dir() else package.parent / "dashboards"


def prometheus_folder() -> Path:
    """Prometheus's configuration, the rules, and the runbook of the alerts."""
    return dashboards_folder() / "prometheus"


def led_to(text: str, runbook: str) -> str:
    """Rules whose alerts lead to another place than the page on this machine; each alert's anchor follows it."""
    return text.replace(RUNBOOK, runbook.partition("#")[0])
